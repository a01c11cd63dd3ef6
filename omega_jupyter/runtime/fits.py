"""The fits of a search, spread over tasks of their own.

The record of the search (the parent) waits meanwhile in state PROGRESS, with ``spread``
set: no worker has it, so nobody vouches for it. It counts the fits that are done. Whoever
does the last one sends the search's message again, and any worker finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.endings import tell_of_end
from omega_jupyter.runtime.records import FINAL, RUNNING, WAITING, moved, records
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["are_done", "count", "part_id", "parts", "pass_on", "results", "spread", "wake"]


def part_id(parent: str, part: int) -> str:
    """Return the id of the task that does a part of the fits; always the same."""
    return f"{parent}-{part}"


def are_done(record: Mapping[str, Any]) -> bool:
    """Return whether all fits of a search are done."""
    fits = record.get("fits")
    return fits is not None and sum(fits["done"].values()) >= fits["of"]


def spread(url: SecretUrl, task_id: str, attempt: int, of: int) -> Document | None:
    """Let the record of a search wait for its fits.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    attempt : int
        The attempt that spreads them. One that does so again keeps what is counted.
    of : int
        How many fits there are.

    Returns
    -------
    dict or None
        The record; None where the search was cancelled, or is another worker's.
    """
    query = {"_id": task_id, "attempts": attempt, "state": {"$in": list(RUNNING)}}
    known = {"$ifNull": ["$fits", {"$literal": {"of": of, "done": {}}}]}
    begun = {"$ifNull": ["$progress", {"$literal": {"fraction": 0.0, "step": f"fit 0 of {of}"}}]}
    update = moved("PROGRESS", {"spread": True}, computed={"fits": known, "progress": begun})
    with mongo_errors(url):
        return records(url, durable=True).find_one_and_update(query, update, return_document=True)


def count(
    url: SecretUrl, parent: str, part: int, done: int, result: tuple[str, str] | None = None
) -> Document | None:
    """Note how many fits of a part are done, and with that how far the search is.

    Parameters
    ----------
    url : SecretUrl
    parent : str
        The id of the search.
    part : int
    done : int
        Never counts backwards, nor twice.
    result : tuple of str, optional
        The id of the part's task and the results of its fits, once it has done all.

    Returns
    -------
    dict or None
        The record of the search; None where it has ended.
    """
    here = f"fits.done.{part}"
    total = {"$sum": {"$map": {"input": {"$objectToArray": "$fits.done"}, "in": "$$this.v"}}}
    # The last step, a refit with the best parameters, counts like a fit.
    fraction = {"$round": [{"$divide": ["$total", {"$add": ["$fits.of", 1]}]}, 4]}
    step = ["fit ", {"$toString": "$total"}, " of ", {"$toString": "$fits.of"}]
    update: list[Document] = [
        {"$set": {here: {"$max": [f"${here}", done]}}},
        {"$set": {"total": total}},
        {"$set": {"progress": {"fraction": fraction, "step": {"$concat": step}}}},
        {"$unset": "total"},
    ]
    with mongo_errors(url):
        if result is not None:
            kept = {"$set": {"scores": result[1]}}
            records(url, durable=True).update_one({"_id": result[0]}, kept)
        collection = records(url, durable=result is not None)
        query = {"_id": parent, "state": {"$nin": list(FINAL)}, "fits": {"$ne": None}}
        return collection.find_one_and_update(query, update, return_document=True)


def wake(url: SecretUrl, parent: str) -> Document | None:
    """Let a search go on whose fits are all done.

    Returns
    -------
    dict or None
        Its record, where it waits for its message now.
    """
    query = {"_id": parent, "spread": True, "state": {"$in": list(RUNNING)}}
    with mongo_errors(url):
        collection = records(url, durable=True)
        collection.update_one(query, moved("RETRY", {"heartbeat": None, "spread": False}))
        return collection.find_one({"_id": parent, "state": {"$in": list(WAITING)}})


def parts(url: SecretUrl, parent: str) -> list[Document]:
    """Return the records of the parts that have not ended, each with the server's ``now``."""
    pipeline: list[Document] = [
        {"$match": {"parent": parent, "state": {"$nin": list(FINAL)}}},
        {"$unset": ["scores", "log"]},
        {"$set": {"now": "$$NOW"}},
    ]
    with mongo_errors(url):
        return list(records(url).aggregate(pipeline))


def results(url: SecretUrl, parent: str) -> dict[int, str]:
    """Return what each part has left: its number, and the results of its fits."""
    with mongo_errors(url):
        found = records(url).find({"parent": parent, "scores": {"$ne": None}}, ["part", "scores"])
        return {int(record["part"]): str(record["scores"]) for record in found}


def pass_on(url: SecretUrl, task_id: str, grace: float = 5.0) -> None:
    """Let a search end with the error of a part of its fits, and the other parts with it.

    Parameters
    ----------
    url : SecretUrl
    task_id : str
        Of a task that has ended badly; nothing is done where it is no part.
    grace : float
        Seconds that other parts have to stop.
    """
    from omega_jupyter.runtime.ledger import Ledger

    with mongo_errors(url):
        part = records(url).find_one({"_id": task_id}, ["parent", "state", "error", "traceback"])
        if part is None or part.get("parent") is None or part["state"] not in ("FAILURE", "LOST"):
            return
        why: Document = {name: part[name] for name in ("error", "traceback") if name in part}
        query = {"_id": part["parent"], "state": {"$nin": list(FINAL)}}
        update = moved(part["state"], {**why, "spread": False})
        ended = records(url, durable=True).update_one(query, update).matched_count
    if ended:
        tell_of_end(url, part["parent"])
        for other in parts(url, part["parent"]):
            Ledger(url).cancel(str(other["_id"]), grace)
