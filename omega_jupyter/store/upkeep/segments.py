"""The segments in the collection of chunks, and which of them nobody needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.identity import segment_range
from omega_jupyter.store.chunks.writer import lease_of
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import chunks, leases, versions

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Stored", "abandoned", "needed", "read", "readers_at_work", "stored", "walk"]

BATCH = 500
# Mostly of 256 KiB to 1 MiB.
CHUNKS_A_MESSAGE = 8
_EXPIRED: Document = {"$expr": {"$lt": ["$until", "$$NOW"]}}
_ALIVE: Document = {"$expr": {"$gte": ["$until", "$$NOW"]}}


class Stored(NamedTuple):
    """What is stored of a segment.

    Attributes
    ----------
    chunks : int
        Documents.
    bytes : int
        Of these documents, before the server's compression.
    """

    chunks: int
    bytes: int


def walk(url: SecretUrl, after: ObjectId | None = None) -> Iterator[list[ObjectId]]:
    """Yield all segments, in order and in batches, by jumping in the chunks' own index.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    after : ObjectId, optional
        Where to go on.
    """
    from bson import ObjectId

    batch: list[ObjectId] = []
    last = b"" if after is None else after.binary + b"\xff" * 8
    while True:
        chunk = chunks(url).find_one({"_id": {"$gt": last}}, {"_id": 1}, sort=[("_id", 1)])
        if chunk is None:
            break
        batch.append(ObjectId(chunk["_id"][:12]))
        last = batch[-1].binary + b"\xff" * 8
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def read(url: SecretUrl, segment: ObjectId) -> Iterator[Document]:
    """Yield the chunks of a segment, in the order of ``_id``."""
    found = chunks(url).find(segment_range(segment)).sort("_id", 1)
    return iter(found.batch_size(CHUNKS_A_MESSAGE))


def abandoned(url: SecretUrl, found: Sequence[ObjectId], *, revoke: bool) -> list[ObjectId]:
    """Return those of the segments that no version needs and nobody is writing.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    found : sequence of ObjectId
        Segments that were seen in the collection before this call.
    revoke : bool
        Whether they are going to be deleted: then a writer whose lease has run out can't
        publish any more what it wrote under it.
    """
    # The order matters: a writer publishes before its lease ends, so that what had no
    # lease is either published already or never will be.
    if revoke:
        leases(url).delete_many(_EXPIRED)
    alive = {lease["_id"] for lease in leases(url).find({} if revoke else _ALIVE, {"_id": 1})}
    ownerless = [segment for segment in found if lease_of(segment) not in alive]
    keep = needed(url, ownerless)
    return [segment for segment in ownerless if segment not in keep]


def needed(
    url: SecretUrl, segments: Sequence[ObjectId], *, but: Collection[ObjectId] = ()
) -> set[ObjectId]:
    """Return those of the segments that a version refers to.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    segments : sequence of ObjectId
    but : collection of ObjectId
        ``_id`` of versions that don't count.
    """
    wanted = set(segments)
    found: set[ObjectId] = set()
    for at in range(0, len(segments), BATCH):
        query = {"segments.s": {"$in": list(segments[at : at + BATCH])}}
        for version in versions(url).find(query, {"segments.s": 1}):
            if version["_id"] not in but:
                found |= wanted & {entry["s"] for entry in version["segments"] if "s" in entry}
    return found


def stored(url: SecretUrl, segment: ObjectId) -> Stored:
    """Return how much is stored of a segment; the server reads all of it."""
    stages: list[Document] = [
        {"$match": segment_range(segment)},
        {
            "$group": {
                "_id": None,
                "chunks": {"$sum": 1},
                "bytes": {"$sum": {"$bsonSize": "$$ROOT"}},
            }
        },
    ]
    for found in chunks(url).aggregate(stages):
        return Stored(int(found["chunks"]), int(found["bytes"]))
    return Stored(0, 0)


def readers_at_work(url: SecretUrl) -> bool:
    """Say whether somebody reads who needs what is dropped meanwhile (an export)."""
    return leases(url).find_one(_ALIVE | {"reads": True}, {"_id": 1}) is not None
