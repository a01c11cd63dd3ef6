"""Credentials on their way to a worker: sealed, and bound to one task.

A task carries the client's ``mongo_url`` because a worker has no account of its
own. It is sealed to the workers' public key, so that neither the broker nor
anybody who can read its messages learns it, and bound (as associated data) to
task name, task id, arguments and expiry: a copied header opens on no other task.

The construction is that of ECIES (X25519, HKDF-SHA256, ChaCha20-Poly1305; RFC
7748, 5869, 8439) with a new ephemeral key for each message, so that the derived
key is used once and the nonce may be fixed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError

__all__ = ["HEADER", "Credentials", "Envelope", "digest", "new_private_key", "public_key"]

HEADER = "omega_seal"

# A task that waited longer than this in a queue is refused by the worker.
LIFETIME_SECONDS = 7 * 24 * 3600

_VERSION = 1
_NONCE = bytes(12)
_INFO = b"omega-jupyter seal 1"


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


@dataclass(frozen=True)
class Envelope:
    """Sealed credentials, as they travel in one message header.

    Attributes
    ----------
    key_id : str
        Which of the workers' keys opens it.
    expires : int
        Seconds since the epoch after which a worker refuses it.
    arguments : str
        SHA-256 of the task's arguments, hexadecimal.
    box : str
        Ephemeral public key (32 bytes) and cipher text, base64.
    """

    key_id: str
    expires: int
    arguments: str
    box: str

    @classmethod
    def seal(
        cls,
        credentials: Credentials,
        recipient: str,
        *,
        task: str,
        task_id: str,
        arguments: str,
        lifetime: int = LIFETIME_SECONDS,
    ) -> Envelope:
        """Seal the credentials to the workers' public key.

        Parameters
        ----------
        credentials : Credentials
        recipient : str
            The workers' public key, base64.
        task, task_id : str
            Celery's name and id of the only task that may use them.
        arguments : str
            :func:`digest` of the task's arguments.
        lifetime : int
            Seconds until it expires.

        Raises
        ------
        AuthError
            The recipient is no public key.
        """
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        try:
            raw = base64.b64decode(recipient, validate=True)
            public = X25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise AuthError(
                "The workers' public key can't be read",
                hint="OMEGA_WORKER_PUBLIC_KEY holds 32 bytes as base64",
            ) from None
        ephemeral = X25519PrivateKey.generate()
        mine = ephemeral.public_key().public_bytes_raw()
        key = _derive(ephemeral.exchange(public), mine, raw)
        expires = int(time.time()) + lifetime
        bound = _bound(task, task_id, arguments, expires)
        sealed = ChaCha20Poly1305(key).encrypt(_NONCE, credentials.to_bytes(), bound)
        box = base64.b64encode(mine + sealed).decode()
        return cls(_key_id(raw), expires, arguments, box)

    def open(self, private_keys: Sequence[bytes], *, task: str, task_id: str) -> Credentials:
        """Return the credentials, if this envelope belongs to that very task.

        Parameters
        ----------
        private_keys : sequence of bytes
            The worker's keys, 32 bytes each.
        task, task_id : str
            Name and id of the task that came with it.

        Raises
        ------
        AuthError
            It was sealed to another key, is altered, expired, or another task's.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        if self.expires < time.time():
            raise AuthError(f"The credentials of task {task_id} have expired")
        for raw in private_keys:
            private = X25519PrivateKey.from_private_bytes(raw)
            mine = private.public_key().public_bytes_raw()
            if _key_id(mine) != self.key_id:
                continue
            bound = _bound(task, task_id, self.arguments, self.expires)
            try:
                data = base64.b64decode(self.box, validate=True)
                shared = private.exchange(X25519PublicKey.from_public_bytes(data[:32]))
                key = _derive(shared, data[:32], mine)
                return Credentials.from_bytes(
                    ChaCha20Poly1305(key).decrypt(_NONCE, data[32:], bound)
                )
            except (InvalidTag, ValueError):
                raise AuthError(
                    f"The credentials of task {task_id} were altered or belong to another task"
                ) from None
        raise AuthError(f"The credentials of task {task_id} are sealed to another worker's key")

    def to_header(self) -> dict[str, Any]:
        """Return the JSON-able form that travels."""
        return {
            "v": _VERSION,
            "kid": self.key_id,
            "exp": self.expires,
            "args": self.arguments,
            "box": self.box,
        }

    @classmethod
    def from_header(cls, header: object) -> Envelope:
        """Read what :meth:`to_header` wrote.

        Raises
        ------
        AuthError
            It is missing or malformed.
        """
        if not isinstance(header, Mapping) or header.get("v") != _VERSION:
            raise AuthError("The task came without sealed credentials")
        values = (header.get("kid"), header.get("exp"), header.get("args"), header.get("box"))
        match values:
            case (str(key_id), int(expires), str(arguments), str(box)):
                return cls(key_id, expires, arguments, box)
        raise AuthError("The sealed credentials are malformed")


def digest(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a task's JSON-able arguments, hexadecimal."""
    text = json.dumps([list(args), dict(kwargs)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def new_private_key() -> bytes:
    """Return a new X25519 private key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.generate().private_bytes_raw()


def public_key(private_key: bytes) -> str:
    """Return the public key of a private one, base64."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    raw = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    return base64.b64encode(raw).decode()


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=ephemeral + recipient, info=_INFO).derive(shared)


def _bound(task: str, task_id: str, arguments: str, expires: int) -> bytes:
    return json.dumps([_VERSION, task, task_id, arguments, expires]).encode()


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]
