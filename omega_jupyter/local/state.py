"""What the supervisor tells the kernels: a small file."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omega_jupyter.local.process import ProcessId

__all__ = ["LocalState"]


@dataclass
class LocalState:
    """What runs.

    Attributes
    ----------
    phase : str
        ``starting``, ``running``, ``stopping`` or ``stopped``.
    host : str
        Where: a home folder may be shared by machines.
    supervisor, mongod, worker : ProcessId or None
        The processes.
    began : float
        When the supervisor began, in seconds since the epoch.
    worker_failures : int
        How often in a row the worker ended soon after its start.
    failure : str or None
        Why it stopped, where that was not wanted.
    hint : str or None
        What to do then.
    """

    phase: str = "stopped"
    host: str = ""
    supervisor: ProcessId | None = None
    mongod: ProcessId | None = None
    worker: ProcessId | None = None
    began: float = 0.0
    worker_failures: int = 0
    failure: str | None = None
    hint: str | None = None

    @classmethod
    def read(cls, path: Path) -> LocalState:
        """Read the file; one that is missing or damaged counts as empty."""
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            for name in ("supervisor", "mongod", "worker"):
                if found.get(name) is not None:
                    found[name] = ProcessId(**found[name])
            return cls(**found)
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file. A full disk doesn't matter: the kernels do without."""
        new = path.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps(asdict(self)))
            os.replace(new, path)

    @property
    def age(self) -> float:
        """Seconds since the supervisor began."""
        return time.time() - self.began
