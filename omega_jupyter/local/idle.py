"""Whether anybody still uses the local services."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from omega_jupyter.errors import OmegaError
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.runtime.ledger import FINAL, TASKS
from omega_jupyter.store.database.connection import bounded, connect, forget, mongo_errors

__all__ = ["Idle"]

# A task that waits longer for a worker that never comes doesn't count as use.
FORGOTTEN = timedelta(days=7)
# Whatever MongoDB does, the supervisor must not hang on it.
MONGO_SECONDS = 5.0


class Idle:
    """The time since the last use: a file that is touched, and tasks that are not done.

    Parameters
    ----------
    paths : LocalPaths
        Has the file.
    timeout : float
        Seconds without use until it is over.
    """

    def __init__(self, paths: LocalPaths, timeout: float) -> None:
        self._paths = paths
        self._timeout = timeout

    def touch(self) -> None:
        """Note that they are used now."""
        touch(self._paths)

    def seconds(self) -> float:
        """Return for how long nobody used them."""
        try:
            return max(0.0, time.time() - self._paths.used.stat().st_mtime)
        except OSError:
            return 0.0

    def seconds_left(self) -> float:
        """Return after which time to ask again whether it is over."""
        return max(0.0, self._timeout - self.seconds())

    def over(self) -> bool:
        """Return whether nobody used them for long and no task is unfinished."""
        if self.seconds_left() > 0:
            return False
        if self._unfinished():
            self.touch()
            return False
        return True

    def _unfinished(self) -> bool:
        url = bounded(self._paths.url, MONGO_SECONDS)
        query = {
            "state": {"$nin": list(FINAL)},
            "submitted": {"$gt": datetime.now(UTC) - FORGOTTEN},
        }
        try:
            with mongo_errors(url):
                return connect(url)[TASKS].find_one(query, ["_id"]) is not None
        except OmegaError:
            return True  # in doubt they go on; its health is looked after elsewhere
        finally:
            forget(url)


def touch(paths: LocalPaths) -> None:
    """Note that the local services are used now. A full disk doesn't matter."""
    with suppress(OSError):
        try:
            os.utime(paths.used)
        except FileNotFoundError:
            paths.used.touch(0o600)
