"""The supervisor's worker: restarted when it dies, more slowly when it dies often."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

from omega_jupyter.local.logs import limit
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.process import ProcessId, spawn

__all__ = ["WorkerChild"]

NAME = "local"
COMMAND = (sys.executable, "-m", "omega_jupyter.worker", "--name", NAME)
FIRST_DELAY, LAST_DELAY = 0.5, 30.0
# One that ran so long had started well: its end is not counted.
WELL_SECONDS = 60.0
# Running tasks get so long to end; then they go back to their queue.
STOP_SECONDS = 5.0
QUIT_SECONDS = 5.0


class WorkerChild:
    """A worker on the MongoDB of the local services.

    Parameters
    ----------
    paths : LocalPaths
        Where its log is.
    environment : dict
        Its environment variables: all its settings.
    on_death : callable
        Called with the number of a process that ended by itself.

    Attributes
    ----------
    failures : int
        How often in a row it ended soon after its start.
    """

    def __init__(
        self, paths: LocalPaths, environment: dict[str, str], on_death: Callable[[int], None]
    ) -> None:
        self._paths = paths
        self._environment = environment
        self._on_death = on_death
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._ended = 0.0
        self.failures = 0

    @property
    def process(self) -> ProcessId | None:
        """The running process."""
        running = self._process is not None and self._process.poll() is None
        return ProcessId.of(self._process.pid) if running and self._process else None

    def look_after(self) -> float | None:
        """Start it when it is time to.

        Returns
        -------
        float or None
            In how many seconds to look again at the latest; None while it runs.
        """
        now = time.monotonic()
        if self._process is not None:
            if self._process.poll() is None:
                return None
            self._on_death(self._process.pid)
            self._process = None
            self._ended = now
            self.failures = self.failures + 1 if now - self._began < WELL_SECONDS else 1
        left = self._ended + self._delay - now
        if left > 0:
            return left
        limit(self._paths.log("worker"))
        self._began = now
        self._process = spawn(
            COMMAND,
            log=self._paths.log("worker"),
            folder=self._paths.root,
            environment=self._environment,
            # Its tasks go back to their queue; its MongoDB ends too.
            at_parents_death=signal.SIGQUIT,
        )
        return None

    def stop(self) -> None:
        """End it: what it can't finish in some seconds runs again at the next start."""
        running = self.process
        if running is None or self._process is None:
            return
        running.end(
            (signal.SIGTERM, STOP_SECONDS),
            (signal.SIGQUIT, QUIT_SECONDS),
            (signal.SIGKILL, QUIT_SECONDS),
        )
        self._process.wait()

    @property
    def _delay(self) -> float:
        if not self.failures:
            return 0.0
        return min(FIRST_DELAY * 2.0 ** (self.failures - 1), LAST_DELAY)
