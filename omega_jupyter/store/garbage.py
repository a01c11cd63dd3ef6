"""Garbage collection: chunks of no version, dropped objects, old internal ones.

What a reader may still need is left alone: dropped objects stay for an hour,
and chunks that no version refers to for a day after they were first noticed,
by this database's clock, since they may belong to a put that is still going on.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError
from omega_jupyter.store.chunks import delete_segment
from omega_jupyter.store.connection import Document, connect, mongo_errors
from omega_jupyter.store.names import INTERNAL_FOLDERS
from omega_jupyter.store.schema import chunks, prepare, versions

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Collected", "collect", "collect_if_due"]

EVERY_MINUTES = 10
DROPPED_GRACE = timedelta(hours=1)
ORPHAN_GRACE = timedelta(hours=24)
INTERNAL_AGE = timedelta(days=1)
# Bounds one run; the next one goes on from there.
SEGMENTS_A_RUN = 2_000
TOMBSTONES_A_RUN = 1_000

_STATE = "garbage"
# The unique index wants these.
_FIXED: Document = {"store": ".garbage", "name": "state", "version": 0}
_due: dict[tuple[int, SecretUrl], float] = {}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """What one run has removed.

    Attributes
    ----------
    versions : int
        Version documents.
    segments : int
        Sets of chunks.
    chunks : int
        Chunk documents.
    """

    versions: int = 0
    segments: int = 0
    chunks: int = 0

    def __add__(self, other: Collected) -> Collected:
        return Collected(
            self.versions + other.versions,
            self.segments + other.segments,
            self.chunks + other.chunks,
        )


def collect_if_due(url: SecretUrl) -> Collected | None:
    """Collect garbage if nobody has within ten minutes.

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
        return collect(url) if _claim(url) else None
    except OmegaError as error:
        # Garbage can wait; the caller's own work is done and must not fail for it.
        _log.warning("garbage collection is put off: %s", error.message)
        return None


def collect(
    url: SecretUrl,
    *,
    dropped_grace: timedelta = DROPPED_GRACE,
    orphan_grace: timedelta = ORPHAN_GRACE,
    internal_age: timedelta = INTERNAL_AGE,
) -> Collected:
    """Collect garbage now.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    dropped_grace : timedelta
        How long dropped objects stay for their readers.
    orphan_grace : timedelta
        How long chunks that no version refers to stay for their writer.
    internal_age : timedelta
        How long staged data and results of tasks stay.

    Returns
    -------
    Collected
    """
    prepare(url)
    with mongo_errors(url):
        # Commands answer without a zone, whatever the client is set to.
        now: datetime = connect(url).command("hello")["localTime"].replace(tzinfo=UTC)
        done = _collect_internal(url, now - internal_age)
        done += _collect_dropped(url, now - dropped_grace)
        return done + _collect_orphans(url, now, orphan_grace)


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


def _collect_internal(url: SecretUrl, before: datetime) -> Collected:
    done = Collected()
    for folder in INTERNAL_FOLDERS:
        for store in ("datasets", "models"):
            inside = {"$gte": f"{folder}/", "$lt": f"{folder}0"}
            query = {"store": store, "name": inside, "created": {"$lt": before}}
            done += _delete_versions(url, query)
    return done


def _collect_dropped(url: SecretUrl, before: datetime) -> Collected:
    done = Collected()
    query = {"deleted": True, "collected": None, "created": {"$lt": before}}
    for tombstone in versions(url).find(query, {"segments": 0}).limit(TOMBSTONES_A_RUN):
        named = {"store": tombstone["store"], "name": tombstone["name"]}
        done += _delete_versions(url, named | {"version": {"$lt": tombstone["version"]}})
        # It stays, so that version numbers are never used twice.
        versions(url).update_one({"_id": tombstone["_id"]}, {"$set": {"collected": True}})
    return done


def _delete_versions(url: SecretUrl, query: Document) -> Collected:
    """Delete version documents, then their segments that no other version needs."""
    found = list(versions(url).find(query, {"segments.s": 1}))
    if not found:
        return Collected()
    segments = {e["s"] for d in found for e in d.get("segments", ()) if "s" in e}
    gone = versions(url).delete_many({"_id": {"$in": [document["_id"] for document in found]}})
    done = Collected(versions=gone.deleted_count)
    return done + _delete_segments(url, segments - _referenced(url, segments))


def _collect_orphans(url: SecretUrl, now: datetime, grace: timedelta) -> Collected:
    """Note chunks of no version; delete those that were noted a grace time ago."""
    state = versions(url).find_one({"_id": _STATE}) or {}
    noted: dict[str, datetime] = state.get("seen", {})
    start = state.get("cursor")
    segments = _segments_after(url, start)
    cursor = segments[-1] if len(segments) == SEGMENTS_A_RUN else None
    # What was noted elsewhere waits for its turn; what is gone here is forgotten.
    seen = {key: when for key, when in noted.items() if not _between(start, key, cursor)}
    referenced = _referenced(url, segments)
    orphans = []
    for segment in segments:
        if segment in referenced:
            continue
        since = noted.get(str(segment), now)
        if now - since >= grace:
            orphans.append(segment)
        else:
            seen[str(segment)] = since
    changes = _FIXED | {"seen": seen, "cursor": cursor}
    versions(url).update_one({"_id": _STATE}, {"$set": changes}, upsert=True)
    return _delete_segments(url, orphans)


def _between(start: ObjectId | None, key: str, end: ObjectId | None) -> bool:
    return (start is None or key > str(start)) and (end is None or key <= str(end))


def _segments_after(url: SecretUrl, cursor: ObjectId | None) -> list[ObjectId]:
    """Jump from segment to segment in the chunks' own index."""
    from bson import ObjectId

    segments: list[ObjectId] = []
    after = b"" if cursor is None else cursor.binary + b"\xff" * 8
    while len(segments) < SEGMENTS_A_RUN:
        chunk = chunks(url).find_one({"_id": {"$gt": after}}, {"_id": 1}, sort=[("_id", 1)])
        if chunk is None:
            break
        segments.append(ObjectId(chunk["_id"][:12]))
        after = segments[-1].binary + b"\xff" * 8
    return segments


def _referenced(url: SecretUrl, segments: Iterable[ObjectId]) -> set[ObjectId]:
    return set(versions(url).distinct("segments.s", {"segments.s": {"$in": list(segments)}}))


def _delete_segments(url: SecretUrl, segments: Iterable[ObjectId]) -> Collected:
    done = Collected()
    for segment in segments:
        done += Collected(segments=1, chunks=delete_segment(url, segment))
    return done
