"""Writing an archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.archive.stream import (
    CHUNK,
    FORMAT,
    HEADER,
    NAME,
    VERSION,
    ArchiveWriter,
    is_archive,
)
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.lease import reading
from omega_jupyter.store.database.schema import names, prepare, versions
from omega_jupyter.store.files.whole_file import whole_file
from omega_jupyter.store.upkeep.document import fault_of
from omega_jupyter.store.upkeep.inspection import Inspection
from omega_jupyter.store.upkeep.scan import Named, documents, scan
from omega_jupyter.store.upkeep.segments import read
from omega_jupyter.store.wording.facts import bytes_text, count_text
from omega_jupyter.store.wording.progress import Notify, Progress

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Exported", "export_archive"]

_SIZES_AT_ONCE = 1_000


@dataclass(frozen=True, repr=False)
class Exported:
    """An archive that was written.

    Attributes
    ----------
    path : Path
    objects, versions : int
        Names and versions in it.
    size : int
        Bytes of the file.
    """

    path: Path
    objects: int
    versions: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self) | {"path": str(self.path)}

    def __repr__(self) -> str:
        versions, objects = count_text(self.versions, "version"), count_text(self.objects, "object")
        return f"{self.path}: {versions} of {objects}, {bytes_text(self.size)}"


def export_archive(
    url: SecretUrl,
    path: Path,
    pattern: str | None = None,
    *,
    stores: Sequence[str] = (),
    latest: bool = False,
    notify: Notify | None = None,
) -> Exported:
    """Write what is stored at this moment into one file.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    path : Path
        The file; an archive that is there is replaced when the new one is whole.
    pattern : str, optional
        Only names like this one.
    stores : sequence of str
        Default: all.
    latest : bool
        The latest version of each name alone.
    notify : callable, optional
        Called with a :class:`Progress` from time to time.

    Raises
    ------
    NotFound
        Nothing has such a name, or there is no such folder.
    Conflict
        The file is there, and is something else.
    Invalid
        The file can't be written, or something that is stored is damaged.
    """
    if path.exists() and not is_archive(path):
        raise Conflict(
            f"{str(path)!r} is there already, and is no archive", hint="choose another name"
        )
    prepare(url)
    # What is dropped meanwhile is still there when its turn comes.
    with mongo_errors(url), reading(url):
        chosen = list(scan(url, pattern, stores=stores))
        if latest:
            chosen = [named._replace(versions=named.versions[-1:]) for named in chosen]
        if pattern is not None and not chosen:
            raise NotFound(f"Nothing stored matches {pattern!r}", hint="`%omega ls` lists it")
        with whole_file(path) as file:
            writer = ArchiveWriter(file)
            exporter = _Exporter(url, writer, _bytes_of(url, chosen), notify)
            exporter.run(chosen)
        count = sum(len(named.versions) for named in chosen)
        return Exported(path, len(chosen), count, writer.size)


class _Exporter:
    def __init__(
        self, url: SecretUrl, writer: ArchiveWriter, total: int, notify: Notify | None
    ) -> None:
        self._url = url
        self._writer = writer
        self._total = total
        self._notify = notify
        self._written: set[ObjectId] = set()

    def run(self, chosen: Sequence[Named]) -> None:
        from omega_jupyter import __version__

        self._writer.write(
            HEADER,
            FORMAT,
            by=f"omega-jupyter {__version__}",
            created=datetime.now(UTC),
            versions=sum(len(named.versions) for named in chosen),
        )
        notes = {(note["store"], note["name"]): note for note in names(self._url).find()}
        all_ = (identity for named in chosen for _, identity in named.versions)
        found = documents(self._url, all_)
        for named in chosen:
            for number, identity in named.versions:
                document = next(found, {})
                if document.get("_id") != identity or "collected" in document:
                    raise Conflict(
                        f"{named.name}@{number} was removed for good while it was exported",
                        hint="export again",
                    )
                # It was there when the export began.
                document.pop("removed", None)
                self._version(document)
            self._name(named, notes.get((named.store, named.name), {}))
        self._writer.close()

    def _name(self, named: Named, note: Document) -> None:
        """Write tags and rule of a name, where it has any."""
        there = {number for number, _ in named.versions}
        tags = {e["tag"]: e["version"] for e in note.get("tags", ()) if e["version"] in there}
        keep = note["keep"]["count"] if "keep" in note else None
        if tags or keep is not None:
            own = {"store": named.store, "name": named.name}
            self._writer.write(NAME, own | {"tags": tags, "keep": keep})

    def _version(self, document: Document) -> None:
        what = f"{document['name']}@{document['version']}"
        fault = fault_of(document)
        if fault is not None:
            raise _damaged(what, fault)
        for entry in document["segments"]:
            if "s" in entry and entry["s"] not in self._written:
                self._segment(entry, what)
        # Chunks first: what a reader finds behind them, it has read whole.
        self._writer.write(VERSION, document)
        self._tell(what)

    def _segment(self, entry: Document, what: str) -> None:
        found = Inspection()
        for chunk in read(self._url, entry["s"]):
            found.add(chunk)
            self._writer.write(CHUNK, chunk)
            self._tell(what)
        fault = found.fault(entry)
        if fault is not None:
            raise _damaged(what, fault)
        self._written.add(entry["s"])

    def _tell(self, what: str) -> None:
        if self._notify is not None:
            self._notify(Progress(what, min(self._writer.size, self._total), self._total))


def _bytes_of(url: SecretUrl, named: Sequence[Named]) -> int:
    """Return about how many bytes an archive of these versions will have."""
    total = 0
    chosen = [identity for found in named for _, identity in found.versions]
    seen: set[ObjectId] = set()
    for at in range(0, len(chosen), _SIZES_AT_ONCE):
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(chosen[at : at + _SIZES_AT_ONCE])}}},
            {
                "$project": {
                    "segments.s": 1,
                    "segments.size": 1,
                    "bytes": {"$bsonSize": "$$ROOT"},
                }
            },
        ]
        for document in versions(url).aggregate(stages):
            total += document["bytes"] + _new_bytes(document.get("segments", ()), seen)
    return total


def _new_bytes(entries: Iterable[Document], seen: set[ObjectId]) -> int:
    sizes = {e["s"]: int(e.get("size", 0)) for e in entries if "s" in e and e["s"] not in seen}
    seen |= set(sizes)
    return sum(sizes.values())


def _damaged(what: str, fault: str) -> Invalid:
    return Invalid(
        f"{what} is damaged and was not exported: {fault}",
        hint="`omega store check` lists all that is; export the rest by its names",
    )
