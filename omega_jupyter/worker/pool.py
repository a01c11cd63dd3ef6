"""The pool of processes, which replaces one that has ended at once, and hears a signal at once."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import suppress
from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool

__all__ = ["Pool"]

# A process that has closed its files is gone within this time.
_GONE_SECONDS, _LOOK_SECONDS = 0.25, 0.002


class _Processes(AsynPool):
    def _event_process_exit(self, hub: Any, proc: Any) -> None:
        # Celery hears of the end when its files are closed, a moment before the process can
        # be waited for; what it misses then, it finds out five seconds later.
        end = time.monotonic() + _GONE_SECONDS
        while proc.exitcode is None and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        super()._event_process_exit(hub, proc)


class Pool(TaskPool):
    """Celery's prefork pool."""

    Pool = _Processes

    _signalled: socket.socket | None = None

    def register_with_event_loop(self, loop: Any) -> Any:
        """Let the event loop wake when a signal comes, too.

        Python goes on waiting after one (PEP 475): a worker with nothing to do would hear
        of SIGTERM only when its next timer is due, up to five seconds later.
        """
        if self._signalled is None:
            self._signalled, self._signals = socket.socketpair()
            for end in (self._signalled, self._signals):
                end.setblocking(False)
            signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        loop.add_reader(self._signalled, self._heard)
        return super().register_with_event_loop(loop)

    def _heard(self) -> None:
        with suppress(BlockingIOError):
            while self._signalled is not None and self._signalled.recv(4096):
                continue
