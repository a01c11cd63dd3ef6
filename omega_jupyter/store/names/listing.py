"""Lists of names, quick with 100,000 of them."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import names, versions
from omega_jupyter.store.names.patterns import NamePattern
from omega_jupyter.store.versions.attributes import has_attributes, plain_attributes
from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["Brief", "Listing", "Wanted"]

BATCH = 100_000
NAMES_A_QUERY = 10_000


class Brief(NamedTuple):
    """What the index alone knows of an object.

    Attributes
    ----------
    name : str
    version : int
        The latest.
    kind : str
        Of it, such as ``dataframe``.
    """

    name: str
    version: int
    kind: str


class Wanted:
    """Which objects are to be listed.

    Parameters
    ----------
    pattern, regexp, hidden
        As for :class:`~omega_jupyter.store.names.patterns.NamePattern`.
    kind : str, optional
        Only objects of this kind.
    attributes : mapping, optional
        Only objects that have all of these attributes.

    Raises
    ------
    Invalid
        One of them can't be read.
    """

    def __init__(
        self,
        pattern: str | None = None,
        *,
        regexp: str | re.Pattern[str] | None = None,
        kind: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        hidden: bool = False,
    ) -> None:
        self.names = NamePattern(pattern, regexp, hidden=hidden)
        self.kind = kind
        self.attributes = plain_attributes(attributes)


class Listing:
    """The names of one store.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store : str
        ``datasets`` or ``models``.
    """

    def __init__(self, url: SecretUrl, store: str) -> None:
        self._url = url
        self._store = store

    def names(self, wanted: Wanted) -> list[str]:
        """Return the names that are alive, sorted."""
        found = self._newest(wanted.names, wanted.kind, wanted.attributes, {})
        return sorted(document["_id"] for document in found)

    def briefs(self, wanted: Wanted) -> list[Brief]:
        """Return name, latest version and kind of each object, sorted by name."""
        fields = {"version": {"$first": "$version"}, "kind": {"$first": "$kind"}}
        found = self._newest(wanted.names, wanted.kind, wanted.attributes, fields)
        return sorted(Brief(d["_id"], d["version"], d["kind"]) for d in found)

    def entries(self, wanted: Wanted) -> list[Metadata]:
        """Return the metadata of the latest version of each name, sorted by name."""
        whole = {"latest": {"$first": "$$ROOT"}}
        found = self._newest(wanted.names, wanted.kind, wanted.attributes, whole)
        tagged = self._tagged(wanted.names)
        with _uncollected():
            entries = [
                Metadata.from_document(document["latest"], tagged.get(document["_id"]))
                for document in found
            ]
            return sorted(entries, key=attrgetter("name"))

    def _newest(
        self,
        wanted: NamePattern,
        kind: str | None,
        attributes: Mapping[str, Any],
        fields: Document,
    ) -> Iterator[Document]:
        """Yield ``_id`` (the name) and `fields` of each object that fits."""
        ranges = wanted.ranges
        if not wanted.exact and (fields or attributes):
            # Names come from the index alone; only what fits is worth its document.
            fitting = [document["_id"] for document in self._newest(wanted, kind, {}, {})]
            ranges = [
                {"$in": fitting[at : at + NAMES_A_QUERY]}
                for at in range(0, len(fitting), NAMES_A_QUERY)
            ]
        covered: list[str] = []
        for document in self._grouped(ranges, kind, attributes, fields, {}):
            if not wanted.fits(document["_id"]):
                continue
            if document.get("removed") is not None:
                covered.append(document["_id"])
            elif has_attributes(document.get("attributes"), attributes):
                yield document
        # The rare names whose newest version was removed: what is below it?
        below = [
            {"$in": covered[at : at + NAMES_A_QUERY]}
            for at in range(0, len(covered), NAMES_A_QUERY)
        ]
        for document in self._grouped(below, kind, attributes, fields, {"removed": None}):
            if has_attributes(document.get("attributes"), attributes):
                yield document

    def _grouped(
        self,
        ranges: Sequence[Document],
        kind: str | None,
        attributes: Mapping[str, Any],
        fields: Document,
        match: Document,
    ) -> Iterator[Document]:
        """Ask for the newest version of each name, not of those that were dropped."""
        group: Document = {"_id": "$name"} | fields
        for field in ("deleted", "removed", "kind"):
            group[field] = {"$first": f"${field}"}
        if attributes:
            group["attributes"] = {"$first": "$attributes"}
        conditions: Document = {"deleted": {"$ne": True}}
        if kind is not None or attributes:
            fits: Document = {} if kind is None else {"kind": kind}
            conditions["$or"] = [
                {"removed": {"$ne": None}},
                fits | {"$expr": _equal_attributes(attributes)},
            ]
        shown = {"removed": 1} | dict.fromkeys(fields, 1)
        if attributes:
            shown["attributes"] = 1
        after: list[Document] = [{"$match": conditions}, {"$project": shown}]
        if "latest" in fields:
            # Of 100,000 entries what only a loader asks for takes a tenth of the time.
            unasked = ("body", "segments", "_id", "format")
            after.append({"$project": {f"latest.{field}": 0 for field in unasked}})
        for bounds in ranges:
            stages: list[Document] = [
                {"$match": {"store": self._store, "name": bounds} | match},
                # In this very order, which only the index of that name has, the server
                # jumps in it from name to name, however many versions there are.
                {"$sort": {"store": 1, "name": -1, "version": -1}},
                {"$group": group},
                *after,
            ]
            # Of names a batch may have many; documents fill a message sooner.
            options: dict[str, Any] = {} if "latest" in fields else {"batchSize": BATCH}
            with mongo_errors(self._url):
                yield from versions(self._url).aggregate(stages, allowDiskUse=True, **options)

    def _tagged(self, wanted: NamePattern) -> dict[str, Document]:
        """Return the names' own documents, where they have tags or a rule."""
        found: dict[str, Document] = {}
        for bounds in wanted.ranges:
            with mongo_errors(self._url):
                for named in names(self._url).find({"store": self._store, "name": bounds}):
                    found[named["name"]] = named
        return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Make many objects that all stay, without a search for circles among them again and again.

    Of 100,000 entries it takes as long as all the rest.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _equal_attributes(attributes: Mapping[str, Any]) -> Document:
    """Return a condition that holds at least where the attributes are equal.

    The order of keys in a dict counts for the server, so that it can't judge what has any.
    """
    return {
        "$and": [
            {"$eq": [_attribute(key), {"$literal": value}]}
            for key, value in attributes.items()
            if not isinstance(value, list | dict)
        ]
    }


def _attribute(key: str) -> Document:
    # Keys may hold dots and dollars, which a path can't.
    return {"$getField": {"field": {"$literal": key}, "input": "$attributes"}}
