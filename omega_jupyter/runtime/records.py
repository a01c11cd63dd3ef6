"""The records of tasks: where they are, and how one moves from state to state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import MAX_DAYS
from omega_jupyter.store.database.connection import Document, connect, durable_concern

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from omega_jupyter.config import SecretUrl

__all__ = [
    "FINAL",
    "HEARTBEAT_SECONDS",
    "LEASE_SECONDS",
    "MAX_ATTEMPTS",
    "RUNNING",
    "STATES",
    "TASKS",
    "WAITING",
    "later",
    "moved",
    "records",
]

TASKS = "omega_tasks"

WAITING = ("QUEUED", "RETRY")
RUNNING = ("STARTED", "PROGRESS")
FINAL = ("SUCCESS", "FAILURE", "CANCELLED", "LOST")
STATES = (*WAITING, *RUNNING, "CANCELLING", *FINAL)

# A worker vouches for each task that it runs, so often …
HEARTBEAT_SECONDS = 2.0
# … and is taken for gone after so long without: ten missed beats, by the server's clock.
LEASE_SECONDS = 20.0
# A task whose worker died that often is given up: it probably killed it.
MAX_ATTEMPTS = 3

# More changes of state than this are not kept: a network that comes and goes makes many.
_HISTORY = 50
_DAY_SECONDS = 24 * 3600
DEFAULT_RETENTION_DAYS = 30.0
# Workers refuse a task that has waited for longer than a week.
WAITING_DAYS = 30

_indexed: set[tuple[int, SecretUrl]] = set()


def records(url: SecretUrl, *, durable: bool = False) -> Collection[Document]:
    """Return the collection of a user's task records, with its indexes.

    Parameters
    ----------
    url : SecretUrl
        The database that holds them.
    durable : bool
        For what must survive a crash of the server. A message is acknowledged
        after its result was written: a crash that forgot the result would leave
        a task that nobody runs again.
    """
    collection = connect(url)[TASKS]
    key = (os.getpid(), url)
    if key not in _indexed:
        collection.create_index([("submitted", -1)])
        collection.create_index([("state", 1), ("submitted", -1)])
        collection.create_index([("model_name", 1), ("submitted", -1)])
        # Those that are no parts are what is listed.
        collection.create_index([("parent", 1), ("submitted", -1)])
        collection.create_index("expires", expireAfterSeconds=0)
        # Whose data is to be forgotten: an entry for each record that carries some.
        collection.create_index("finished", partialFilterExpression={"carried": {"$exists": True}})
        _indexed.add(key)
    if not durable:
        return collection
    return collection.with_options(write_concern=durable_concern())


def moved(
    state: str,
    fields: Mapping[str, Any] | None = None,
    *,
    computed: Mapping[str, Any] | None = None,
    entry: Mapping[str, Any] | None = None,
) -> list[Document]:
    """Return the update that moves a record to a state, with the moment in its history.

    All moments are by the server's clock. Staying in a state adds no entry.

    Parameters
    ----------
    state : str
        One of :data:`STATES`.
    fields : mapping, optional
        Values of further fields, dotted where they are nested.
    computed : mapping, optional
        Further fields as expressions of MongoDB's, of the record as it was.
    entry : mapping, optional
        More to note beside this change of state; expressions.

    Returns
    -------
    list of dict
        An aggregation pipeline, for ``update_one`` and its like.
    """
    history: Document = {"$ifNull": ["$history", []]}
    change: Document = {"state": state, "at": "$$NOW", **(entry or {})}
    longer = {"$slice": [{"$concatArrays": [history, [change]]}, -_HISTORY]}
    changes: Document = {
        "state": state,
        "history": {"$cond": [{"$eq": ["$state", state]}, history, longer]},
        **{name: {"$literal": value} for name, value in (fields or {}).items()},
        **(computed or {}),
    }
    if state in FINAL:
        changes["finished"] = "$$NOW"
        changes["expires"] = _after_days({"$ifNull": ["$retention_days", DEFAULT_RETENTION_DAYS]})
    else:
        changes["expires"] = later()
    return [{"$set": changes}]


def later() -> Document:
    """Return when a record goes of which nobody hears any more: nobody may look at it again."""
    return _after_days(WAITING_DAYS)


def _after_days(days: object) -> Document:
    # A record may say anything, and a moment that can't be would keep its task from ending.
    kept = {"$max": [0, {"$min": [days, MAX_DAYS]}]}
    return {"$add": ["$$NOW", {"$multiply": [kept, _DAY_SECONDS * 1000]}]}


def stale(seconds: float) -> Document:
    """Return the condition that no worker has vouched for a record for so long."""
    before = {"$subtract": ["$$NOW", int(seconds * 1000)]}
    # A search that waits for its fits is with no worker.
    return {"spread": {"$ne": True}, "$expr": {"$lt": ["$heartbeat", before]}}
