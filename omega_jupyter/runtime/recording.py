"""Writing the record of a call, if its names are what they were: one command does both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.records import TASKS, records
from omega_jupyter.store.database.connection import Document, connect, mongo_errors
from omega_jupyter.store.names.recall import Changed

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.ledger import Ledger
    from omega_jupyter.store.names.recall import Recall

__all__ = ["submit_unchanged"]

# What $toInt raises for a text; see below.
_CONVERSION_FAILURE = 241

# Servers that can't, such as those before 5.1, are not asked again.
_unable: set[tuple[int, SecretUrl]] = set()


def submit_unchanged(ledger: Ledger, record: Mapping[str, Any], recall: Recall) -> Document:
    """Write a new record in state QUEUED, unless a name has changed.

    Parameters
    ----------
    ledger : Ledger
        In the database of the names.
    record : mapping
        As for :meth:`Ledger.submit`.
    recall : Recall
        Has told what the names were.

    Returns
    -------
    dict
        What was written.

    Raises
    ------
    Changed
        Nothing was written: look the names up.
    """
    from pymongo import ReadPreference, WriteConcern
    from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError

    url = ledger.url
    if (os.getpid(), url) in _unable:
        raise Changed
    records(url)  # with its indexes
    database = connect(url)
    concern = WriteConcern(**{**database.write_concern.document, "j": True})
    target = database.with_options(write_concern=concern, read_preference=ReadPreference.PRIMARY)
    written = ledger.queued(record)
    with mongo_errors(url):
        try:
            target.aggregate(_pipeline(written, recall)).close()
        except OperationFailure as error:
            if error.code != _CONVERSION_FAILURE:
                # Whoever asks in two commands hears what is wrong, if anything is.
                _unable.add((os.getpid(), url))
            raise Changed from None
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:
            # The connection was lost, as after a restart; perhaps it was written.
            ledger.withdraw(str(written["_id"]))
            raise Changed from None
    return written


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
