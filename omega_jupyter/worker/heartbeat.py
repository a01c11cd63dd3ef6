"""The worker's main process vouches for what its pool runs, and kills what must end.

It does so, and not the process that runs the task, since a fit in C code may keep
Python's lock for minutes.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from celery.bootsteps import RUN, StartStopStep
from celery.utils.log import get_logger
from celery.worker.state import active_requests

from omega_jupyter.errors import OmegaError
from omega_jupyter.local.process import ProcessId
from omega_jupyter.runtime.attempt import Attempt, running_in
from omega_jupyter.runtime.backend import open_credentials
from omega_jupyter.runtime.records import HEARTBEAT_SECONDS, LEASE_SECONDS
from omega_jupyter.store.database.connection import Document, bounded, forget

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Heartbeat", "is_gone", "main_process"]

logger = get_logger(__name__)

# No user's slow MongoDB may keep the others' tasks from being vouched for.
ANSWER_SECONDS = 2.0
_SHORTEST_PAUSE = 0.05


class Heartbeat(StartStopStep):
    """Starts the thread, after the pool; it runs until the process ends."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Begin to vouch for tasks."""
        Pulse(worker).start()


@dataclass
class _Known:
    """What is known of a task that runs here."""

    attempt: Attempt
    kill_at: float | None = None


class Pulse(threading.Thread):
    """Vouches for the running tasks every few seconds.

    Parameters
    ----------
    worker : celery.worker.WorkController
        Has the pool, the event loop and the settings.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(name="omega-heartbeat", daemon=True)
        self._worker = worker
        self._known: dict[Any, _Known] = {}  # by request: one id may come again

    def run(self) -> None:
        """Go on until the process ends."""
        while True:
            due = [known.kill_at for known in self._known.values() if known.kill_at is not None]
            until = min([time.monotonic() + HEARTBEAT_SECONDS, *due])
            time.sleep(max(_SHORTEST_PAUSE, until - time.monotonic()))
            self.beat()

    def beat(self) -> None:
        """Vouch for each running task once, and end those that must."""
        silent: set[SecretUrl | None] = set()
        running = _running()
        for request in running:
            url = None
            try:
                known = self._known.get(request)
                url = known.attempt.url if known else self._records_of(request)
                if url not in silent:
                    self._look_after(request, url)
            except OmegaError as error:
                silent.add(url)
                logger.debug("no heartbeat of task %s: %s", request.id, error.message)
        for request in self._known.keys() - set(running):
            url = self._known.pop(request).attempt.url
            if all(known.attempt.url != url for known in self._known.values()):
                forget(url)

    def _records_of(self, request: Any) -> SecretUrl:
        # Celery's own view of headers and names.
        found = open_credentials(self._worker.app.omega_config, request._context)
        return bounded(found.result_backend, ANSWER_SECONDS)

    def _look_after(self, request: Any, url: SecretUrl) -> None:
        known = self._known.get(request)
        if known is None:
            attempt = running_in(url, request.id, this_process())
            if attempt == "taken" and time.time() - request.time_start > LEASE_SECONDS / 2:
                # It may just be hearing so. Else a crash of the server forgot its claim.
                self._soon(request, self._drop)
            if attempt is None or attempt == "taken":
                return  # not claimed yet
            known = self._known[request] = _Known(attempt)
        match known.attempt.beat():
            case "cancelling":
                if known.kill_at is None:
                    known.kill_at = time.monotonic() + known.attempt.grace_left()
                if time.monotonic() >= known.kill_at:
                    known.kill_at = time.monotonic() + HEARTBEAT_SECONDS  # once more, if it must be
                    self._soon(request, self._kill)
            case "taken":
                self._soon(request, self._drop)

    def _soon(self, request: Any, end: Callable[[Any], None]) -> None:
        """End a task where its process can't change under our hands: in the event loop."""
        if self._worker.blueprint.state == RUN:
            self._worker.hub.call_soon(end, request)
        elif request in active_requests:
            # The worker is stopping: no process gets another task any more.
            os.kill(request.worker_pid, signal.SIGKILL)

    def _kill(self, request: Any) -> None:
        """Kill the process of a task that was cancelled, and note that it was."""
        if request in active_requests:
            logger.warning("Killing task %s, which was cancelled", request.id)
            request.terminate(self._worker.pool, signal="KILL")

    def _drop(self, request: Any) -> None:
        """Kill the process of a task that is another's by now, and leave that one its message."""
        if request in active_requests:
            logger.warning("Killing task %s, which is not ours any more", request.id)
            request.cancel(self._worker.pool, signal="KILL", emit_retry=False)
            request.reject(requeue=True)


def _running() -> list[Any]:
    """Return the requests that the pool runs, and has been running for a moment."""
    while True:
        try:
            found = list(active_requests)
            break
        except RuntimeError:  # the event loop has just changed it
            continue
    before = time.time() - HEARTBEAT_SECONDS / 2
    return [one for one in found if one.time_start and one.time_start < before]


@cache
def _identity(pid: int) -> Document:
    known = ProcessId.of(pid)
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "began": known.began if known is not None else 0.0,
    }


def this_process() -> Document:
    """Return this worker's main process as records keep it; to be called there."""
    return dict(_identity(os.getpid()))


def main_process() -> Document:
    """Return the worker's main process as records keep it; for the processes of its pool."""
    return dict(_identity(os.getppid()))


def is_gone(process: Any) -> bool:
    """Return whether a worker's main process, as a record keeps it, is known to have ended.

    Of another machine's nothing is known.
    """
    if not isinstance(process, dict) or process.get("host") != socket.gethostname():
        return False
    return not ProcessId(int(process["pid"]), float(process["began"])).alive
