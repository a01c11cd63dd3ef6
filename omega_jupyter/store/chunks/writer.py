"""What this process has written and not yet published."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Unavailable
from omega_jupyter.store.chunks.identity import segment_range
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.lease import Lease
from omega_jupyter.store.database.schema import chunks, versions

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Writer", "lease_of"]

_COUNTERS = 1 << 24

_writers: dict[tuple[int, SecretUrl], Writer] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    # Another thread of the parent may have held the lock; in the child nobody frees it.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def lease_of(segment: ObjectId) -> bytes:
    """Return the id of the lease under which a segment was written."""
    return segment.binary[4:9]


class Writer:
    """Hands out segments, and holds a lease while one of them is not published.

    Parameters
    ----------
    url : SecretUrl
        The database, prepared.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._lease = Lease(url)
        self._count = 0
        self._unpublished: set[ObjectId] = set()
        self._unsettled: dict[ObjectId, int] = {}

    @classmethod
    def of(cls, url: SecretUrl) -> Writer:
        """Return this process's writer of a database."""
        key = (os.getpid(), url)
        with _lock:
            if key not in _writers:
                _writers[key] = cls(url)
            return _writers[key]

    def begin(self) -> ObjectId:
        """Return the id of a new segment, which no collector touches until :meth:`end`.

        At most one command every 15 seconds.
        """
        from bson import ObjectId

        with self._lock:
            if not self._lease.hold():
                self._lease.rest()
                self._lease = Lease(self._url)
                self._lease.hold()
            self._count = (self._count + 1) % _COUNTERS
            second, count = int(time.time()).to_bytes(4, "big"), self._count.to_bytes(3, "big")
            segment = ObjectId(second + self._lease.id + count)
            self._unpublished.add(segment)
            self._lease.keep()
            return segment

    def note_unsettled(self, segment: ObjectId, count: int) -> None:
        """Note that so many chunks of a segment were written without waiting for the disk.

        To wait after each message would take half as long again; what is published is
        waited for once.
        """
        with self._lock:
            self._unsettled[segment] = count

    def end(self, segments: Iterable[ObjectId]) -> None:
        """Forget segments: they are published, or garbage."""
        with self._lock:
            for segment in segments:
                self._unpublished.discard(segment)
                self._unsettled.pop(segment, None)
            if not self._unpublished:
                self._lease.rest()

    @contextmanager
    def publishing(self, document: Document) -> Iterator[None]:
        """Guard the insertion of a version document.

        Raises
        ------
        Conflict
            The lease was lost since the segments were written, so that they may be
            gone. The version is not there, or was taken back.
        Unavailable
            The server has lost a part of them. The version is not there.
        """
        from pymongo.errors import DuplicateKeyError

        named = {entry["s"] for entry in document.get("segments", ()) if "s" in entry}
        with self._lock:
            lease, mine = self._lease, named & self._unpublished
        try:
            self._settle({s: self._unsettled[s] for s in mine if s in self._unsettled})
        except BaseException:
            # Garbage now, since nothing was published.
            self.end(mine)
            raise
        if mine and not (all(lease_of(s) == lease.id for s in mine) and lease.hold()):
            raise _lost(document)
        try:
            yield
        except DuplicateKeyError:
            raise
        except BaseException:
            # Whether it was published is for the collector to find out.
            self.end(mine)
            raise
        if mine and not lease.was_held():
            with mongo_errors(self._url):
                versions(self._url).delete_one({"_id": document["_id"]})
            raise _lost(document)
        self.end(mine)

    def _settle(self, segments: Mapping[ObjectId, int]) -> None:
        """Wait until segments are as durable as a publication, and see whether they are whole."""
        from pymongo.read_concern import ReadConcern

        if not segments:
            return
        with mongo_errors(self._url):
            # Deletes nothing, but is answered when all that came before it is safe as well.
            chunks(self._url).delete_one({"_id": next(iter(segments)).binary})
            safe = chunks(self._url).with_options(read_concern=ReadConcern("majority"))
            for segment, count in segments.items():
                # What a server has forgotten that crashed in between, or was replaced.
                if safe.count_documents(segment_range(segment)) != count:
                    raise Unavailable(
                        "MongoDB has lost a part of what was written: it was restarted meanwhile",
                        hop="mongodb",
                        hint="nothing was published; do it again",
                    )
        with self._lock:
            for segment in segments:
                self._unsettled.pop(segment, None)


def _lost(document: Document) -> Conflict:
    return Conflict(
        f"{document['name']!r} could not be stored: this process stood still for so long that "
        "what it had written was collected as garbage",
        hint="store it again",
    )
