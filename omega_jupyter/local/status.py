"""What ``omega local status`` shows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from omega_jupyter.config import SecretUrl

__all__ = ["LocalStatus"]


@dataclass(frozen=True)
class LocalStatus:
    """The state of the local services.

    Attributes
    ----------
    running : bool
        Whether MongoDB answers and a supervisor looks after it.
    phase : str
        ``starting``, ``running``, ``stopping`` or ``stopped``.
    supervisor, mongod, worker : int or None
        The processes' numbers.
    worker_failures : int
        How often in a row the worker ended soon after its start.
    data_dir : Path
        The user's setting.
    socket : Path
        Where MongoDB listens.
    url : SecretUrl
        The same, for a MongoDB client.
    logs : dict of str to Path
        By process.
    disk_bytes : int
        What all their files take.
    idle_seconds, idle_timeout : float
        For how long nobody used them, and after which time they end.
    began : datetime or None
        Since when they run.
    failure, hint : str or None
        Why they stopped, where that was not wanted, and what to do then.
    """

    running: bool
    phase: str
    supervisor: int | None
    mongod: int | None
    worker: int | None
    worker_failures: int
    data_dir: Path
    socket: Path
    url: SecretUrl
    logs: dict[str, Path]
    disk_bytes: int
    idle_seconds: float
    idle_timeout: float
    began: datetime | None
    failure: str | None
    hint: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "url": str(self.url),
            "data_dir": str(self.data_dir),
            "socket": str(self.socket),
            "logs": {name: str(path) for name, path in self.logs.items()},
            "began": None if self.began is None else self.began.isoformat(),
        }
