"""The tasks that this process has sent and not seen end: a look at one tells of others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from omega_jupyter.runtime.records import FINAL, records
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["InFlight", "in_flight"]

# How many others one look asks for, and how large the results are that come along.
OTHERS = 64
LARGEST_BYTES = 4096

# The first look at a task comes when calls of its kind have nearly ended, and not later
# than this: the next one may be quicker.
_SHARE, _AT_MOST_SECONDS = 0.85, 0.02
_FIRST_GUESS, _WEIGHT = 0.004, 0.25
_NOTED = 100


@cache
def in_flight(url: SecretUrl) -> InFlight:
    """Return this process's tasks in flight whose records are in that database."""
    return InFlight(url)


os.register_at_fork(after_in_child=in_flight.cache_clear)


class Handle(Protocol):
    """What is needed of the handle of a task.

    Attributes
    ----------
    id : str
    kind : str, optional
        Calls of one kind take about the same time; None where this one tells nothing.
    recorded : float
        When its record was sent, by this process's monotonic clock.
    """

    id: str
    kind: str | None
    recorded: float

    def learn(self, record: Document) -> None:
        """Take a record that was just read."""


class InFlight:
    """The handles of tasks that were sent, as long as somebody holds them.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._handles: WeakValueDictionary[str, Handle] = WeakValueDictionary()
        # Seconds from the record to its end, by kind of call.
        self._usual: dict[str, float] = {}
        self._noted: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._handles)

    def note(self, task_id: str, kind: str, recorded: float) -> None:
        """Note that the record of a task was written, which will be sent and added.

        Parameters
        ----------
        task_id, kind : str
        recorded : float
            When it was sent to MongoDB, by this process's monotonic clock: its own moment is
            from before the journal had it.
        """
        with self._lock:
            if len(self._noted) > _NOTED:  # what could not be sent
                self._noted.clear()
            self._noted[task_id] = (kind, recorded)

    def add(self, task: Handle) -> None:
        """Take in a task that was just sent."""
        with self._lock:
            kind, task.recorded = self._noted.pop(task.id, (None, 0.0))
            # How long one takes that waits behind others tells nothing.
            task.kind = None if self._handles else kind
            self._handles[task.id] = task

    def head_start(self, task: Handle) -> float:
        """Return the seconds in which a task that was just sent has hardly ended."""
        if task.kind is None:
            return 0.0
        usual = min(self._usual.get(task.kind, _FIRST_GUESS) * _SHARE, _AT_MOST_SECONDS)
        return max(0.0, usual - (time.monotonic() - task.recorded))

    def look(self, task_id: str) -> Document | None:
        """Read the record of a task, and tell the handles of others that have ended.

        Returns
        -------
        dict or None
            The record, with ``now``, the server's time; None where nobody knows the task.
        """
        with self._lock:
            # The oldest: dicts keep their order.
            others = [other for other in islice(self._handles.keys(), OTHERS) if other != task_id]
        found = None
        for record in self._read(task_id, others):
            if record["_id"] == task_id:
                found = record
            if record["state"] in FINAL:
                self._end(record)
        return found

    def _read(self, task_id: str, others: Sequence[str]) -> list[Document]:
        """Return the record of a task, and those of others that have ended, in one query."""
        small = {"$lte": [{"$strLenBytes": {"$ifNull": ["$result", ""]}}, LARGEST_BYTES]}
        ended = {"_id": {"$in": list(others)}, "state": {"$in": list(FINAL)}, "$expr": small}
        wanted = {"$or": [{"_id": task_id}, ended]} if others else {"_id": task_id}
        pipeline: list[Document] = [
            {"$match": wanted},
            {"$unset": "carried"},
            {"$set": {"now": "$$NOW"}},
        ]
        with mongo_errors(self._url):
            return list(records(self._url).aggregate(pipeline))

    def _end(self, record: Document) -> None:
        with self._lock:
            task = self._handles.pop(record["_id"], None)
        if task is None:
            return
        task.learn(record)
        if task.kind is not None:
            took = (record["finished"] - record["submitted"]).total_seconds()
            before = self._usual.get(task.kind, took)
            self._usual[task.kind] = before + _WEIGHT * (took - before)
