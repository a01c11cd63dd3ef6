"""The worker's main process ends tasks that take too long or too much memory.

It does so, and not Celery's own limits, since those report a process that was killed,
and the reason would be lost.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import psutil
from celery.bootsteps import RUN, StartStopStep
from celery.utils.log import get_logger
from celery.worker.state import active_requests

from omega_jupyter.runtime.envelope import HEADER
from omega_jupyter.runtime.limits import bytes_said, exceeded, out_of_time, verdicts

__all__ = ["Limits"]

logger = get_logger(__name__)

# What a task can take in this time is what it can take too much.
INTERVAL_SECONDS = 0.2


class Limits(StartStopStep):
    """Starts the thread, after the pool; it runs until the process ends."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Begin to look."""
        Guard(worker).start()


class Guard(threading.Thread):
    """Looks at the running tasks several times a second.

    Parameters
    ----------
    worker : celery.worker.WorkController
        Has the pool, the event loop and the settings.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(name="omega-limits", daemon=True)
        self._worker = worker
        self._config = worker.app.omega_config

    def run(self) -> None:
        """Go on until the process ends."""
        while True:
            time.sleep(INTERVAL_SECONDS)
            with suppress(RuntimeError):  # the event loop has just changed the set
                for request in list(active_requests):
                    self._look_at(request)

    def _look_at(self, request: Any) -> None:
        if not request.time_start or request.id in verdicts:
            return
        reason = self._reason(request)
        if reason is None:
            return
        if self._worker.blueprint.state == RUN:
            # In the event loop, where its process can't change under our hands.
            self._worker.hub.call_soon(self._end, request, reason)
        elif request in active_requests:
            # The worker is stopping: no process gets another task any more.
            verdicts[request.id] = exceeded(reason)
            os.kill(request.worker_pid, signal.SIGKILL)

    def _reason(self, request: Any) -> str | None:
        """Return what a task has used too much of."""
        seconds = request._context.get(HEADER)["limit"] or self._config.time_limit
        if seconds and time.time() - request.time_start > seconds:
            return out_of_time(seconds)
        size = self._config.memory_limit
        if size and _resident(request.worker_pid) > size:
            return f"used more than {bytes_said(size)} of memory, the limit of this worker"
        return None

    def _end(self, request: Any, reason: str) -> None:
        if request not in active_requests or request.id in verdicts:
            return
        logger.warning("Killing task %s, which %s", request.id, reason)
        verdicts[request.id] = exceeded(reason)
        request.terminate(self._worker.pool, signal="KILL")


def _resident(pid: int) -> int:
    """Return the bytes that a process has in memory."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
