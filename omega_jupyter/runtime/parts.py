"""The records of a search's parts: tasks that do some of its fits each.

A part keeps the results of its fits as they come, so that it goes on where it was when
its process or its worker is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.fits import HEAD, are_done, seconds_left
from omega_jupyter.runtime.records import FINAL, MAX_ATTEMPTS, WAITING, records
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = [
    "after_death",
    "has_failed",
    "keep",
    "may_send_again",
    "part_id",
    "results",
    "unfinished",
]

# A fit under which the process of its task dies that often has failed.
MAX_DEATHS = 2
# The message of a part that is gone is sent again that often: workers may be refusing it.
MAX_SENT_AGAIN = 3


def part_id(parent: str, part: int | str) -> str:
    """Return the id of the task that does a part of the fits; always the same."""
    return f"{parent}-{part}"


def unfinished(url: SecretUrl, parent: str) -> list[Document]:
    """Return the records of the parts that have not ended, each with the server's ``now``."""
    pipeline: list[Document] = [
        {"$match": {"parent": parent, "state": {"$nin": list(FINAL)}}},
        {"$unset": ["scores", "log"]},
        {"$set": {"now": "$$NOW"}},
    ]
    with mongo_errors(url):
        return list(records(url).aggregate(pipeline))


def may_send_again(url: SecretUrl, task_id: str) -> bool:
    """Note that the message of a part is sent again; False where it was often enough."""
    waits = {"_id": task_id, "state": {"$in": list(WAITING)}}
    seldom = {"sent_again": {"$not": {"$gte": MAX_SENT_AGAIN}}}
    with mongo_errors(url):
        noted = records(url).update_one({**waits, **seldom}, {"$inc": {"sent_again": 1}})
    return bool(noted.matched_count)


def keep(url: SecretUrl, task_id: str, attempt: int, before: int, after: int, scores: str) -> bool:
    """Keep the results of further fits of a part.

    Parameters
    ----------
    url : SecretUrl
    task_id : str
        The part's.
    attempt : int
    before, after : int
        How many fits of the part were kept, and how many are with these.
    scores : str
        The results of the fits between.

    Returns
    -------
    bool
        False where the part is another attempt's by now. The second time nothing
        is kept twice.
    """
    mine = {"_id": task_id, "attempts": attempt}
    update = {
        "$push": {"scores": scores},
        # An attempt that got on does not count among those that died.
        "$set": {"fitted": after, "excused": attempt - 1},
    }
    with mongo_errors(url):
        collection = records(url, durable=True)
        if collection.update_one({**mine, "fitted": before}, update).matched_count:
            return True
        return collection.count_documents({**mine, "fitted": after}) == 1


def results(url: SecretUrl, parent: str) -> tuple[list[str], dict[int, list[str]]]:
    """Return the results of the first fits of a search, and those of each part by number."""
    query = {"$or": [{"_id": parent}, {"parent": parent}], "scores": {"$ne": None}}
    with mongo_errors(url):
        found = {
            record.get("part", HEAD): list(record["scores"])
            for record in records(url).find(query, ["part", "scores"])
        }
    return found.pop(HEAD, []), found


def has_failed(record: Mapping[str, Any]) -> bool:
    """Return whether the next fit of a part has failed: its process died again and again."""
    died: int = record.get("died", {}).get(str(record["fitted"]), 0)
    return died >= MAX_DEATHS


def after_death(record: Mapping[str, Any], error: Mapping[str, Any]) -> Document | None:
    """Return what to note of a task whose process has died, while its worker lives.

    Parameters
    ----------
    record : mapping
        The task's, with the server's ``now``.
    error : mapping
        Why it died, as records keep errors.

    Returns
    -------
    dict or None
        Fields for its record before it runs again; None where it does not.
    """
    if record.get("parent") is None:
        return {"why": dict(error), "heartbeat": None} if _runs_again(record, error) else None
    here = str(record["fitted"])
    died = record.get("died", {})
    return {
        "died": {**died, here: died.get(here, 0) + 1},
        "why": dict(error),
        "heartbeat": None,
        # It is the fits that are counted, and each death is one of theirs.
        "excused": record.get("excused", 0) + 1,
    }


def _runs_again(record: Mapping[str, Any], error: Mapping[str, Any]) -> bool:
    """Return whether a task that is no part has an attempt left after such a death."""
    left = seconds_left(record)
    if left is not None and left <= 1:
        return False
    # What has met a limit would meet it again; of a search, one fit has.
    spared = error["type"] == "WorkerLost" or (record.get("search") and not are_done(record))
    return bool(spared) and record.get("attempts", 0) - record.get("excused", 0) < MAX_ATTEMPTS
