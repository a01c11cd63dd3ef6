"""The collections of the store and their indexes, made on first use.

How they are compressed is the server's business: zstd would take a third less
disk than its default, snappy, for three times the processor time of a put.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document, connect, durable_concern, mongo_errors

if TYPE_CHECKING:
    from pymongo.collection import Collection

__all__ = [
    "BULK",
    "CHUNKS",
    "LEASES",
    "NAMES",
    "VERSIONS",
    "chunks",
    "leases",
    "names",
    "prepare",
    "versions",
]

VERSIONS = "omega_versions"
CHUNKS = "omega_chunks"
LEASES = "omega_leases"
NAMES = "omega_names"

# What goes out of the document of a removed version.
BULK = ("body", "columns", "params", "environment", "attributes", "scores")

_prepared: set[tuple[int, SecretUrl]] = set()
_lock = threading.Lock()


def prepare(url: SecretUrl) -> None:
    """Make the indexes, once per process and database.

    Nothing is to be written before: the unique index is what makes a
    publication atomic.
    """
    key = (os.getpid(), url)
    if key in _prepared:
        return
    with _lock:
        if key in _prepared:
            return
        with mongo_errors(url):
            _make_indexes(url)
        _prepared.add(key)


def versions(url: SecretUrl, *, durable: bool = True) -> Collection[Document]:
    """Return the collection of version documents; if `durable`, acknowledged when journalled."""
    return _collection(url, VERSIONS, durable=durable)


def names(url: SecretUrl) -> Collection[Document]:
    """Return the collection of what belongs to a name as such: tags, and what it keeps."""
    return _collection(url, NAMES)


def chunks(url: SecretUrl, *, durable: bool = True) -> Collection[Document]:
    """Return the collection of chunks; if not `durable`, writing doesn't wait for the disk."""
    return _collection(url, CHUNKS, durable=durable)


def leases(url: SecretUrl) -> Collection[Document]:
    """Return the collection of leases."""
    return _collection(url, LEASES)


def _collection(url: SecretUrl, name: str, *, durable: bool = True) -> Collection[Document]:
    from pymongo import WriteConcern

    concern = durable_concern() if durable else WriteConcern(1)
    return connect(url).get_collection(name, write_concern=concern)


def _make_indexes(url: SecretUrl) -> None:
    from pymongo import IndexModel

    versions(url).create_indexes(
        [
            # Publication: one document wins a version number.
            IndexModel([("store", 1), ("name", 1), ("version", -1)], name="version", unique=True),
            # Lists are answered from this index alone. No other one has this order, so that
            # the server is certain to take it.
            IndexModel(
                {"store": 1, "name": -1, "version": -1, "deleted": 1, "removed": 1, "kind": 1},
                name="names",
            ),
            # What hides a version: the drops of a name.
            IndexModel(
                [("store", 1), ("name", 1), ("version", 1)],
                name="drops",
                partialFilterExpression={"deleted": True},
            ),
            # Idempotency: a task that runs twice publishes once.
            IndexModel(
                [("store", 1), ("name", 1), ("task", 1)],
                name="task",
                unique=True,
                partialFilterExpression={"task": {"$type": "string"}},
            ),
            # Garbage collection: which version needs a segment, and what was dropped.
            IndexModel([("segments.s", 1)], name="segments", sparse=True),
            IndexModel(
                [("collected", 1), ("created", 1)],
                name="dropped",
                partialFilterExpression={"deleted": True},
            ),
            IndexModel(
                [("collected", 1), ("removed", 1)],
                name="removed",
                partialFilterExpression={"removed": {"$exists": True}},
            ),
        ]
    )
    names(url).create_index([("store", 1), ("name", 1)], name="name", unique=True)
