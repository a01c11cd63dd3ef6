"""Calls back when tasks end: one thread for all of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.endings import endings
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.waiting import LOOK_SECONDS

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.known_task import KnownTask

__all__ = ["Callbacks", "callbacks"]

T = TypeVar("T", bound="KnownTask")


@cache
def callbacks(url: SecretUrl) -> Callbacks:
    """Return this process's callbacks for the task records of a database."""
    return Callbacks(url)


os.register_at_fork(after_in_child=callbacks.cache_clear)


class Callbacks:
    """Calls of functions when their tasks have ended.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._waiting: list[tuple[KnownTask, Callable[[Any], object]]] = []
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, task: T, callback: Callable[[T], object]) -> None:
        """Call back when the task has ended; at once where it has."""
        with self._lock:
            self._waiting.append((task, callback))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="omega-callbacks", daemon=True
                )
                self._thread.start()
        self._news.set()

    def _run(self) -> None:
        ledger = Ledger(self._url)
        while True:
            with self._lock:
                waiting = list(self._waiting)
                if not waiting:
                    self._thread = None
                    return
            with ExitStack() as stack:
                for task_id in {task.id for task, _ in waiting}:
                    stack.enter_context(endings(self._url).awaited(task_id, self._news.set))
                self._news.clear()
                try:
                    ended = ledger.ended(task.id for task, _ in waiting)
                except OmegaError:
                    ended = set()  # MongoDB is away for a moment
                if not ended:
                    self._news.wait(LOOK_SECONDS)
            for task, callback in waiting:
                if task.id in ended:
                    self._waiting.remove((task, callback))
                    # A thread of its own: it may take long, or raise.
                    threading.Thread(target=callback, args=(task,), daemon=True).start()
