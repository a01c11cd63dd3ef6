"""Tags: names for versions, such as ``prod``, that can be moved.

They stand in the document of their name, with the number that each means. Numbers
are never used twice, so that a tag whose version is gone can't come to mean another.
"""

from __future__ import annotations

from collections.abc import Collection

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import names, prepare, versions
from omega_jupyter.store.versions.retention import delete_if_empty

__all__ = ["Tags"]


class Tags:
    """The tags of one name.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store : str
        ``datasets`` or ``models``.
    name : str
        The object.
    """

    def __init__(self, url: SecretUrl, store: str, name: str) -> None:
        self._url = url
        self._object: Document = {"store": store, "name": name}

    def read(self) -> dict[str, int]:
        """Return the tags whose versions are alive, in the order of their names."""
        with mongo_errors(self._url):
            named = names(self._url).find_one(self._object) or {}
        noted = {entry["tag"]: int(entry["version"]) for entry in named.get("tags", ())}
        alive = self._alive(set(noted.values())) if noted else set()
        return {tag: noted[tag] for tag in sorted(noted) if noted[tag] in alive}

    def give(self, tag: str, version: int) -> bool:
        """Give a version a tag, wherever it was; return whether the version is (still) alive.

        Nothing is changed where it is not.
        """
        prepare(self._url)
        others = {"$filter": {"input": _TAGS, "cond": {"$ne": ["$$this.tag", {"$literal": tag}]}}}
        entry = {"tag": {"$literal": tag}, "version": version, "at": "$$NOW"}
        self._update([{"$set": {"tags": {"$concatArrays": [others, [entry]]}}}])
        # Whoever removes a version marks it and looks for tags then: one of us sees the other.
        if version in self._alive({version}):
            return True
        self.take(tag, version)
        return False

    def take(self, tag: str, version: int | None = None) -> bool:
        """Take a tag off, where it means that version; return whether it was there."""
        entry: Document = {"tag": tag} | ({} if version is None else {"version": version})
        with mongo_errors(self._url):
            done = names(self._url).update_one(
                self._object | {"tags": {"$elemMatch": entry}}, {"$pull": {"tags": entry}}
            )
        return done.matched_count > 0

    def take_all(self, version: int) -> None:
        """Take all tags off a version."""
        with mongo_errors(self._url):
            names(self._url).update_one(self._object, {"$pull": {"tags": {"version": version}}})

    def _update(self, changes: list[Document]) -> None:
        from pymongo.errors import DuplicateKeyError

        for last in (False, True):
            try:
                with mongo_errors(self._url):
                    names(self._url).update_one(self._object, changes, upsert=True)
            except DuplicateKeyError:
                # Somebody else has just made the document.
                if last:
                    raise
            else:
                return

    def _alive(self, numbers: Collection[int]) -> set[int]:
        """Return those of the numbers that are neither removed nor dropped."""
        wanted = {"version": {"$in": sorted(numbers)}, "removed": None, "deleted": None}
        drops: list[Document] = [
            {"$match": self._object | {"deleted": True}},
            {"$sort": {"version": -1}},
            {"$limit": 1},
            {"$project": {"version": 1, "deleted": 1}},
        ]
        stages: list[Document] = [
            {"$match": self._object | wanted},
            {"$project": {"version": 1}},
            {"$unionWith": {"coll": versions(self._url).name, "pipeline": drops}},
        ]
        with mongo_errors(self._url):
            found = list(versions(self._url).aggregate(stages))
        hidden = max((d["version"] for d in found if d.get("deleted")), default=0)
        return {int(d["version"]) for d in found if d["version"] > hidden}


_TAGS = {"$ifNull": ["$tags", []]}


def forget(url: SecretUrl, store: str, name: str, dropped: int) -> None:
    """Remove what belongs to versions below a drop: tags, and the rule of that time.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, name : str
        The object.
    dropped : int
        The number of the drop.
    """
    object_ = {"store": store, "name": name}
    old: Document = {"$lt": dropped}
    with mongo_errors(url):
        if names(url).find_one(object_, {"_id": 1}) is None:
            return
        names(url).update_one(object_, {"$pull": {"tags": {"version": old}}})
        names(url).update_one(object_ | {"keep.since": old}, {"$unset": {"keep": ""}})
        delete_if_empty(url, object_)
