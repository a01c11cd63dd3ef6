"""Importing an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.archive.lineage import lineage_here
from omega_jupyter.store.archive.plan import Plan, make_plan
from omega_jupyter.store.archive.stream import CHUNK, NAME, VERSION, damaged, read_archive
from omega_jupyter.store.archive.survey import Survey, survey
from omega_jupyter.store.chunks.chunks import abandon_segment
from omega_jupyter.store.chunks.identity import SEGMENT_BYTES
from omega_jupyter.store.chunks.messages import MESSAGE_BYTES
from omega_jupyter.store.chunks.writer import Writer
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import chunks, prepare, versions
from omega_jupyter.store.names.tags import Tags
from omega_jupyter.store.versions.publication import insert_version
from omega_jupyter.store.versions.retention import keep
from omega_jupyter.store.wording.facts import count_text
from omega_jupyter.store.wording.progress import Notify, Progress

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Imported", "import_archive"]

IF_EXISTS = ("fail", "skip", "add")
# Numbers that are taken up as removed ones before a version; more are no honest archive's.
MAX_REMOVED = 1_000_000


@dataclass(frozen=True, repr=False)
class Imported:
    """What an import has done.

    Attributes
    ----------
    versions : int
        Versions that were imported.
    present : int
        Versions that were there already.
    skipped : list of str
        Names that were left alone.
    renumbered : dict
        ``name@version`` in the archive to the one here, where they differ.
    other_tags : list of str
        Tags that mean another version here, and go on doing so.
    """

    versions: int
    present: int
    skipped: list[str]
    renumbered: dict[str, str] = field(default_factory=dict)
    other_tags: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    def __repr__(self) -> str:
        parts = [f"{count_text(self.versions, 'version')} imported"]
        if self.present:
            parts.append(f"{count_text(self.present, 'version')} here already")
        if self.skipped:
            parts.append(f"left alone: {', '.join(self.skipped)}")
        if self.other_tags:
            parts.append(f"tags that stay where they are: {', '.join(self.other_tags)}")
        parts += [f"{old} is {new} here" for old, new in self.renumbered.items()]
        return "\n".join(parts)


def import_archive(
    url: SecretUrl,
    path: Path,
    pattern: str | None = None,
    *,
    if_exists: str = "fail",
    notify: Notify | None = None,
) -> Imported:
    """Publish what an archive holds.

    The file is read twice: nothing is published before all of it was compared with its
    checksums. What is here already is recognised, so that the same archive can be
    imported again, for instance after the connection broke.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    path : Path
        What :func:`export_archive` wrote.
    pattern : str, optional
        Only names like this one.
    if_exists : {'fail', 'skip', 'add'}
        What to do where a name is there with other versions: import nothing at all, leave
        these names alone, or put the archive's versions behind those that are there.
    notify : callable, optional
        Called with a :class:`Progress` from time to time.

    Raises
    ------
    NotFound
        There is no such file, or nothing in it has such a name.
    Invalid
        It is no archive, is cut off, was changed, or holds what no store has written.
    Conflict
        Names are there, and ``if_exists='fail'``; or somebody writes to one of them now.
    """
    if if_exists not in IF_EXISTS:
        raise Invalid(f"if_exists={if_exists!r} is not one of {', '.join(IF_EXISTS)}")
    what = repr(str(path))
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {what}") from None
    except OSError as error:
        raise Invalid(f"{what} can't be read: {error.strerror}") from error
    prepare(url)
    with file, mongo_errors(url):
        size = os.fstat(file.fileno()).st_size
        found = survey(file, what, size, notify)
        plan = make_plan(url, found.versions, pattern, if_exists)
        file.seek(0)
        return _Import(url, found, plan, what, notify).run(file)


class _Import:
    def __init__(
        self, url: SecretUrl, found: Survey, plan: Plan, what: str, notify: Notify | None
    ) -> None:
        self._url = url
        self._plan = plan
        self._what = what
        self._notify = notify
        self._size = found.size
        self._numbers = plan.here | plan.numbers
        self._versions = {version[:3]: version for version in found.versions}
        self._needed = {s for key in plan.numbers for s in self._versions[key].segments}
        self._chunks = {s: len(found.segments[s].checksums) for s in self._needed}
        self._copied: dict[ObjectId, ObjectId] = {}
        self._unpublished: set[ObjectId] = set()
        self._waiting: list[Document] = []
        self._waiting_bytes = 0
        self._renumbered: dict[str, str] = {}
        self._other_tags: list[str] = []

    def run(self, file: BinaryIO) -> Imported:
        try:
            for kind, document, size in self._documents(file):
                if kind == VERSION:
                    self._publish(document, size)
                else:
                    self._publish_waiting()
                    self._name(document)
            self._publish_waiting()
        finally:
            # Of what failed, or was interrupted.
            for segment in self._unpublished:
                abandon_segment(self._url, segment)
        return Imported(
            versions=len(self._plan.numbers),
            present=len(self._plan.here),
            skipped=self._plan.skipped,
            renumbered=self._renumbered,
            other_tags=self._other_tags,
        )

    def _documents(self, file: BinaryIO) -> Iterator[tuple[str, Document, int]]:
        """Write the chunks that are needed, and yield what is to be published behind them."""
        again = Survey()
        batch: list[Document] = []
        size = 0
        for kind, document, data in read_archive(file, self._what):
            if kind == CHUNK:
                segment = again.add_chunk(document, self._what)
                if segment in self._needed:
                    identity = self._here(segment).binary + document["_id"][SEGMENT_BYTES:]
                    batch.append(document | {"_id": identity})
                    size += len(document["d"])
            if batch and (kind != CHUNK or size >= MESSAGE_BYTES):
                chunks(self._url, durable=False).insert_many(batch, ordered=False)
                batch, size = [], 0
            if kind == VERSION:
                version = again.add_version(document, data, self._what)
                if self._versions.get(version[:3]) != version:
                    # The file is no longer the one that was read before.
                    raise damaged(self._what)
                if version[:3] in self._plan.numbers:
                    yield kind, document, len(data)
            elif kind == NAME:
                again.check_name(document, self._what)
                yield kind, document, len(data)
            again.size += len(data)
            if self._notify is not None:
                self._notify(Progress("importing", again.size, self._size))

    def _here(self, segment: ObjectId) -> ObjectId:
        """Return this store's segment for one of the archive's."""
        if segment not in self._copied:
            self._copied[segment] = Writer.of(self._url).begin()
            self._unpublished.add(self._copied[segment])
        return self._copied[segment]

    def _publish(self, document: Document, size: int) -> None:
        from bson import ObjectId

        store, name, version = document["store"], document["name"], document["version"]
        number = self._plan.numbers[store, name, version]
        entries = [
            entry | {"s": self._here(entry["s"])} if "s" in entry else entry
            for entry in document["segments"]
        ]
        published = document | {"_id": ObjectId(), "version": number, "segments": entries}
        published |= lineage_here(document, self._numbers)
        self._free_task(document)
        self._waiting += [*self._removed_before(document, number), published]
        self._waiting_bytes += size
        in_chunks = {entry["s"] for entry in document["segments"] if "s" in entry}
        if in_chunks or self._waiting_bytes >= MESSAGE_BYTES:
            self._publish_waiting({self._here(s): self._chunks[s] for s in in_chunks})
        self._plan.latest[store, name] = number
        if number != version:
            self._renumbered[f"{name}@{version}"] = f"{name}@{number}"

    def _publish_waiting(self, segments: Mapping[ObjectId, int] = MappingProxyType({})) -> None:
        """Publish small objects together; the last one may have segments, of so many chunks."""
        from pymongo.errors import BulkWriteError, DuplicateKeyError

        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if not waiting:
            return
        mine = {s: count for s, count in segments.items() if s in self._unpublished}
        for segment, count in mine.items():
            Writer.of(self._url).note_unsettled(segment, count)
        # Where the connection breaks now nobody knows whether it was published; then its
        # chunks are left to the collector.
        self._unpublished -= set(mine)
        try:
            if waiting[:-1]:
                versions(self._url).insert_many(waiting[:-1])
            insert_version(self._url, waiting[-1])
        except (DuplicateKeyError, BulkWriteError, Conflict) as error:
            self._unpublished |= set(mine)
            if isinstance(error, Conflict):
                raise
            raise Conflict(
                f"{waiting[-1]['name']!r} or a name before it is being written by somebody else",
                hint="import it again: what is imported already is recognised",
            ) from None

    def _removed_before(self, document: Document, number: int) -> list[Document]:
        """Return what takes up the numbers before this one: versions that were removed."""
        store, name = document["store"], document["name"]
        there = self._plan.latest[store, name]
        if number - there > MAX_REMOVED:
            raise Invalid(f"{self._what} is refused: {name}@{number} leaves out too many numbers")
        gone = {"store": store, "name": name, "created": document["created"], "segments": []}
        gone |= {"removed": document["created"], "collected": True}
        return [gone | {"version": n} for n in range(there + 1, number)]

    def _free_task(self, document: Document) -> None:
        """Let a task have published what it had published before it was dropped."""
        store, name = document["store"], document["name"]
        if "task" in document and self._plan.dropped[store, name]:
            below = {"version": {"$lt": self._plan.dropped[store, name]}}
            hidden = {"store": store, "name": name, "task": document["task"]} | below
            versions(self._url).update_many(hidden, {"$unset": {"task": 1}})

    def _name(self, document: Document) -> None:
        """Set tags and rule, where there are no others."""
        store, name = document["store"], document["name"]
        tags = Tags(self._url, store, name)
        before = tags.read()
        for tag, version in document["tags"].items():
            number = self._numbers.get((store, name, int(version)))
            if number is not None and before.get(tag, number) != number:
                self._other_tags.append(f"{name}@{tag}")
            elif number is not None and tag not in before:
                tags.give(tag, number)
        # The archive's rule is not for what others have stored.
        if document["keep"] is not None and (store, name) in self._plan.own:
            keep(self._url, store, name, int(document["keep"]), self._plan.latest[store, name])
