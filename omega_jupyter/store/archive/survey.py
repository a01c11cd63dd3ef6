"""Reading an archive once from end to end, before anything of it is used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.archive.stream import CHUNK, NAME, VERSION, read_archive
from omega_jupyter.store.codecs.codec import codec_of_kind
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.names.names import check_tag
from omega_jupyter.store.upkeep.document import fault_of, is_number
from omega_jupyter.store.upkeep.inspection import Inspection, is_chunk
from omega_jupyter.store.wording.progress import Notify, Progress

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Archived", "Survey", "survey"]


Key = tuple[Any, ...]


class Archived(NamedTuple):
    """A version in an archive.

    Attributes
    ----------
    store, name, version : str, str, int
    key : tuple
        What tells it from others of its name: kind, hash and when it was made.
    segments : tuple of ObjectId
        What it refers to, as the archive numbers it.
    digest : bytes
        Of its document as it stands in the file.
    """

    store: str
    name: str
    version: int
    key: Key
    segments: tuple[ObjectId, ...]
    digest: bytes

    @property
    def ref(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


@dataclass
class Survey:
    """What an archive holds; all of it was read, and is what was written.

    Attributes
    ----------
    versions : list of Archived
        In the order of the file.
    segments : dict
        What the chunks of each segment are.
    size : int
        Bytes of the file.
    """

    versions: list[Archived] = field(default_factory=list)
    segments: dict[ObjectId, Inspection] = field(default_factory=dict)
    size: int = 0

    def add_chunk(self, chunk: Document, what: str) -> ObjectId:
        """Look at a chunk and return its segment."""
        from bson import ObjectId

        if not is_chunk(chunk):
            raise _refused(what, "a chunk of it is malformed")
        segment = ObjectId(chunk["_id"][:12])
        self.segments.setdefault(segment, Inspection()).add(chunk)
        return segment

    def add_version(self, document: Document, data: bytes, what: str) -> Archived:
        """Look at a version, whose chunks have been looked at before."""
        ref = f"{document.get('name')!r:.80}@{document.get('version')!r:.20}"
        fault = fault_of(document) or _fault_of_kind(document) or self._fault_of_chunks(document)
        if fault is not None:
            raise _refused(what, f"{ref} in it is not as it has to be: {fault}")
        version = Archived(
            document["store"],
            document["name"],
            int(document["version"]),
            key_of(document),
            tuple(entry["s"] for entry in document["segments"] if "s" in entry),
            hashlib.sha256(data).digest(),
        )
        before = self.versions[-1] if self.versions else None
        if before is not None and before[:3] >= version[:3]:
            raise _refused(what, f"{ref} in it is not in its place")
        self.versions.append(version)
        return version

    def check_name(self, document: Document, what: str) -> None:
        """Look at what belongs to the name of the versions before."""
        fault = _fault_of_name(document)
        own = (document.get("store"), document.get("name"))
        if fault is None and (not self.versions or self.versions[-1][:2] != own):
            fault = "it is not behind the versions of its name"
        if fault is not None:
            raise _refused(what, f"a name in it is not as it has to be: {fault}")

    def _fault_of_chunks(self, document: Document) -> str | None:
        for entry in document["segments"]:
            if "s" in entry:
                fault = self.segments.get(entry["s"], Inspection()).fault(entry)
                if fault is not None:
                    return fault
        return None


def survey(file: BinaryIO, what: str, size: int, notify: Notify | None = None) -> Survey:
    """Read an archive.

    Parameters
    ----------
    file : binary file
        At its beginning.
    what : str
        The file for error messages.
    size : int
        Its bytes, for the progress.
    notify : callable, optional
        Called with a :class:`Progress` from time to time.

    Raises
    ------
    Invalid
        It is cut off, was changed, or holds what no store has written.
    """
    found = Survey()
    for kind, document, data in read_archive(file, what):
        if kind == CHUNK:
            found.add_chunk(document, what)
        elif kind == VERSION:
            found.add_version(document, data, what)
        elif kind == NAME:
            found.check_name(document, what)
        found.size += len(data)
        if notify is not None:
            notify(Progress("reading the archive", found.size, size))
    return found


def key_of(document: Document) -> Key:
    """Return what tells a version from others of its name."""
    # What a check would complain of must not stop an import.
    return tuple(map(document.get, ("kind", "hash", "created")))


def _fault_of_kind(document: Document) -> str | None:
    try:
        codec = codec_of_kind(document["kind"])
    except NotFound:
        # Who has the package that it was stored with can read it.
        return None
    if codec.store != document["store"]:
        return f"its kind {document['kind']!r} does not belong into the {document['store']}"
    return None


def _fault_of_name(document: Document) -> str | None:
    if set(document) != {"store", "name", "tags", "keep"}:
        return "it has other fields"
    if not isinstance(document["tags"], dict):
        return "its tags are none"
    for tag, version in document["tags"].items():
        try:
            check_tag(tag)
        except Invalid as error:
            return error.message
        if not is_number(version):
            return f"its tag {tag!r} means no version"
    if document["keep"] is not None and not is_number(document["keep"]):
        return "its rule keeps nothing"
    return None


def _refused(what: str, reason: str) -> Invalid:
    return Invalid(
        f"{what} is refused: {reason}",
        hint="nothing of it was imported; export it again with `omega store export`",
    )
