"""Waiting for the end of a task, in a thread or in an event loop, without asking all the time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeVar

from omega_jupyter.errors import NotFound, TaskTimeout, Unavailable
from omega_jupyter.runtime.endings import endings
from omega_jupyter.runtime.in_flight import in_flight

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.known_task import KnownTask

__all__ = ["Pace", "wait", "wait_async"]

T = TypeVar("T", bound="KnownTask")

# The record is read again after 1 ms at first, then after 5 % of the time waited so far:
# short calls end at once. Then a notice tells of the end, and looks are for the rest …
_FIRST_DELAY, _DELAY_SHARE = 0.001, 0.05
LISTEN_AFTER_SECONDS = 0.5
# … where many are in flight, one look tells of several: the more, the less often.
_DELAY_EACH, _LONGEST_EACH = 0.0002, 0.02
# … a notice that was missed, a worker that is gone, and progress where somebody looks at it.
LOOK_SECONDS, SHOW_SECONDS = 1.0, 0.25
# A restart of MongoDB, or an election, must not end the waiting for a fit of many hours.
PATIENCE_SECONDS = 60.0


class Pace:
    """How one wait gets on.

    Parameters
    ----------
    task : KnownTask
    url : SecretUrl
        The database of its record.
    timeout : float, optional
        Seconds; None waits for ever.
    shown : bool
        Whether somebody looks at the progress.
    """

    def __init__(
        self, task: KnownTask, url: SecretUrl, timeout: float | None = None, *, shown: bool = False
    ) -> None:
        self._task = task
        self._timeout = timeout
        self._url = url
        self._look = SHOW_SECONDS if shown else LOOK_SECONDS
        self._began = self._heard = time.monotonic()
        self.listening = False

    def head_start(self) -> float:
        """Return the seconds in which a task that was just sent has hardly ended."""
        seconds = in_flight(self._url).head_start(self._task)
        return seconds if self._timeout is None else min(seconds, self._timeout)

    def has_ended(self) -> bool:
        """Return whether the task is known to have ended.

        Raises
        ------
        Unavailable
            MongoDB has not answered for a minute.
        """
        try:
            ended = self._task.ready()
        except Unavailable:
            if time.monotonic() - self._heard > PATIENCE_SECONDS or not self._task.known:
                raise
            return False
        self._heard = time.monotonic()
        return ended

    def is_long(self) -> bool:
        """Return whether it is time to listen for the end, once."""
        if self.listening or self._waited < LISTEN_AFTER_SECONDS:
            return False
        self.listening = True
        return True

    def delay(self) -> float:
        """Return the seconds after which to read the record again.

        Raises
        ------
        NotFound
            Nobody knows the task.
        TaskTimeout
            The time is over.
        """
        task, waited = self._task, self._waited
        if not task.record:
            raise NotFound(f"No task {task.id!r}", hint="%omega tasks lists what is known")
        delay = self._look if self.listening else self._short(waited)
        if self._timeout is None:
            return delay
        if waited >= self._timeout:
            raise TaskTimeout(
                f"Task {task.id} has not ended after {self._timeout:g} s "
                f"({task.record['state']}); it goes on",
                hint=f"%omega result {task.id[:8]}",
            )
        return min(delay, self._timeout - waited)

    def _short(self, waited: float) -> float:
        others = min(len(in_flight(self._url)) * _DELAY_EACH, _LONGEST_EACH)
        return max(_FIRST_DELAY, waited * _DELAY_SHARE, others)

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._began


def wait(
    task: T,
    url: SecretUrl,
    timeout: float | None = None,
    on_update: Callable[[T], None] | None = None,
) -> None:
    """Wait until the task has ended.

    Parameters
    ----------
    task : KnownTask
    url : SecretUrl
        The database of its record.
    timeout, on_update
        As for :meth:`~omega_jupyter.runtime.task.OmegaTask.wait`.
    """
    pace = Pace(task, url, timeout, shown=on_update is not None)
    news = threading.Event()
    news.wait(pace.head_start())
    with ExitStack() as stack:
        while not pace.has_ended():
            if on_update is not None and task.record:
                with suppress(Unavailable):  # which ends the waiting in due time
                    on_update(task)
            delay = pace.delay()
            if pace.is_long():
                stack.enter_context(endings(url).awaited(task.id, news.set))
                continue
            news.wait(delay)
            news.clear()
    if on_update is not None:
        on_update(task)


async def wait_async(task: KnownTask, url: SecretUrl) -> None:
    """Wait until the task has ended, and let the event loop go on meanwhile."""
    pace = Pace(task, url)
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    await asyncio.sleep(pace.head_start())

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed under the waiting
            loop.call_soon_threadsafe(news.set)

    with ExitStack() as stack:
        while not await asyncio.to_thread(pace.has_ended):
            delay = pace.delay()
            if pace.is_long():
                stack.enter_context(endings(url).awaited(task.id, wake))
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), delay)
            news.clear()
