"""The atomic publication of a new version.

A version is published by inserting its document: the unique index on (store, name,
version) lets one writer win, and a reader sees the version whole or not at all. A
drop is a version too, with ``deleted: true``, so that numbers are never used twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, Unavailable
from omega_jupyter.store.chunks.writer import Writer
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import NAMES, prepare, versions
from omega_jupyter.store.versions.retention import remove_versions, retain

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = [
    "Latest",
    "Stale",
    "Standing",
    "by_task",
    "insert_version",
    "latest",
    "now",
    "publish",
    "standing_of",
    "standing_stages",
]

ATTEMPTS = 200


@dataclass(frozen=True)
class Latest:
    """The highest version number of a name, and the newest version that is there.

    Attributes
    ----------
    version : int
        0 where nothing was ever stored.
    newest : int, optional
        The newest version that is there; None where the name is not, or not any more.
    renaming : str, optional
        The renaming that has reserved the name at this moment.
    """

    version: int
    newest: int | None = None
    renaming: str | None = None

    @property
    def alive(self) -> bool:
        """Whether there is an object of that name."""
        return self.newest is not None


class Standing(NamedTuple):
    """What is to be known of a name before something is published under it.

    Attributes
    ----------
    latest : Latest
    ruled : dict, optional
        The name's own document, where it has a rule of how many versions to keep.
    """

    latest: Latest = Latest(0)
    ruled: Document | None = None


class Stale(Exception):
    """Raised by who makes a document, where what it is made from has just gone: ask again."""


def latest(url: SecretUrl, store: str, name: str) -> Latest:
    """Return the highest version number of a name."""
    return _standing(url, store, name, rule=False).latest


def by_task(url: SecretUrl, store: str, name: str, task: str) -> Document | None:
    """Return the version that a task has published under a name already."""
    with mongo_errors(url):
        # Without the type the server does not see that the index of tasks is good for it.
        wanted = {"$eq": task, "$type": "string"}
        return versions(url).find_one({"store": store, "name": name, "task": wanted})


def publish(
    url: SecretUrl,
    store: str,
    name: str,
    make: Callable[[Latest], Document],
    *,
    task: str | None = None,
    base: Callable[[], ObjectId | None] = lambda: None,
    standing: Standing | None = None,
) -> Document:
    """Insert a version document under the next free number.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, name, make, task, base
        As for :meth:`~omega_jupyter.store.names.catalog.Catalog.publish`.
    standing : Standing, optional
        What most probably holds of the name: it is not looked up first. Where it does
        not, the number is taken, and that is found out.
    """
    from bson import ObjectId
    from pymongo.errors import DuplicateKeyError

    prepare(url)
    for attempt in range(ATTEMPTS):
        known = standing if attempt == 0 else None
        newest, named = known or _standing(url, store, name, rule=True)
        if newest.renaming is not None:
            # Whoever publishes is first: the renaming finds its reservation gone.
            _take_reservation(url, store, name, newest)
            continue
        try:
            made = make(newest)
        except Stale:
            continue
        number = {"store": store, "name": name, "version": newest.version + 1}
        document = {"_id": ObjectId()} | number | made
        if task is not None:
            document["task"] = task
        try:
            insert_version(url, document)
        except DuplicateKeyError:
            done = None if task is None else by_task(url, store, name, task)
            if done is not None:
                return done
            time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 25)))  # noqa: S311 - back-off
            continue
        _check_base(url, document, base())
        if named is not None and not document.get("deleted"):
            retain(url, named)
        return document
    raise Conflict(f"{name!r} is being written by too many others", hint="try again")


def now() -> datetime:
    """Return the time as MongoDB keeps it: UTC, whole milliseconds."""
    time_ = datetime.now(UTC)
    return time_.replace(microsecond=time_.microsecond // 1000 * 1000)


def _check_base(url: SecretUrl, document: Document, base: ObjectId | None) -> None:
    """Take a version back whose base was collected while it was made."""
    if base is None:
        return
    # The collector deletes a version's document first, and then those of its chunks that no
    # version refers to. While the base is there, the new one is seen by whatever comes then.
    with mongo_errors(url):
        if versions(url).find_one({"_id": base, "collected": None}, {"_id": 1}) is not None:
            return
    remove_versions(url, document["store"], document["name"], [document["version"]])
    raise Conflict(
        f"{document['name']!r} could not be stored: the version that it shares its data with "
        "was dropped meanwhile",
        hint="`%omega ls` lists what is stored",
    )


def standing_stages(store: str, name: str, *, rule: bool = True) -> list[Document]:
    """Return the stages that find what :func:`standing_of` reads, in the collection of versions.

    Parameters
    ----------
    store, name : str
        The object.
    rule : bool
        Also find the name's own document, where it has a rule.
    """
    object_: Document = {"store": store, "name": name}
    fields = {"_id": 0, "version": 1, "deleted": 1, "removed": 1, "renaming": 1}
    stages: list[Document] = [
        {"$match": object_},
        {"$sort": {"version": -1}},
        {"$limit": 1},
        {"$project": fields},
    ]
    if rule:
        ruled = {"$match": object_ | {"keep": {"$exists": True}}}
        stages.append({"$unionWith": {"coll": NAMES, "pipeline": [ruled]}})
    return stages


def standing_of(url: SecretUrl, store: str, name: str, found: Sequence[Document]) -> Standing:
    """Return what :func:`standing_stages` have found."""
    ruled = next((document for document in found if "keep" in document), None)
    newest = next((document for document in found if "version" in document), None)
    if newest is None:
        return Standing(Latest(0), ruled)
    there: Document | None = newest
    if newest.get("removed") is not None:
        # Rare: the newest one was removed. What is below it?
        below = {"store": store, "name": name, "removed": None}
        with mongo_errors(url):
            there = versions(url).find_one(
                below, {"version": 1, "deleted": 1}, sort=[("version", -1)]
            )
    number = None if there is None or there.get("deleted") else int(there["version"])
    return Standing(Latest(int(newest["version"]), number, newest.get("renaming")), ruled)


def _standing(url: SecretUrl, store: str, name: str, *, rule: bool) -> Standing:
    with mongo_errors(url):
        found = list(versions(url).aggregate(standing_stages(store, name, rule=rule)))
    return standing_of(url, store, name, found)


def _take_reservation(url: SecretUrl, store: str, name: str, newest: Latest) -> None:
    reserved = {"store": store, "name": name, "version": newest.version}
    with mongo_errors(url):
        versions(url).update_one(
            reserved | {"renaming": newest.renaming}, {"$unset": {"renaming": ""}}
        )


def insert_version(url: SecretUrl, document: Document) -> None:
    """Insert a version document, which publishes it, or raise DuplicateKeyError."""
    with Writer.of(url).publishing(document):
        _insert(url, document)


def _insert(url: SecretUrl, document: Document) -> None:
    """Insert a document; again where the answer was lost with the connection."""
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
