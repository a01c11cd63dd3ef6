"""The fits of a search, spread over tasks of their own.

The search (the parent) does its first fits itself; where there is more to do than that is
worth, it spreads the rest, ends its run, and its record waits in state PROGRESS with
``spread`` set: no worker has it then, so nobody vouches for it. It counts the fits that
are done. Whoever does the last one sends the search's message again, and any worker
finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.records import FINAL, RUNNING, WAITING, later, moved, records
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = [
    "HEAD",
    "are_done",
    "begin",
    "count",
    "leave",
    "limit_left",
    "seconds_left",
    "spread",
    "wake",
]

# No message has a shorter time limit: whoever takes it finds out that the time is over.
_SHORTEST_SECONDS = 1.0

# The share of the fits that the search does itself, beside the numbers of its parts.
HEAD = "head"

_TOTAL = {"$sum": {"$map": {"input": {"$objectToArray": "$fits.done"}, "in": "$$this.v"}}}
# What the search had done itself when it spread the rest counts when its results are kept.
_OWN = {"$cond": [{"$ifNull": [f"$fits.done.{HEAD}", False]}, 0, "$fits.seen"]}
_SEEN = {"$add": [_TOTAL, _OWN]}
# The last step, a refit with the best parameters, counts like a fit.
_FRACTION = {"$round": [{"$divide": [_SEEN, {"$add": ["$fits.of", 1]}]}, 4]}
_STEP = {"$concat": ["fit ", {"$toString": _SEEN}, " of ", {"$toString": "$fits.of"}]}
_PROGRESS: Document = {"$set": {"progress": {"fraction": _FRACTION, "step": _STEP}}}


def are_done(record: Mapping[str, Any]) -> bool:
    """Return whether all fits of a search are done."""
    fits = record.get("fits")
    return fits is not None and sum(fits["done"].values()) >= fits["of"]


def seconds_left(record: Mapping[str, Any]) -> float | None:
    """Return the seconds that a task still has of its time limit; None: it has none.

    Parameters
    ----------
    record : mapping
        With ``now``, the server's time. The time counts from when a worker first
        began with the task.
    """
    limit = record.get("time_limit")
    begun = [change["at"] for change in record.get("history", ()) if change["state"] == "STARTED"]
    if limit is None or not begun:
        return limit
    passed: timedelta = record["now"] - begun[0]
    return float(limit - passed.total_seconds())


def limit_left(record: Mapping[str, Any]) -> float | None:
    """Return the time limit of a message that is sent now for a task, or for a part of it."""
    left = seconds_left(record)
    return None if left is None else max(left, _SHORTEST_SECONDS)


def begin(url: SecretUrl, task_id: str, attempt: int) -> None:
    """Note that a task is a search: under one of its fits its process may die."""
    with mongo_errors(url):
        records(url).update_one({"_id": task_id, "attempts": attempt}, {"$set": {"search": True}})


def spread(url: SecretUrl, task_id: str, attempt: int, plan: Mapping[str, int]) -> Document | None:
    """Note in the record of a search that its fits are spread over parts.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    attempt : int
        The attempt that spreads them. One that does so again keeps what is counted.
    plan : mapping
        ``of``, how many fits there are; ``first``, the number of the first one that is
        not the search's own; ``parts``; ``seen``, how many it has done.

    Returns
    -------
    dict or None
        The record; None where the search was cancelled, or is another worker's.
    """
    query = {"_id": task_id, "attempts": attempt, "state": {"$in": list(RUNNING)}}
    known = {"$ifNull": ["$fits", {"$literal": {**plan, "done": {}}}]}
    with mongo_errors(url):
        return records(url, durable=True).find_one_and_update(
            query, [*moved("PROGRESS", computed={"fits": known}), _PROGRESS], return_document=True
        )


def leave(url: SecretUrl, task_id: str, attempt: int, scores: str | None) -> Document | None:
    """Let the record of a search wait for its parts, unless they are all done.

    Parameters
    ----------
    url : SecretUrl
    task_id : str
    attempt : int
    scores : str, optional
        The results of the search's own fits, where it did them.

    Returns
    -------
    dict or None
        The record, which waits where ``spread`` is True in it; None where the search was
        cancelled, has ended, or is another worker's.
    """
    query = {"_id": task_id, "attempts": attempt, "state": {"$in": list(RUNNING)}}
    own = {f"fits.done.{HEAD}": "$fits.first", "scores": {"$literal": [scores]}}
    update: list[Document] = [
        *([] if scores is None else [{"$set": own}]),
        {"$set": {"spread": {"$lt": [_TOTAL, "$fits.of"]}}},
        _PROGRESS,
    ]
    with mongo_errors(url):
        return records(url, durable=True).find_one_and_update(query, update, return_document=True)


def count(
    url: SecretUrl, parent: str, part: int | str, done: int, *, last: bool
) -> Document | None:
    """Note how many fits of a part are done, and with that how far the search is.

    Parameters
    ----------
    url : SecretUrl
    parent : str
        The id of the search.
    part : int or str
    done : int
        Never counts backwards, nor twice.
    last : bool
        Whether the part has done all of its fits.

    Returns
    -------
    dict or None
        The record of the search; None where it has ended.
    """
    here = f"fits.done.{part}"
    counted = {here: {"$max": [f"${here}", done]}, "expires": later()}
    update: list[Document] = [{"$set": counted}, _PROGRESS]
    query = {"_id": parent, "state": {"$nin": list(FINAL)}, "fits": {"$ne": None}}
    with mongo_errors(url):
        collection = records(url, durable=last)
        return collection.find_one_and_update(
            query, update, {"state": 1, "fits": 1}, return_document=True
        )


def wake(url: SecretUrl, parent: str) -> Document | None:
    """Let a search go on whose fits are all done. What is left has attempts of its own.

    Returns
    -------
    dict or None
        Its record, with the server's ``now``, where it waits for its message from now on.
    """
    query = {"_id": parent, "spread": True, "state": {"$in": list(RUNNING)}}
    fields = {"heartbeat": None, "spread": False}
    update = moved("RETRY", fields, computed={"excused": "$attempts"})
    waits: list[Document] = [
        {"$match": {"_id": parent, "state": {"$in": list(WAITING)}}},
        {"$set": {"now": "$$NOW"}},
    ]
    with mongo_errors(url):
        collection = records(url, durable=True)
        collection.update_one(query, update)
        return next(iter(collection.aggregate(waits)), None)
