"""Names and versions: what is stored, and the atomic publication of a new version.

An object is the set of version documents with its store and name. A version is
published by inserting its document: the unique index on (store, name, version)
lets one writer win, and a reader sees the version whole or not at all. A drop
is a version too, with ``deleted: true``, so that numbers are never used twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound, Unavailable
from omega_jupyter.store.connection import Document, mongo_errors
from omega_jupyter.store.listing import Listing, closest
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.names import ObjectName
from omega_jupyter.store.schema import VERSIONS, prepare, versions
from omega_jupyter.store.writer import Writer

__all__ = ["Catalog", "Latest"]

KINDS_OF_STORES = {"datasets": "data set", "models": "model", "jobs": "job"}
ATTEMPTS = 200
# Everything but the description and the data that small objects carry.
_SUMMARY = {"body": 0, "segments.d": 0}


class Latest:
    """The newest version number of a name, and whether it is alive.

    Attributes
    ----------
    version : int
        0 where nothing was ever stored.
    alive : bool
        False also where it was dropped.
    """

    __slots__ = ("alive", "version")

    def __init__(self, version: int, alive: bool) -> None:
        self.version = version
        self.alive = alive


class Catalog:
    """The versions of all objects of a database.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

    def __init__(self, url: SecretUrl) -> None:
        self.url = url

    # -- reading ---------------------------------------------------------------

    def resolve(self, names: Sequence[tuple[str, str]]) -> list[Metadata]:
        """Find several objects of any store in one query.

        Parameters
        ----------
        names : sequence of (store, name)
            Such as ``[("models", "m"), ("datasets", "X[a,b]@3")]``; brackets
            are the loader's business and ignored.

        Returns
        -------
        list of Metadata
            In the order of `names`; ready to be loaded without another query.

        Raises
        ------
        NotFound
            A name or version does not exist; with what comes closest.
        """
        parsed = [(store, ObjectName.parse(name)) for store, name in names]
        if not parsed:
            return []
        pipeline: list[Document] = []
        for place, (store, name) in enumerate(parsed):
            stages = [*_find(store, name.name, name.version), {"$set": {"_place": place}}]
            if pipeline:
                pipeline.append({"$unionWith": {"coll": VERSIONS, "pipeline": stages}})
            else:
                pipeline = stages
        with mongo_errors(self.url):
            found: dict[int, list[Document]] = {}
            for document in versions(self.url).aggregate(pipeline):
                found.setdefault(document.pop("_place"), []).append(document)
        return [
            self._choose(store, name, found.get(place, []))
            for place, (store, name) in enumerate(parsed)
        ]

    def find(self, store: str, name: str, version: int | None = None) -> Metadata:
        """Find one version of an object, ready to be loaded.

        Raises
        ------
        NotFound
            The name or version does not exist; with what comes closest.
        """
        parsed = ObjectName(name, version=version)
        with mongo_errors(self.url):
            documents = list(versions(self.url).aggregate(_find(store, name, version)))
        return self._choose(store, parsed, documents)

    def latest(self, store: str, name: str) -> Latest:
        """Return the newest version number of a name, from the index alone."""
        with mongo_errors(self.url):
            document = versions(self.url).find_one(
                {"store": store, "name": name},
                {"_id": 0, "version": 1, "deleted": 1},
                sort=[("version", -1)],
            )
        if document is None:
            return Latest(0, alive=False)
        return Latest(int(document["version"]), alive=not document.get("deleted", False))

    def by_task(self, store: str, name: str, task: str) -> Document | None:
        """Return the version that a task has published under a name already."""
        with mongo_errors(self.url):
            return versions(self.url).find_one({"store": store, "name": name, "task": task})

    def history(self, store: str, name: str) -> list[Metadata]:
        """Return all versions since the last drop, oldest first.

        Raises
        ------
        NotFound
            There is no such object.
        """
        alive: list[Metadata] = []
        with mongo_errors(self.url):
            found = versions(self.url).find({"store": store, "name": name}, _SUMMARY)
            for document in found.sort("version", -1):
                if document.get("deleted"):
                    break
                alive.append(Metadata.from_document(document))
        if not alive:
            raise self.not_found(store, name)
        return alive[::-1]

    def listing(self, store: str) -> Listing:
        """Return the lists of a store's names."""
        return Listing(self.url, store)

    def not_found(self, store: str, name: str, version: int | None = None) -> NotFound:
        """Make the error for a name that does not exist, with the closest one."""
        what = KINDS_OF_STORES.get(store, store)
        if version is not None:
            return NotFound(
                f"{what.capitalize()} {name!r} has no version {version}",
                hint=f"`%omega info {name}` shows the latest; versions({name!r}) lists them",
            )
        names = self.listing(store).names(hidden=name.startswith("."))
        near = closest(name, names)
        suggestion = f" Did you mean {near!r}?" if near else ""
        for other, word in KINDS_OF_STORES.items():
            if other != store and self.latest(other, name).alive:
                suggestion = f" There is a {word} of that name."
        hint = "`%omega ls` lists what is stored" if names else "`%omega put` stores an object"
        return NotFound(f"No {what} {name!r}.{suggestion}", hint=hint)

    # -- writing ---------------------------------------------------------------

    def publish(
        self,
        store: str,
        name: str,
        make: Callable[[Latest], Document],
        *,
        task: str | None = None,
    ) -> Document:
        """Insert a version document under the next free number.

        Parameters
        ----------
        store, name : str
            The object.
        make : callable
            Gets the latest version and returns the document without store,
            name, version and task; called again after a lost race. May raise.
        task : str, optional
            Idempotency key: published once per name.

        Returns
        -------
        dict
            The new version, or the one that `task` had published before.

        Raises
        ------
        Conflict
            Other writers were faster, again and again.
        """
        from bson import ObjectId
        from pymongo.errors import DuplicateKeyError

        prepare(self.url)
        for attempt in range(ATTEMPTS):
            latest = self.latest(store, name)
            document = {
                "_id": ObjectId(),
                "store": store,
                "name": name,
                "version": latest.version + 1,
                **make(latest),
            }
            if task is not None:
                document["task"] = task
            try:
                with Writer.of(self.url).publishing(document):
                    _insert(self.url, document)
            except DuplicateKeyError:
                done = None if task is None else self.by_task(store, name, task)
                if done is not None:
                    return done
                time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 25)))  # noqa: S311 - back-off
                continue
            return document
        raise Conflict(f"{name!r} is being written by too many others", hint="try again")

    def drop(self, store: str, name: str) -> bool:
        """Publish that the object is gone; return whether it was there."""

        def tombstone(latest: Latest) -> Document:
            if not latest.alive:
                raise _Gone
            return {"deleted": True, "created": now()}

        try:
            self.publish(store, name, tombstone)
        except _Gone:
            return False
        return True

    def add_score(self, store: str, name: str, version: int, score: Document) -> None:
        """Append to a version's scores, once per ``score["task"]``.

        Raises
        ------
        NotFound
            There is no such version.
        """
        query: Document = {"store": store, "name": name, "version": version}
        task = score.get("task")
        once = query if task is None else query | {"scores.task": {"$ne": task}}
        with mongo_errors(self.url):
            done = versions(self.url).update_one(once, {"$push": {"scores": score}})
            if not done.matched_count and not versions(self.url).count_documents(query, limit=1):
                raise self.not_found(store, name, version)

    def _choose(self, store: str, name: ObjectName, documents: list[Document]) -> Metadata:
        """Take the wanted one of what :func:`_find` found, newest first."""
        alive: list[Document] = []
        for document in documents:
            if document.get("deleted"):
                break
            alive.append(document)
        version = name.version
        place = -version - 1 if version is not None and version < 0 else 0
        if place < len(alive):
            return Metadata.from_document(alive[place])
        if version is not None and self.latest(store, name.name).alive:
            raise self.not_found(store, name.name, version)
        raise self.not_found(store, name.name)


