"""Versions under another name: no data is copied, both refer to the same chunks."""

from __future__ import annotations

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import BULK, VERSIONS, versions
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.publication import Latest, now, publish

__all__ = ["copy_late_changes", "copy_onto_stubs", "copy_version"]

# What belongs to a version's place, and not to what it holds.
_OWN = frozenset(
    ("_id", "store", "name", "version", "created", "task", "removed", "collected", "moved")
)


def copy_version(url: SecretUrl, source: Metadata, new: str) -> Metadata:
    """Publish what a version holds as the next version of another name.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    source : Metadata
        From the catalog, with its document.
    new : str
        The other name.

    Raises
    ------
    Conflict
        The source was dropped, and collected as garbage, at this very moment.
    """
    document = source._document or {}
    held = {field: value for field, value in document.items() if field not in _OWN}
    held["inputs"] = source.inputs | {"copy": source.ref}

    def make(latest: Latest) -> Document:
        return held | {"created": now()}

    published = publish(url, source.store, new, make, base=lambda: document["_id"])
    return Metadata.from_document(published)


def copy_onto_stubs(url: SecretUrl, wanted: Document, name: str, offset: int, owner: str) -> None:
    """Replace the stubs of a renaming by versions, on the server.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    wanted : dict
        Which versions.
    name : str
        The new name, which has the stubs.
    offset : int
        What the new numbers are higher by.
    owner : str
        The renaming; other documents stay as they are.
    """
    removed = {"$ne": [{"$ifNull": ["$removed", None]}, None]}
    # Of a removed one only what must not be forgotten goes with it.
    kept = {field: {"$cond": [removed, "$$REMOVE", f"${field}"]} for field in BULK}
    changed = kept | {
        "name": name,
        "version": {"$add": ["$version", offset]},
        "moved": owner,
        "segments": {"$cond": [removed, [], "$segments"]},
        "collected": {"$cond": [removed, True, "$$REMOVE"]},
    }
    mine = {"$eq": ["$renaming", owner]}
    copied = {"$mergeObjects": ["$$new", {"_id": "$_id"}]}
    stages: list[Document] = [
        {"$match": wanted},
        {"$set": changed},
        {"$unset": "_id"},
        _merge([{"$replaceWith": {"$cond": [mine, copied, "$$ROOT"]}}]),
    ]
    versions(url).aggregate(stages)


def copy_late_changes(url: SecretUrl, wanted: Document, name: str, offset: int) -> None:
    """Add to copies what their sources have got since: scores, and that they were removed.

    They count as copies no more.

    Parameters
    ----------
    url, wanted, name, offset
        As for :func:`copy_onto_stubs`.
    """
    scores = {"$ifNull": ["$scores", []]}
    missing = {"$not": [{"$in": ["$$this", scores]}]}
    both = {"$concatArrays": [scores, {"$filter": {"input": "$$new.scores", "cond": missing}}]}
    changed = {
        "scores": {"$cond": [{"$isArray": "$$new.scores"}, both, "$scores"]},
        "removed": {"$ifNull": ["$removed", "$$new.removed"]},
    }
    place = {"name": name, "version": {"$add": ["$version", offset]}}
    stages: list[Document] = [
        {"$match": wanted},
        {"$project": {"_id": 0, "store": 1, "scores": 1, "removed": 1} | place},
        _merge([{"$set": changed}, {"$unset": "moved"}]),
    ]
    versions(url).aggregate(stages)


def _merge(changes: list[Document]) -> Document:
    return {
        "$merge": {
            "into": VERSIONS,
            "on": ["store", "name", "version"],
            "whenMatched": changes,
            "whenNotMatched": "discard",
        }
    }
