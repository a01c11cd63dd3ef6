"""Whether all that is stored can be read, and is what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from glob import escape as escape_glob
from html import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store.catalog import KINDS_OF_STORES
from omega_jupyter.store.codecs.codec import codec_of_kind
from omega_jupyter.store.connection import Document, mongo_errors
from omega_jupyter.store.document import content_hash_of, fault_of
from omega_jupyter.store.facts import bytes_text, count_text, facts_html, facts_text
from omega_jupyter.store.garbage import Collected, collect
from omega_jupyter.store.inspection import Inspection
from omega_jupyter.store.progress import Notify, Progress
from omega_jupyter.store.scan import Named, documents, scan
from omega_jupyter.store.schema import prepare, versions
from omega_jupyter.store.segments import read
from omega_jupyter.store.usage import bytes_in_chunks

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Problem", "Report", "check"]

_RESTORE = "another version may be sound; `omega store import` restores from an archive"


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes
    ----------
    store : str
        ``datasets`` or ``models``.
    ref : str
        ``name@version``.
    what : str
        What is wrong.
    hint : str
        What to do.
    """

    store: str
    ref: str
    what: str
    hint: str

    def __str__(self) -> str:
        kind = KINDS_OF_STORES.get(self.store, self.store)
        return f"{kind} {self.ref}: {self.what}\n  → {self.hint}"


@dataclass(frozen=True, repr=False)
class Report:
    """What a check has found.

    Attributes
    ----------
    objects, versions : int
        Names and versions that were read.
    segments, chunks, bytes : int
        Sets of chunks, chunks, and their bytes, before the server's compression.
    problems : tuple of Problem
    garbage : Collected, optional
        What no version needs: no damage, and collected in time. Only of a whole store.
    """

    objects: int
    versions: int
    segments: int
    chunks: int
    bytes: int
    problems: tuple[Problem, ...]
    garbage: Collected | None = None

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self) | {"ok": self.ok}

    def __repr__(self) -> str:
        return "\n".join([facts_text(self._facts()), *map(str, self.problems)])

    def _repr_html_(self) -> str:
        problems = "".join(f"<pre>{escape(str(problem))}</pre>" for problem in self.problems)
        return facts_html(self._facts()) + problems

    def _facts(self) -> list[tuple[str, str]]:
        versions = count_text(self.versions, "version")
        found = "none" if self.ok else f"{len(self.problems):,}"
        facts = [
            ("checked", f"{versions} of {count_text(self.objects, 'object')}"),
            ("read", f"{count_text(self.chunks, 'chunk')}, {bytes_text(self.bytes)}"),
            ("problems", found),
        ]
        if self.garbage is not None:
            facts.insert(2, ("garbage", self.garbage.text))
        return facts


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
