"""How one version is found: the stages of an aggregation, and the choice of what they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import NAMES, VERSIONS
from omega_jupyter.store.names.names import ObjectName
from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["Lookup", "Moved"]


class Moved(NamedTuple):
    """Where a version is now whose object was renamed.

    Attributes
    ----------
    name : str
    version : int
    """

    name: str
    version: int


class Lookup(NamedTuple):
    """One version that somebody asks for.

    Attributes
    ----------
    store : str
        ``datasets`` or ``models``.
    name : ObjectName
        Columns are ignored.
    removed : bool
        Find a version of a number also where it was removed, as long as it is there.
    """

    store: str
    name: ObjectName
    removed: bool = False

    @property
    def collection(self) -> str:
        """The collection that the stages are for."""
        return NAMES if isinstance(self.name.version, str) else VERSIONS

    def stages(self, *, named: bool = False) -> list[Document]:
        """Return the stages that find the version, and the drop that hides it.

        Parameters
        ----------
        named : bool
            Also look up the name's own document, as ``_named``.
        """
        version = self.name.version
        object_ = {"store": self.store, "name": self.name.name}
        if isinstance(version, str):
            stages = _tagged(object_, version)
        elif version is not None and version > 0:
            stages = _numbered(object_, version, removed=self.removed)
        else:
            stages = [
                {"$match": object_ | {"removed": None}},
                {"$sort": {"version": -1}},
                {"$limit": 1 if version is None else -version},
            ]
        if named:
            pipeline: list[Document] = [{"$match": object_}]
            stages.append({"$lookup": {"from": NAMES, "pipeline": pipeline, "as": "_named"}})
        return stages

    def choose(self, documents: Sequence[Document]) -> Metadata | Moved | None:
        """Take the wanted one of what the stages found; None where it does not exist."""
        version = self.name.version
        if version is not None and (isinstance(version, str) or version > 0):
            if len(documents) == 1 and not documents[0].get("deleted"):
                return _metadata(documents[0])
            drop = next((found for found in documents if found.get("deleted")), None)
            moved = None if drop is None else drop.get("renamed")
            if moved is None or isinstance(version, str):
                return None
            # The drop that hid it was its object's renaming: `name@version` names it for ever.
            return Moved(moved["name"], version + int(moved["offset"]))
        alive: list[Document] = []
        for document in documents:
            if document.get("deleted"):
                break
            alive.append(document)
        place = 0 if version is None else -version - 1
        return _metadata(alive[place]) if place < len(alive) else None


def _metadata(document: Document) -> Metadata:
    named = document.pop("_named", None)
    return Metadata.from_document(document, named[0] if named else None)


def _numbered(object_: Document, version: int, *, removed: bool) -> list[Document]:
    """Find the version, then the first drop after it; two look-ups in two indexes."""
    itself = object_ | {"version": version} | ({} if removed else {"removed": None})
    drop = object_ | {"deleted": True, "version": {"$gt": version}}
    return [{"$match": {"$or": [itself, drop]}}, {"$sort": {"version": 1}}, {"$limit": 2}]


def _tagged(object_: Document, tag: str) -> list[Document]:
    """Find the version that the tag stands for, and whether it was dropped: one command."""
    itself = object_ | {"removed": None, "$expr": {"$eq": ["$version", "$$tagged"]}}
    drop = object_ | {"deleted": True, "$expr": {"$gt": ["$version", "$$tagged"]}}
    return [
        {"$match": object_},
        {"$unwind": "$tags"},
        {"$match": {"tags.tag": tag}},
        {"$project": {"_id": 0, "tagged": "$tags.version"}},
        _look_up("itself", [{"$match": itself}]),
        _look_up("drop", [{"$match": drop}, {"$limit": 1}, {"$project": {"deleted": 1}}]),
        {"$project": {"found": {"$concatArrays": ["$itself", "$drop"]}}},
        {"$unwind": "$found"},
        {"$replaceRoot": {"newRoot": "$found"}},
    ]


def _look_up(field: str, pipeline: list[Document]) -> Document:
    return {
        "$lookup": {
            "from": VERSIONS,
            "let": {"tagged": "$tagged"},
            "pipeline": pipeline,
            "as": field,
        }
    }
