"""One run of a task: what a worker may still do with the record, and what not any more.

A task runs again when its worker is gone, so a record may know several attempts. The
newest one owns it; an earlier one that lives on, behind a network that was cut, finds
that out here and ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from omega_jupyter.runtime.endings import tell_of_end
from omega_jupyter.runtime.records import (
    FINAL,
    RUNNING,
    WAITING,
    later,
    moved,
    records,
)
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Attempt", "running_in"]

_STANDING = ["state", "attempts", "process"]

Standing = Literal["ours", "cancelling", "ended", "taken"]


@dataclass(frozen=True)
class Attempt:
    """One run of a task.

    Attributes
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    number : int
        1 for the first run.
    record : dict
        The record as it was then.
    since : float
        When that was, by this process's monotonic clock.
    """

    url: SecretUrl
    task_id: str
    number: int
    record: Document
    since: float = field(default_factory=time.monotonic)

    def beat(self) -> Standing:
        """Vouch for the task, and hear what is wanted of it.

        A record that says that it waits is put right: it was given up too early,
        or a crash of the server forgot that it was claimed.

        Returns
        -------
        str
            ``ours``; ``cancelling``: it is to stop; ``ended``: its result is there;
            ``taken``: it is another worker's by now, was cancelled or given up.
        """
        mine = {name: self.record.get(name) for name in ("worker", "process", "started")}
        mine["attempts"] = self.number
        with mongo_errors(self.url):
            collection = records(self.url)
            found = collection.find_one_and_update(
                self._not_taken | {"state": {"$in": [*RUNNING, "CANCELLING"]}},
                [{"$set": {"heartbeat": "$$NOW", "expires": later()}}],
                _STANDING,
            ) or collection.find_one_and_update(
                self._not_taken | {"state": {"$in": list(WAITING)}},
                moved(
                    "STARTED", mine, computed={"heartbeat": "$$NOW"}, entry={"attempt": self.number}
                ),
                _STANDING,
            )
        return self.standing() if found is None else self._standing(found)

    def standing(self) -> Standing:
        """Return what is wanted of the task, as :meth:`beat` does, without vouching for it."""
        with mongo_errors(self.url):
            found = records(self.url).find_one({"_id": self.task_id}, _STANDING)
        # Where the record is gone nobody asked for its end; its result has nowhere to go.
        return "ours" if found is None else self._standing(found)

    def _standing(self, record: Document) -> Standing:
        if record["state"] in ("SUCCESS", "FAILURE"):
            return "ended"
        if record["state"] in FINAL or record["attempts"] > self.number:
            return "taken"
        if record["attempts"] == self.number and record.get("process") != self._process:
            return "taken"
        return "cancelling" if record["state"] == "CANCELLING" else "ours"

    @property
    def _process(self) -> object:
        return self.record.get("process")

    @property
    def _not_taken(self) -> Document:
        """The condition that no other attempt has the task.

        The number is not enough: a crash of the server may have forgotten this one, and
        another worker began with the same number.
        """
        ours = [
            {"attempts": {"$lt": self.number}},
            {"attempts": self.number, "process": self._process},
        ]
        return {"_id": self.task_id, "$or": ours}

    def grace_left(self) -> float:
        """Return the seconds that a task which is being cancelled still has; 0 for others."""
        since = {"$subtract": ["$$NOW", {"$last": "$history.at"}]}
        pipeline: list[Document] = [
            {"$match": {"_id": self.task_id, "state": "CANCELLING"}},
            {"$project": {"grace": 1, "waited": since}},
        ]
        with mongo_errors(self.url):
            found = next(iter(records(self.url).aggregate(pipeline)), None)
        return 0.0 if found is None else max(0.0, found["grace"] - found["waited"] / 1000)

    def waited_for(self) -> float:
        """Return the seconds since it was submitted, roughly."""
        begun = self.record["heartbeat"] - self.record["submitted"]
        return float(begun.total_seconds()) + time.monotonic() - self.since

    def progress(self, progress: Document) -> None:
        """Write how far it is."""
        query = {"_id": self.task_id, "attempts": self.number, "state": {"$in": list(RUNNING)}}
        with mongo_errors(self.url):
            records(self.url).update_one(query, moved("PROGRESS", {"progress": progress}))

    def commit(self) -> bool:
        """Reach the point of no return, before the result is published.

        A task that was cancelled, or given up, before this publishes nothing; one
        that is cancelled after it says that it came too late.

        Returns
        -------
        bool
            Whether it may publish.
        """
        query = self._not_taken | {"state": {"$in": [*WAITING, *RUNNING]}}
        with mongo_errors(self.url):
            # Made durable by the journal with what is published next.
            updated = records(self.url).update_one(query, {"$set": {"committed": self.number}})
        return bool(updated.matched_count)

    def stopped(self) -> None:
        """Note that it was asked to stop and did."""
        query = {"_id": self.task_id, "attempts": self.number, "state": "CANCELLING"}
        with mongo_errors(self.url):
            records(self.url, durable=True).update_one(
                query, moved("CANCELLED", {"cancelled": "stopped"})
            )
        tell_of_end(self.url, self.task_id)


def running_in(
    url: SecretUrl, task_id: str, process: Document
) -> Attempt | Literal["taken"] | None:
    """Return the attempt that a worker's main process runs.

    Returns
    -------
    Attempt or str or None
        None where it has not begun; ``taken`` where another worker runs the task.
    """
    with mongo_errors(url):
        record = records(url).find_one({"_id": task_id}, {"result": 0, "carried": 0})
    if record is None:
        return None
    there = record.get("process")
    if there == process:
        return Attempt(url, task_id, record["attempts"], record)
    return "taken" if there is not None and record["state"] in RUNNING else None
