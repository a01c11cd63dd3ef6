"""Garbage collection by the way: whoever finds it due does a part of it."""

from __future__ import annotations

import logging
import os
import time
import uuid
from datetime import datetime
from itertools import islice

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import prepare, versions
from omega_jupyter.store.upkeep.garbage import (
    DROPPED_GRACE,
    INTERNAL_AGE,
    Collected,
    Collector,
    server_time,
)
from omega_jupyter.store.upkeep.segments import walk

__all__ = ["collect_if_due"]

EVERY_MINUTES = 10
# Bounds one run; the next one goes on from there.
TOMBSTONES_A_RUN = 1_000
REMOVED_A_RUN = 1_000
BATCHES_A_RUN = 4

_STATE = "garbage"
# The unique index wants these.
_FIXED: Document = {"store": ".garbage", "name": "state", "version": 0}
_due: dict[tuple[int, SecretUrl], float] = {}
_log = logging.getLogger(__name__)


def collect_if_due(url: SecretUrl) -> Collected | None:
    """Collect some garbage if nobody has within ten minutes.

    Cheap: mostly a look at a clock of this process, else one query.

    Parameters
    ----------
    url : SecretUrl
        The user's database.

    Returns
    -------
    Collected or None
        None where it was not due, or could not be done: the next call tries.
    """
    key = (os.getpid(), url)
    if time.monotonic() < _due.get(key, 0.0):
        return None
    _due[key] = time.monotonic() + 60 * EVERY_MINUTES
    try:
        return _collect_some(url) if _claim(url) else None
    except OmegaError as error:
        # Garbage can wait; the caller's own work is done and must not fail for it.
        _log.warning("garbage collection is put off: %s", error.message)
        return None


def _claim(url: SecretUrl) -> bool:
    """Move the due time on; only one process wins, by the server's clock."""
    from pymongo import ReturnDocument
    from pymongo.errors import DuplicateKeyError

    prepare(url)
    token = uuid.uuid4().hex
    due: Document = {"$lte": [{"$ifNull": ["$due", datetime.min]}, "$$NOW"]}
    later = {"$add": ["$$NOW", EVERY_MINUTES * 60_000]}
    changes = _FIXED | {
        "due": {"$cond": [due, later, "$due"]},
        "claim": {"$cond": [due, token, "$claim"]},
    }
    with mongo_errors(url):
        try:
            state = versions(url).find_one_and_update(
                {"_id": _STATE},
                [{"$set": changes}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            # Another process has just made the document, and collects.
            return False
    return state is not None and state["claim"] == token


def _collect_some(url: SecretUrl) -> Collected:
    collector = Collector(url)
    with mongo_errors(url):
        now = server_time(url)
        collector.internal(now - INTERNAL_AGE)
        collector.dropped(now - DROPPED_GRACE, TOMBSTONES_A_RUN)
        collector.removed(now - DROPPED_GRACE, REMOVED_A_RUN)
        state = versions(url).find_one({"_id": _STATE}) or {}
        last = None
        batches = list(islice(walk(url, state.get("cursor")), BATCHES_A_RUN))
        for batch in batches:
            collector.orphans(batch)
        if len(batches) == BATCHES_A_RUN:
            last = batches[-1][-1]
        versions(url).update_one({"_id": _STATE}, {"$set": {"cursor": last}})
    return collector.done
