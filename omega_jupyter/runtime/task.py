"""The handle of one remote call: durable, and usable from any process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

from omega_jupyter.errors import Invalid, TaskTimeout
from omega_jupyter.runtime.answers import Cancelled
from omega_jupyter.runtime.callbacks import callbacks
from omega_jupyter.runtime.known_task import KnownTask
from omega_jupyter.runtime.limits import checked_seconds
from omega_jupyter.runtime.records import FINAL
from omega_jupyter.runtime.task_log import LogText, read
from omega_jupyter.runtime.value import error_of, value_of
from omega_jupyter.runtime.waiting import wait, wait_async

__all__ = ["OmegaTask"]

GRACE_SECONDS = 5.0
# Beyond the grace time, for the kill and its report.
_KILL_SECONDS = 10.0
_FOLLOW_SECONDS = 0.5


class OmegaTask(KnownTask):
    """One remote call, known by its id.

    Made by :class:`~omega_jupyter.runtime.model.OmegaModelProxy`, or from an id
    with ``om.runtime.task(id)``. It holds nothing that would be lost with it.

    Parameters
    ----------
    task_id : str
    submitter : Submitter
        Has the ledger with its record, and the stores with its value.
    record : dict, optional
        The record, where it was read already.

    Examples
    --------
    >>> task = om.runtime.model("mymodel").fit("X", "y")
    >>> task.state
    'PROGRESS'
    >>> task.get()
    Metadata('mymodel@2')
    """

    def cancel(self, *, grace: float = GRACE_SECONDS, wait: bool = True) -> Cancelled:
        """End the task.

        One that waits in a queue never starts. One that runs is asked to stop, which
        a fit does at its next step; after the grace time its process is killed. It
        publishes nothing then.

        Parameters
        ----------
        grace : float
            Seconds.
        wait : bool
            Wait until it is known what came of it; else the answer for one that
            runs is ``stopping``.

        Returns
        -------
        Cancelled
            A text: ``never started``, ``stopped``, ``killed``, ``had finished``; or,
            where it is not known yet, ``stopping`` or ``finishing``.

        Raises
        ------
        NotFound
            Nobody knows the task.

        Examples
        --------
        >>> task.cancel()
        stopped
        """
        checked_seconds("grace", grace)
        found = self._submitter.ledger.cancel(self.id, grace)
        if found is None:
            raise self._unknown()
        self._record, self._fresh_until = found, 0.0
        if wait:
            with suppress(TaskTimeout):
                self.wait(grace + _KILL_SECONDS)
        record = self._record
        match record["state"]:
            case "CANCELLED":
                return Cancelled(record.get("cancelled", Cancelled.STOPPED))
            case "CANCELLING":
                return Cancelled.STOPPING
            case "SUCCESS" | "FAILURE" | "LOST":
                return Cancelled.HAD_FINISHED
        return Cancelled.FINISHING

    def retry(self) -> OmegaTask:
        """Submit the same call again, with the very arguments and versions of this one.

        Returns
        -------
        OmegaTask
            A new task; its record names this one as ``retry_of``.

        Raises
        ------
        Invalid
            This one has not ended yet.
        NotFound
            An argument is not stored any more; the message names it.
        """
        state = self.state
        if not self._record:
            raise self._unknown()
        if state not in FINAL:
            raise Invalid(
                f"Task {self.id} has not ended ({state})",
                hint=f"%omega cancel {self.id[:8]} ends it",
            )
        return OmegaTask(self._submitter.resubmit(self._record), self._submitter)

    def wait(
        self, timeout: float | None = None, on_update: Callable[[OmegaTask], None] | None = None
    ) -> OmegaTask:
        """Wait until it has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.
        on_update : callable, optional
            Called with this task each time that its record was read.

        Raises
        ------
        NotFound
            Nobody knows the task.
        TaskTimeout
            It has not ended in time. It goes on.
        """
        if timeout is not None:
            checked_seconds("timeout", timeout)
        self._fresh_until = 0.0
        wait(self, self._submitter.ledger.url, timeout, on_update)
        return self

    def get(self, timeout: float | None = None) -> Any:
        """Wait until it has ended and return its value.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Metadata, ndarray, DataFrame or float
            Of ``fit`` and ``partial_fit`` the metadata of the new version, of
            ``score`` a float, of the others what the estimator returned.

        Raises
        ------
        TaskFailed
            The call raised on the worker; the message is the remote error's and
            ``remote_traceback`` its traceback. Errors of ours (``NotFound``,
            ``Invalid``, …) are raised as what they are.
        TaskCancelled, TaskLost, TaskTimeout
        KeyboardInterrupt
            The waiting was interrupted. The task goes on.
        """
        try:
            self.wait(timeout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"not waiting any more; task {self.id[:8]} goes on: "
                "get() waits for it again, cancel() ends it"
            ) from None
        return self._value()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._get_async().__await__()

    async def _get_async(self) -> Any:
        self._fresh_until = 0.0
        await wait_async(self, self._submitter.ledger.url)
        return await asyncio.to_thread(self._value)

    def logs(self) -> LogText:
        """Return what the estimator and the worker have printed and logged during this task.

        Returns
        -------
        LogText
            A text: the last 1,000 lines or 64 KiB; earlier ones are counted.
        """
        found = read(self._submitter.ledger.url, self.id)
        gone = [f"… {found.first:,} earlier lines are gone"] if found.first else []
        return LogText("\n".join([*gone, *found.lines]))

    def follow(self) -> Iterator[str]:
        """Yield the lines of :meth:`logs` as they come, until the task has ended.

        Raises
        ------
        NotFound
            Nobody knows the task.
        """
        known = 0
        while True:
            over = self.ready() or not self._record
            found = read(self._submitter.ledger.url, self.id, known)
            known = found.total
            yield from found.lines
            if over:
                break
            time.sleep(_FOLLOW_SECONDS)
        if not self._record:
            raise self._unknown()

    def on_done(self, callback: Callable[[OmegaTask], object]) -> None:
        """Call a function when the task has ended, well or badly.

        Parameters
        ----------
        callback : callable
            Called once with this task, in a thread of its own, by this process; at
            once where the task has ended already. What it raises is printed.

        Examples
        --------
        >>> task.on_done(lambda task: print(task.state, task.elapsed))
        """
        if not callable(callback):
            raise Invalid(
                f"on_done() takes a function, not {callback!r:.80}",
                hint="task.on_done(lambda task: print(task.state))",
            )
        callbacks(self._submitter.ledger.url).add(self, callback)

    def _value(self) -> Any:
        record = self._record
        if record["state"] != "SUCCESS":
            raise error_of(record)
        if "result" not in record:  # a list of tasks leaves the results out
            record = self._submitter.ledger.find(self.id) or record
        value = value_of(record, self._submitter)
        self._submitter.release(record)
        return value
