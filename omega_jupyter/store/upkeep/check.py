"""Whether all that is stored can be read, and is what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from glob import escape as escape_glob
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store.codecs.codec import codec_of_kind
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import names, prepare, versions
from omega_jupyter.store.names.patterns import like
from omega_jupyter.store.names.tags import Tags
from omega_jupyter.store.upkeep.document import content_hash_of, fault_of
from omega_jupyter.store.upkeep.garbage import Collected, collect
from omega_jupyter.store.upkeep.inspection import Inspection
from omega_jupyter.store.upkeep.report import Problem, Report
from omega_jupyter.store.upkeep.scan import Named, documents, scan
from omega_jupyter.store.upkeep.segments import read
from omega_jupyter.store.upkeep.usage import bytes_in_chunks
from omega_jupyter.store.wording.progress import Notify, Progress

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["check"]

_RESTORE = "another version may be sound; `omega store import` restores from an archive"


def check(url: SecretUrl, pattern: str | None = None, *, notify: Notify | None = None) -> Report:
    """Read all versions and all their chunks, and compare them with their checksums.

    Others may work meanwhile: what they remove is not missed.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    pattern : str, optional
        Only names like this one.
    notify : callable, optional
        Called with a :class:`Progress` from time to time.

    Returns
    -------
    Report
    """
    prepare(url)
    with mongo_errors(url):
        total = bytes_in_chunks(url, pattern)
        checker = _Checker(url, lambda what, done: notify and notify(Progress(what, done, total)))
        for document in documents(url, checker.names(scan(url, pattern, hidden=True))):
            checker.version(document)
        checker.tags(pattern)
        garbage = None
        if pattern is None:
            garbage = collect(url, grace=timedelta(0), dry_run=True)
    return checker.report(garbage)


class _Checker:
    def __init__(self, url: SecretUrl, tell: Callable[[str, int], object]) -> None:
        self._url = url
        self._tell = tell
        self._objects = self._versions = self._chunks = self._bytes = 0
        self._problems: list[Problem] = []
        # Several versions may share a segment; it is read once.
        self._sound: dict[ObjectId, int] = {}

    def report(self, garbage: Collected | None) -> Report:
        return Report(
            objects=self._objects,
            versions=self._versions,
            segments=len(self._sound),
            chunks=self._chunks,
            bytes=self._bytes,
            problems=tuple(self._problems),
            garbage=garbage,
        )

    def names(self, found: Iterable[Named]) -> Iterator[ObjectId]:
        """Look at the numbers of each name, and yield its versions."""
        for named in found:
            self._objects += 1
            if _gaps(named):
                # Asked again: it may have been dropped while it was read.
                glob = escape_glob(named.name)
                for again in scan(self._url, glob, stores=[named.store], hidden=True):
                    self._problems += _gaps(again)
            yield from (identity for _, identity in named.versions)

    def version(self, document: Document) -> None:
        """Look at a version and its chunks."""
        self._versions += 1
        for problem in self._faults(document):
            # What was dropped in the meantime is no problem.
            if self._is_alive(document):
                self._problems.append(problem)

    def tags(self, pattern: str | None) -> None:
        """Look for tags that mean nothing."""
        fits = like(pattern)
        for named in names(self._url).find():
            store, name = named["store"], named["name"]
            if fits(name):
                lost = self._lost_tags(store, name)
                # Asked again: it may have been on its way.
                for tag, version in lost & self._lost_tags(store, name) if lost else lost:
                    what = f"the tag {tag!r} means version {version}, which is not there"
                    hint = f"`omega tag {name}@VERSION {tag}` gives it to another one"
                    self._problems.append(Problem(store, f"{name}@{tag}", what, hint))

    def _lost_tags(self, store: str, name: str) -> set[tuple[str, int]]:
        named = names(self._url).find_one({"store": store, "name": name}) or {}
        alive = Tags(self._url, store, name).read()
        lost = {
            (entry["tag"], int(entry["version"]))
            for entry in named.get("tags", ())
            if entry["tag"] not in alive
        }
        # Those of what was dropped go with it.
        drop = {"store": store, "name": name, "deleted": True}
        newest = versions(self._url).find_one(drop, {"version": 1}, sort=[("version", -1)])
        dropped = 0 if newest is None else int(newest["version"])
        return {(tag, version) for tag, version in lost if version > dropped}

    def _faults(self, document: Document) -> Iterator[Problem]:
        fault = fault_of(document)
        if fault is not None:
            yield _problem(document, fault)
            return
        try:
            codec_of_kind(document["kind"])
        except NotFound as error:
            yield _problem(document, error.message, error.hint)
        expected = content_hash_of(document)
        content = None if expected is None else hashlib.sha256()
        for entry in document["segments"]:
            fault = self._segment(document, entry, content)
            if fault is not None:
                yield _problem(document, fault)
                return
        if content is not None and content.hexdigest() != expected:
            yield _problem(document, "its content does not match its hash")

    def _segment(self, document: Document, entry: Document, content: Any) -> str | None:
        feed = None if content is None else content.update
        if "d" in entry:
            if feed is not None:
                _feed_inline(entry["d"], feed)
            return None
        if feed is None and self._sound.get(entry["s"]) == entry["h"]:
            return None
        found = Inspection()
        for chunk in read(self._url, entry["s"]):
            found.add(chunk, feed)
            self._tell(_ref(document), self._bytes + found.size)
        fault = found.fault(entry)
        self._chunks += len(found.checksums)
        self._bytes += found.size
        if fault is None:
            self._sound[entry["s"]] = entry["h"]
        return fault

    def _is_alive(self, document: Document) -> bool:
        named = {"store": document["store"], "name": document["name"]}
        later = {"version": {"$gt": document["version"]}, "deleted": True}
        itself = {"_id": document["_id"], "removed": None}
        return (
            versions(self._url).find_one(itself, {"_id": 1}) is not None
            and versions(self._url).find_one(named | later, {"_id": 1}) is None
        )


def _problem(document: Document, what: str, hint: str | None = None) -> Problem:
    return Problem(document["store"], _ref(document), what, hint or _RESTORE)


def _ref(document: Document) -> str:
    return f"{document.get('name')}@{document.get('version')}"


def _gaps(named: Named) -> list[Problem]:
    """Return what is missing between the last drop and the latest version."""
    there = {number for number, _ in named.versions} | set(named.removed)
    missing = sorted(set(range(named.dropped + 1, max(there))) - there)
    hint = "it was deleted by hand; " + _RESTORE
    return [Problem(named.store, f"{named.name}@{n}", "it is missing", hint) for n in missing]


def _feed_inline(chunks: Document, feed: Any) -> None:
    for key in sorted(chunks, key=lambda key: int(key.partition(".")[0])):
        if key.endswith(".0"):
            feed(chunks[key])
