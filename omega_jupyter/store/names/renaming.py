"""Another name for an object with all its versions, seen at once.

There are no transactions on a single server, but a document changes at once. The new
name is reserved with drops that nothing was dropped by; below the last of them, where
no reader sees them, the versions are copied (not their chunks). Then this one drop
moves from the new name to the old one, where it hides the versions that were there.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, OmegaError, Unavailable
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import prepare, versions
from omega_jupyter.store.names.notes import copy_late_notes, copy_notes
from omega_jupyter.store.names.tags import forget
from omega_jupyter.store.versions.copying import copy_late_changes, copy_onto_stubs
from omega_jupyter.store.versions.publication import latest, now

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["rename"]

ATTEMPTS = 30
_DUPLICATE_KEY = 11000
# Makes a plain drop of a stub.
_PLAIN = {"$unset": {"renaming": ""}}


class _Raced(Exception):
    """Somebody else has written to one of the names: try again."""


class _Source(NamedTuple):
    """The versions of the old name: those above `dropped`, up to `top`."""

    dropped: int
    top: int
    numbers: list[int]
    tasks: list[str]
    uncollected: int


def rename(url: SecretUrl, store: str, old: str, new: str) -> bool:
    """Give an object another name; return False where it is not there.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, old, new : str
        Different names.

    Raises
    ------
    Conflict
        The new name is taken, or others write without a pause.
    """
    prepare(url)
    for attempt in range(ATTEMPTS):
        try:
            return _Renaming(url, store, old, new).run()
        except _Raced:
            time.sleep(random.uniform(0, 0.005 * min(attempt + 1, 10)))  # noqa: S311 - back-off
    raise Conflict(f"{old!r} is being written by too many others", hint="try again")


class _Renaming:
    """One attempt."""

    def __init__(self, url: SecretUrl, store: str, old: str, new: str) -> None:
        self._url = url
        self._old: Document = {"store": store, "name": old}
        self._new: Document = {"store": store, "name": new}
        self._id = uuid.uuid4().hex
        self._stubs: list[ObjectId] = []

    def run(self) -> bool:
        store, old, new = self._old["store"], self._old["name"], self._new["name"]
        taken = latest(self._url, store, new)
        if not latest(self._url, store, old).alive:
            return taken.alive and self._was_done()
        while taken.renaming is not None:
            # Of a renaming that was killed, or is no longer first.
            self._clear(taken.renaming)
            taken = latest(self._url, store, new)
        if taken.alive:
            raise Conflict(
                f"{new!r} is stored already (version {taken.newest})",
                hint=f"drop it first, or choose another name for {old!r}",
            )
        source = self._source()
        # The numbers stay where they can. The dead ones below are not taken along: going
        # to and fro between two names would double them each time.
        offset = max(0, taken.version - source.dropped)
        with self._undone_if_it_fails():
            self._reserve(taken.version + 1, offset + source.top)
            self._copy(offset, source)
            noted = self._copy_notes(offset)
            self._release(offset, source)
            self._switch(offset, source)
        with mongo_errors(self._url):
            copy_late_notes(self._url, self._old, self._new, offset, noted)
        self._finish(offset, source.top)
        return True

    def _source(self) -> _Source:
        fields = {"_id": 0, "version": 1, "deleted": 1, "collected": 1, "task": 1}
        dropped, found = 0, []
        with mongo_errors(self._url):
            for document in versions(self._url).find(self._old, fields).sort("version", -1):
                if document.get("deleted"):
                    dropped = int(document["version"])
                    break
                found.append(document)
        if not found:
            raise _Raced
        return _Source(
            dropped,
            top=int(found[0]["version"]),
            numbers=[int(document["version"]) for document in found],
            tasks=[document["task"] for document in found if "task" in document],
            uncollected=sum("collected" not in document for document in found),
        )

    def _reserve(self, first: int, top: int) -> None:
        """Take the new name's numbers, one by one, and one more for the drop that moves.

        Whoever publishes under the new name meanwhile either wants the same number,
        or takes the reservation from us first. The number below must be there still: it
        may have been of a renaming that was undone, and others would begin there again.
        """
        from bson import ObjectId
        from pymongo.errors import BulkWriteError

        stub = self._new | {"deleted": True, "renaming": self._id, "created": now()}
        self._stubs = [ObjectId() for _ in range(first, top + 2)]
        documents = [
            {"_id": identity} | stub | {"version": number}
            for number, identity in enumerate(self._stubs, first)
        ]
        try:
            versions(self._url).insert_many(documents, ordered=True)
        except BulkWriteError as error:
            if any(e["code"] == _DUPLICATE_KEY for e in error.details["writeErrors"]):
                raise _Raced from None
            raise
        below = self._new | {"version": first - 1}
        if first > 1 and versions(self._url).find_one(below, {"_id": 1}) is None:
            raise _Raced

    def _copy(self, offset: int, source: _Source) -> None:
        """Replace stubs by the versions of the old name."""
        from pymongo.errors import DuplicateKeyError

        # What is dead there keeps no task from coming back to its name.
        dead = self._new | {"task": {"$in": source.tasks, "$type": "string"}}
        versions(self._url).update_many(dead, {"$unset": {"task": ""}})
        wanted = self._old | {"version": {"$in": source.numbers}}
        try:
            copy_onto_stubs(self._url, wanted, self._new["name"], offset, self._id)
        except DuplicateKeyError:
            raise _Raced from None
        copies = versions(self._url).count_documents(self._new | {"moved": self._id})
        if copies < len(source.numbers):
            raise _Raced
        # As with any copy: while the sources are there, their chunks are.
        there = versions(self._url).count_documents(wanted | {"collected": None})
        if there < source.uncollected:
            raise _Raced

    def _copy_notes(self, offset: int) -> Document | None:
        from pymongo.errors import DuplicateKeyError

        try:
            return copy_notes(self._url, self._old, self._new, offset)
        except DuplicateKeyError:
            raise _Raced from None

    def _release(self, offset: int, source: _Source) -> None:
        """Make plain drops of the stubs below the copies, and delete those between them."""
        hidden, top = offset + source.dropped, offset + source.top
        below = self._new | {"renaming": self._id, "version": {"$lte": hidden}}
        between = self._new | {"renaming": self._id, "version": {"$gt": hidden, "$lte": top}}
        done = versions(self._url).update_many(below, _PLAIN).modified_count
        gone = versions(self._url).delete_many(between).deleted_count
        # One that somebody took from us must not stay among the copies: it would hide some.
        if done + gone + len(source.numbers) < len(self._stubs) - 1:
            raise _Raced

    def _switch(self, offset: int, source: _Source) -> None:
        """Move the drop: from here on the object has its new name."""
        from pymongo.errors import DuplicateKeyError

        renamed = {"name": self._new["name"], "offset": offset}
        place = self._old | {"version": source.top + 1, "created": now(), "renamed": renamed}
        try:
            with mongo_errors(self._url):
                done = versions(self._url).update_one(
                    {"_id": self._stubs[-1], "renaming": self._id},
                    {"$set": place, "$unset": {"renaming": ""}},
                )
        except DuplicateKeyError:
            raise _Raced from None
        except Unavailable:
            if self._has_switched():
                return
            raise
        if not done.matched_count:
            raise _Raced

    def _has_switched(self) -> bool:
        itself = self._old | {"_id": self._stubs[-1]}
        with mongo_errors(self._url):
            return versions(self._url).find_one(itself, {"_id": 1}) is not None

    def _finish(self, offset: int, top: int) -> None:
        """Take along what was written to the old name in the last moment."""
        written = self._old | {"version": {"$lte": top}, "deleted": None}
        with mongo_errors(self._url):
            copy_late_changes(self._url, written, self._new["name"], offset)
        forget(self._url, self._old["store"], self._old["name"], top + 1)

    def _was_done(self) -> bool:
        """Finish what was done already; return False where it was not."""
        with mongo_errors(self._url):
            drop = versions(self._url).find_one(
                self._old | {"deleted": True, "renamed.name": self._new["name"]},
                sort=[("version", -1)],
            )
            newest = versions(self._url).find_one(self._old, {"version": 1}, sort=[("version", -1)])
        if drop is None or newest is None or drop["_id"] != newest["_id"]:
            return False
        self._finish(int(drop["renamed"]["offset"]), int(drop["version"]) - 1)
        return True

    def _clear(self, other: str) -> None:
        """Remove what another renaming has reserved and copied, after it can't go on."""
        with mongo_errors(self._url):
            top = versions(self._url).find_one_and_update(
                self._new | {"renaming": other},
                {"$set": {"renaming": self._id}},
                sort=[("version", -1)],
            )
            if top is None:
                raise _Raced
            rest = self._new | {"_id": {"$ne": top["_id"]}}
            theirs: Document = {"$or": [{"renaming": other}, {"moved": other}]}
            versions(self._url).delete_many(rest | theirs)
            versions(self._url).delete_one({"_id": top["_id"], "renaming": self._id})

    @contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        try:
            with mongo_errors(self._url):
                yield
        except BaseException:
            # Also on Ctrl-C.
            with suppress(OmegaError):
                # What stays hides nothing and blocks nobody; the collector clears it away.
                self._undo()
            raise

    def _undo(self) -> None:
        if not self._stubs:
            return
        *others, last = self._stubs
        with mongo_errors(self._url):
            # Nothing may be deleted before it is certain that nobody sees it.
            versions(self._url).update_one({"_id": last, "renaming": self._id}, _PLAIN)
            if self._has_switched():
                return
            versions(self._url).delete_many(self._new | {"_id": {"$in": others}})
            versions(self._url).delete_one(self._new | {"_id": last})
