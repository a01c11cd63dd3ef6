"""How much room objects take: each by itself, and all together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError
from omega_jupyter.store.database.connection import Document, connect, mongo_errors
from omega_jupyter.store.database.schema import CHUNKS, VERSIONS, prepare, versions
from omega_jupyter.store.names.catalog import KINDS_OF_STORES
from omega_jupyter.store.names.patterns import like
from omega_jupyter.store.upkeep.garbage import Collected, collect
from omega_jupyter.store.wording.facts import bytes_text, count_text, facts_html, facts_text

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Disk", "ObjectUsage", "Usage", "bytes_in_chunks", "usage"]

LARGEST_SHOWN = 10


@dataclass(frozen=True)
class ObjectUsage:
    """The room that one object takes.

    Attributes
    ----------
    store, name : str
    versions : int
    latest : int
        Bytes of the latest version, as loaded.
    size : int
        Bytes of all versions, as loaded.
    stored : int
        Bytes that are stored for all versions, before the server's compression; what
        several versions share counts once.
    """

    store: str
    name: str
    versions: int
    latest: int
    size: int
    stored: int


@dataclass(frozen=True)
class Disk:
    """What the server says of its files.

    Attributes
    ----------
    data, indexes : int
        Bytes on the disk, compressed.
    free : int
        Bytes in these files that are free to be used again.
    """

    data: int
    indexes: int
    free: int


@dataclass(frozen=True, repr=False)
class Usage:
    """The room that a store takes.

    Attributes
    ----------
    objects : tuple of ObjectUsage
        Largest first; internal ones too.
    stored : int
        Bytes of all objects, before the server's compression; what several objects
        share counts once.
    garbage : Collected, optional
        What no version needs any more. Only of a whole store.
    disk : Disk, optional
        None where the server does not tell, and where only a part was asked for.
    """

    objects: tuple[ObjectUsage, ...]
    stored: int
    garbage: Collected | None = None
    disk: Disk | None = None

    def by_name(self) -> dict[tuple[str, str], ObjectUsage]:
        """Return the objects by store and name."""
        return {(found.store, found.name): found for found in self.objects}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    def __repr__(self) -> str:
        return facts_text(self._facts())

    def _repr_html_(self) -> str:
        return facts_html(self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        count = count_text(sum(found.versions for found in self.objects), "version")
        facts = [
            ("objects", f"{len(self.objects):,} with {count}"),
            ("stored", f"{bytes_text(self.stored)} before compression"),
        ]
        if self.garbage is not None:
            facts.append(("garbage", self.garbage.text))
        if self.disk is not None:
            disk = self.disk
            facts.append(
                ("on disk", f"{bytes_text(disk.data)}, {bytes_text(disk.free)} of it free")
            )
            facts.append(("indexes", bytes_text(disk.indexes)))
        for found in self.objects[:LARGEST_SHOWN]:
            kind = KINDS_OF_STORES[found.store]
            versions = count_text(found.versions, "version")
            facts.append((found.name, f"{bytes_text(found.stored)}  {kind}, {versions}"))
        rest = self.objects[LARGEST_SHOWN:]
        if rest:
            size = sum(found.stored for found in rest)
            facts.append((f"{len(rest):,} others", bytes_text(size)))
        return facts


def usage(url: SecretUrl, pattern: str | None = None) -> Usage:
    """Add up how much room objects take.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    pattern : str, optional
        Only names like this one.
    """
    prepare(url)
    adder = _Adder(url)
    with mongo_errors(url):
        objects = sorted(adder.objects(pattern), key=lambda o: (-o.stored, o.store, o.name))
        if pattern is not None:
            return Usage(tuple(objects), adder.inline + adder.chunks)
        garbage = collect(url, grace=timedelta(0), dry_run=True)
        return Usage(tuple(objects), adder.inline + adder.chunks, garbage, _disk(url))


def bytes_in_chunks(url: SecretUrl, pattern: str | None = None) -> int:
    """Return the bytes that all chunks of some objects have."""
    adder = _Adder(url)
    for _ in adder.objects(pattern):
        pass
    return adder.chunks


class _Adder:
    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._seen: set[ObjectId] = set()
        self.inline = self.chunks = 0

    def objects(self, pattern: str | None) -> Iterator[ObjectUsage]:
        fits = like(pattern)
        found = _described(self._url, pattern)
        for (store, name), documents in groupby(found, lambda d: (d["store"], d["name"])):
            if fits(name):
                usage = self._object(store, name, documents)
                if usage is not None:
                    yield usage

    def _object(self, store: str, name: str, documents: Iterator[Document]) -> ObjectUsage | None:
        sizes: list[int] = []
        segments: dict[ObjectId, int] = {}
        inline = 0
        for document in documents:
            if document.get("deleted"):
                break
            if document.get("removed") is not None:
                continue
            # What is missing in a damaged document is for the check to tell.
            sizes.append(int(document.get("size", 0)))
            inline += int(document["bytes"])
            for entry in document.get("segments", ()):
                if "s" in entry:
                    segments[entry["s"]] = int(entry.get("size", 0))
        if not sizes:
            return None
        self.inline += inline
        self.chunks += sum(n for s, n in segments.items() if s not in self._seen)
        self._seen |= set(segments)
        stored = inline + sum(segments.values())
        return ObjectUsage(store, name, len(sizes), sizes[0], sum(sizes), stored)


def _described(url: SecretUrl, pattern: str | None) -> Iterator[Document]:
    """Yield sizes and segments of all versions, the newest of each name first."""
    prefix = re.split(r"[*?\[]", pattern or "", maxsplit=1)[0]
    stages: list[Document] = [
        {"$match": {"store": {"$in": list(KINDS_OF_STORES)}, "name": {"$gte": prefix}}},
        {"$sort": {"store": 1, "name": 1, "version": -1}},
        {
            "$project": {
                "_id": 0,
                "store": 1,
                "name": 1,
                "deleted": 1,
                "removed": 1,
                "size": 1,
                "segments.s": 1,
                "segments.size": 1,
                "bytes": {"$bsonSize": "$$ROOT"},
            }
        },
    ]
    if prefix:
        stages[0]["$match"]["name"]["$lt"] = prefix + "\U0010ffff"
    return iter(versions(url).aggregate(stages, allowDiskUse=True))


def _disk(url: SecretUrl) -> Disk | None:
    """Ask the server for the sizes of its files; not every user may know."""
    try:
        with mongo_errors(url):
            told = [connect(url).command("collStats", name) for name in (VERSIONS, CHUNKS)]
    except AuthError:
        return None
    return Disk(
        data=sum(int(of["storageSize"]) for of in told),
        indexes=sum(int(of["totalIndexSize"]) for of in told),
        free=sum(int(of.get("freeStorageSize", 0)) for of in told),
    )
