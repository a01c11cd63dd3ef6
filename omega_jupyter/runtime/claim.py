"""Which message of a task may begin it.

Each message of a task has a number, which its sender has signed. The record notes the
highest that a worker has taken: a copy of it, whoever sends one, begins nothing. The
same number counts once more only where the broker itself says that it gives out a
message again, and then only a task whose worker is gone begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.attempt import Attempt
from omega_jupyter.runtime.endings import tell_of_end
from omega_jupyter.runtime.records import (
    FINAL,
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    RUNNING,
    WAITING,
    moved,
    records,
    stale,
)
from omega_jupyter.runtime.search_end import pass_on
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Absent", "Busy", "Unwanted", "claim", "release"]

# After a silence that may have been the server's own (it was restarted, say), the worker
# that runs the task gets so long to be heard again before another one takes it.
SECOND_CHANCE_SECONDS = 5.0


@dataclass(frozen=True)
class Busy:
    """The task runs elsewhere, as far as anybody knows.

    Attributes
    ----------
    seconds : float
        After which time to ask again.
    """

    seconds: float


@dataclass(frozen=True)
class Absent:
    """The task has no record: not yet, or not any more."""


@dataclass(frozen=True)
class Unwanted:
    """The message is to be dropped.

    Attributes
    ----------
    why : str
        For the log, after the task's id.
    """

    why: str


def claim(
    url: SecretUrl,
    task_id: str,
    number: int,
    *,
    again: bool,
    worker: str,
    process: Document,
    claimant: str,
    is_gone: Callable[[Any], bool],
) -> Attempt | Absent | Busy | Unwanted:
    """Begin with a task, if nobody else runs it.

    A message comes again when its worker is gone, and also when that worker has only
    lost its connection to the broker while it goes on with the task.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    number : int
        That of the message.
    again : bool
        Whether the broker says that it has given it out before.
    worker : str
        The name of the worker that asks.
    process : dict
        Its process, as the record keeps it.
    claimant : str
        Made up for this message's arrival: who asks again, because the answer was lost with
        the connection, has what it got before.
    is_gone : callable
        Takes a process as a record keeps it; returns True where it is known to
        have ended.

    Returns
    -------
    Attempt or Absent or Busy or Unwanted
        Unwanted: the task has ended, or is being cancelled; or the message is a copy of
        one that was taken before.
    """
    now_waits = {"$lt": [{"$last": "$history.at"}, _ago(SECOND_CHANCE_SECONDS)]}
    free = [
        {"state": "QUEUED"},
        {"state": "RETRY", "heartbeat": None},
        {"state": "RETRY", "$expr": now_waits},
    ]
    begun = moved(
        "STARTED",
        {"worker": worker, "process": process, "claimant": claimant},
        computed={
            # Fits that are done stay done, and the time that they took counts.
            "started": {"$cond": ["$fits", "$started", "$$NOW"]},
            "heartbeat": "$$NOW",
            "taken": number,
            "attempts": {"$add": ["$attempts", 1]},
            "progress": {"$cond": ["$fits", "$progress", "$$REMOVE"]},
        },
        entry={"attempt": {"$add": ["$attempts", 1]}, "worker": {"$literal": worker}},
    )
    fresh = {"taken": {"$not": {"$gt" if again else "$gte": number}}}
    counted = {"$subtract": ["$attempts", {"$ifNull": ["$excused", 0]}]}
    left = {"$expr": {"$lt": [counted, MAX_ATTEMPTS]}}
    query = {"_id": task_id, "$and": [{"$or": free}, left], **fresh}
    if number == 1 and not again:
        # Nobody has begun with it, or this is a copy. So short a question is answered sooner.
        query = {"_id": task_id, "state": "QUEUED", **fresh}
    with mongo_errors(url):
        collection = records(url)
        record = collection.find_one_and_update(query, begun, return_document=True)
        if record is None:
            # Before anything is noted: what comes after this look is none that was taken.
            there = collection.find_one({"_id": task_id})
            if there is None:
                return Absent()
            if there.get("claimant") == claimant and there["state"] in RUNNING:
                record = there
        if record is not None:
            return Attempt(url, task_id, record["attempts"], record)
        # Whatever becomes of it now: nobody begins anything with a copy of it.
        open_ = {"_id": task_id, "state": {"$nin": [*FINAL, "CANCELLING"]}, **fresh}
        noted = collection.update_one(open_, {"$set": {"taken": number}})
        record = collection.find_one({"_id": task_id}, {"result": 0, "carried": 0})
    if record is None:
        return Absent()
    found = _unwanted(record, number, copied=not noted.matched_count) or _busy(url, record, is_gone)
    if found is not None:
        return found
    if _has_used_all(record):
        _give_up(url, task_id)
        return Unwanted(f"is given up after {MAX_ATTEMPTS} attempts")
    return claim(
        url,
        task_id,
        number,
        again=True,
        worker=worker,
        process=process,
        claimant=claimant,
        is_gone=is_gone,
    )


def _unwanted(record: Document, number: int, *, copied: bool) -> Unwanted | None:
    if record["state"] in FINAL or record["state"] == "CANCELLING":
        return Unwanted(f"is {record['state']}")
    if copied:
        return Unwanted(f"has come before: this message, number {number}, is a copy")
    return None


def release(url: SecretUrl, task_id: str, number: int) -> None:
    """Note that an attempt's worker is known to be gone: the task may run again at once."""
    query = {"_id": task_id, "attempts": number, "state": {"$in": [*RUNNING, "RETRY"]}}
    with mongo_errors(url):
        records(url).update_one(query, moved("RETRY", {"heartbeat": None}))


def _has_used_all(record: Document) -> bool:
    """Return whether a task has had all its attempts; a search's are excused where it got on."""
    return bool(record["attempts"] - record.get("excused", 0) >= MAX_ATTEMPTS)


def _busy(url: SecretUrl, record: Document, is_gone: Callable[[Any], bool]) -> Busy | None:
    """Return how long to wait for a task that runs elsewhere, or did; None: it may begin."""
    if record["state"] == "QUEUED":
        return None  # it was written just now
    if record["state"] not in RUNNING:
        return None if _has_used_all(record) else Busy(SECOND_CHANCE_SECONDS)
    if is_gone(record.get("process")):
        release(url, str(record["_id"]), record["attempts"])
        return None
    # Nobody has heard of its end.
    silent = {"_id": record["_id"], "state": {"$in": list(RUNNING)}, **stale(LEASE_SECONDS)}
    with mongo_errors(url):
        given_up = records(url).update_one(silent, moved("RETRY")).modified_count
    return Busy(SECOND_CHANCE_SECONDS + 1 if given_up else LEASE_SECONDS / 2)


def _give_up(url: SecretUrl, task_id: str) -> None:
    error = {
        "type": "TaskLost",
        "code": "task_lost",
        "message": f"Given up after {MAX_ATTEMPTS} attempts: the worker died under each",
        "hint": "the machine may be short of memory; %omega retry runs it once more",
    }
    query = {"_id": task_id, "state": {"$in": list(WAITING)}}
    with mongo_errors(url):
        records(url, durable=True).update_one(query, moved("LOST", {"error": error}))
    tell_of_end(url, task_id)
    pass_on(url, task_id)


def _ago(seconds: float) -> Document:
    return {"$subtract": ["$$NOW", int(seconds * 1000)]}
