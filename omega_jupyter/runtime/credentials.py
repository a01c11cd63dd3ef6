"""What a worker needs to act for a user, who sends it along with each task."""

from __future__ import annotations

import json
from dataclasses import dataclass

from omega_jupyter.config import SecretUrl

__all__ = ["Credentials"]


@dataclass(frozen=True)
class Credentials:
    """What a worker needs to act for a user.

    Attributes
    ----------
    mongo_url : SecretUrl
        The database with the user's models and data sets.
    result_backend : SecretUrl
        The database with the user's task records.
    """

    mongo_url: SecretUrl
    result_backend: SecretUrl

    def to_bytes(self) -> bytes:
        """Return the bytes that are sealed."""
        return json.dumps([self.mongo_url.reveal(), self.result_backend.reveal()]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Credentials:
        """Read what :meth:`to_bytes` wrote."""
        mongo_url, result_backend = json.loads(data)
        return cls(SecretUrl(mongo_url), SecretUrl(result_backend))