class _Gone(Exception):
    pass


def now() -> datetime:
    """Return the time as MongoDB keeps it: UTC, whole milliseconds."""
    time_ = datetime.now(UTC)
    return time_.replace(microsecond=time_.microsecond // 1000 * 1000)


def _find(store: str, name: str, version: int | None) -> list[Document]:
    """Return the stages that find a version, and the drop that hides it."""
    match: Document = {"store": store, "name": name}
    limit = 1
    if version is not None and version > 0:
        match["version"] = {"$gte": version}
        match["$or"] = [{"version": version}, {"deleted": True}]
    elif version is not None:
        limit = -version
    return [{"$match": match}, {"$sort": {"version": -1}}, {"$limit": limit}]


def _insert(url: SecretUrl, document: Document) -> None:
    """Insert a version document; again where the answer was lost with the connection."""
    from pymongo.errors import DocumentTooLarge, DuplicateKeyError

    try:
        with mongo_errors(url):
            versions(url).insert_one(document)
    except DocumentTooLarge:
        raise _too_large(document) from None
    except Unavailable:
        try:
            with mongo_errors(url):
                versions(url).insert_one(document)
        except DuplicateKeyError:
            # The first one had arrived, or another writer was faster.
            with mongo_errors(url):
                if versions(url).find_one({"_id": document["_id"]}, {"_id": 1}) is None:
                    raise


def _too_large(document: Document) -> Invalid:
    return Invalid(
        f"{document['name']!r} can't be stored: its description has more than 16 MiB",
        hint="a table with that many columns of alternating types is better stored in parts",
    )
