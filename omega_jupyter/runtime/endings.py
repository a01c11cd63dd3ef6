"""The ends of tasks, as those who wait hear of them at once.

Whoever ends a task that has been there for a moment posts a notice. One thread of each
process that waits follows the notices; it wakes all who wait there.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from pymongo import WriteConcern

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.bulletin import Bulletin
from omega_jupyter.store.database.connection import Document, connect, mongo_errors

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo.collection import Collection

    from omega_jupyter.config import SecretUrl

__all__ = ["Endings", "endings", "tell_of_end"]

NOTICES = "omega_task_notices"
AWAIT_SECONDS = 5.0  # how long the server holds a request without news
RETRY_SECONDS = 0.5

# Whoever waits reads the record so often by itself in the first moments of a task that a
# notice would only cost: :mod:`omega_jupyter.runtime.task`.
QUIET_SECONDS = 0.4

logger = logging.getLogger(__name__)

_prepared: set[tuple[int, SecretUrl]] = set()


def tell_of_end(url: SecretUrl, task_id: str) -> None:
    """Tell who waits that a task has ended. Should that fail, they find out a bit later.

    It is not waited for: the next task need not be late for it.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    """
    key = (os.getpid(), url)
    with suppress(OmegaError), mongo_errors(url):
        if key not in _prepared:
            Bulletin(partial(_collection, url)).prepare()
            _prepared.add(key)
        Bulletin(partial(_collection, url, WriteConcern(w=0))).post({"task": task_id})


@cache
def endings(url: SecretUrl) -> Endings:
    """Return this process's listener for the task records of a database."""
    return Endings(url)


os.register_at_fork(after_in_child=endings.cache_clear)


class Endings:
    """Wakes those in this process who wait for the end of tasks.

    Its thread runs while anybody waits.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._bulletin = Bulletin(partial(_collection, url))
        self._wakes: dict[str, list[Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def awaited(self, task_id: str, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` when the task ends while inside; from another thread.

        A notice may be missed, as when MongoDB restarts: read the record from
        time to time as well.
        """
        with self._lock:
            self._wakes.setdefault(task_id, []).append(wake)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="omega-endings", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                left = self._wakes[task_id]
                left.remove(wake)
                if not left:
                    del self._wakes[task_id]

    def _run(self) -> None:
        position: Timestamp | None = None
        while self._is_needed():
            try:
                with mongo_errors(self._url):
                    if position is None:
                        self._bulletin.prepare()
                        position = self._bulletin.position()
                        self._wake_all()  # who ended before is not told of
                    position = self._follow(position)
            except OmegaError as error:
                logger.debug("no notices of ended tasks: %s", error.message)
                position = None
                threading.Event().wait(RETRY_SECONDS)

    def _is_needed(self) -> bool:
        """Return whether anybody waits; else the thread is over."""
        with self._lock:
            if not self._wakes:
                self._thread = None
            return bool(self._wakes)

    def _follow(self, position: Timestamp) -> Timestamp:
        with self._bulletin.follow(position, AWAIT_SECONDS) as cursor:
            while cursor.alive and self._wakes:
                notice: Document | None = next(cursor, None)
                if notice is not None:
                    position = notice["at"]
                    self._wake(str(notice.get("task")))
        if not cursor.alive:
            threading.Event().wait(RETRY_SECONDS)  # the collection was dropped
        return position

    def _wake(self, task_id: str) -> None:
        with self._lock:
            wakes = list(self._wakes.get(task_id, ()))
        for wake in wakes:
            wake()

    def _wake_all(self) -> None:
        for task_id in list(self._wakes):
            self._wake(task_id)


def _collection(url: SecretUrl, concern: WriteConcern | None = None) -> Collection[Document]:
    return connect(url).get_collection(NOTICES, write_concern=concern)
