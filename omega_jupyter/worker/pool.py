"""The pool of processes, which replaces one that has ended at once."""

from __future__ import annotations

import time
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
