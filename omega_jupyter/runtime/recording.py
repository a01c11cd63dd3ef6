"""Writing the record of a call, if its names are what they were: one command does both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Unavailable
from omega_jupyter.runtime.records import TASKS, records
from omega_jupyter.store.database.connection import Document, connect, mongo_errors
from omega_jupyter.store.names.recall import Changed

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.ledger import Ledger
    from omega_jupyter.store.names.recall import Recall

__all__ = ["can_submit_unchanged", "submit_unchanged"]

# What $toInt raises for a text; see below.
_CONVERSION_FAILURE = 241

# Servers that can't, such as those before 5.1, are not asked again, nor for a database such as
# `local`, into which nothing is merged.
_unable: set[tuple[int, SecretUrl]] = set()


def can_submit_unchanged(url: SecretUrl) -> bool:
    """Return whether the server, as far as is known, can do it; else no message goes beside.

    Parameters
    ----------
    url : SecretUrl
        The database of the names and of the task records.
    """
    return (os.getpid(), url) not in _unable


def submit_unchanged(ledger: Ledger, record: Mapping[str, Any], recall: Recall) -> None:
    """Write a new record in state QUEUED, unless a name has changed.

    A worker may begin with it at once: its message may be sent meanwhile.

    Parameters
    ----------
    ledger : Ledger
        In the database of the names.
    record : mapping
        As for :meth:`Ledger.submit`.
    recall : Recall
        Has told what the names were.

    Raises
    ------
    Changed
        Nothing was written: look the names up.
    Unavailable
        MongoDB does not answer. Where the connection was lost meanwhile, nobody knows
        whether it was written; the message says so.
    """
    from pymongo import ReadPreference, WriteConcern
    from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError

    url = ledger.url
    records(url)  # with its indexes
    database = connect(url)
    concern = WriteConcern(**{**database.write_concern.document, "j": True})
    target = database.with_options(write_concern=concern, read_preference=ReadPreference.PRIMARY)
    pipeline = _pipeline(ledger.queued(record), recall)
    with mongo_errors(url):
        try:
            target.aggregate(pipeline).close()
        except OperationFailure as error:
            if error.code != _CONVERSION_FAILURE:
                # Whoever asks in two commands hears what is wrong, if anything is.
                _unable.add((os.getpid(), url))
            raise Changed from None
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:
            # The connection was lost, as after a restart; perhaps it was written, and
            # perhaps a worker has begun with it.
            if _is_gone(ledger, str(record["_id"])):
                raise Changed from None


def _is_gone(ledger: Ledger, task_id: str) -> bool:
    """Withdraw a task, unless it was begun with; return whether nothing is left of it."""
    try:
        ledger.withdraw(task_id)
        return ledger.find(task_id, ["_id"]) is None
    except Unavailable as error:
        raise Unavailable(
            f"MongoDB went away while a task was submitted, and does not come back: it is not "
            f"known whether it was. {error.message}",
            hop="mongodb",
            hint=f"%omega status {task_id[:8]} tells it when MongoDB answers again",
        ) from None


def _pipeline(record: Document, recall: Recall) -> list[Document]:
    fields = {name: {"$literal": value} for name, value in record.items()}
    # An aggregation can end without a document, or with an error: it takes the latter here.
    # The size keeps the server from working the text out, and failing, beforehand.
    size = {"$toString": {"$size": {"$ifNull": ["$found0", []]}}}
    failing = {"$toInt": {"$concat": ["changed", size]}}
    return [
        {"$documents": [{}]},
        *recall.stages,
        {"$project": {"_id": {"$cond": [recall.unchanged, fields.pop("_id"), failing]}}},
        {"$set": {**fields, "submitted": "$$NOW"}},
        {"$merge": {"into": TASKS, "whenMatched": "fail", "whenNotMatched": "insert"}},
    ]
