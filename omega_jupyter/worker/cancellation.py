"""How a running task learns that it is to stop.

The flag in the task's record is read while the task runs; the fit notices it at its
next hook (:meth:`Cancellation.check`). What has no hooks is killed by the worker's
main process (:mod:`omega_jupyter.worker.heartbeat`).
"""

from __future__ import annotations

import threading

__all__ = ["Cancellation", "Stopped"]


class Stopped(BaseException):
    """Unwinds a task that is to stop.

    No ``Exception``: a search takes those for a failed fit and goes on.
    """


class Cancellation:
    """Whether a task is to stop; asked for by one thread, noticed by another."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Ask for its end."""
        self.requested = True

    def check(self) -> None:
        """End the task here, if that was asked for.

        To be called by whatever is told how far an estimator is, as often as it
        likes: it costs nothing.

        Raises
        ------
        Stopped
            It is to stop. Never raised in another than the main thread, where an
            error would hang joblib for ever.
        """
        if self.requested and threading.current_thread() is threading.main_thread():
            raise Stopped
