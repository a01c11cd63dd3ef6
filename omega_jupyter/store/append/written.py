"""The parts of a table that were written and not yet published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.chunks.chunks import write_segment
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.payload.payload import Segment, pack_inline
from omega_jupyter.store.table.extend import NewPart
from omega_jupyter.store.table.layout import TableSegment
from omega_jupyter.store.versions.writing import discard

__all__ = ["WrittenPart", "WrittenParts"]


class WrittenPart(NamedTuple):
    """A part of a table that was written, and its entry in the version document."""

    entry: Document
    part: NewPart


class WrittenParts:
    """Writes parts of a table, and knows what there is to delete where they are not needed.

    Parameters
    ----------
    url : SecretUrl
        The user's database, prepared.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._written: list[Document] = []

    def part(self, segment: TableSegment, limit: int) -> WrittenPart:
        """Write a part: into the version document, where it has no more than `limit` bytes."""
        if segment.size <= limit:
            chunks = pack_inline(segment)
            if sum(map(len, chunks.values())) <= 2 * limit:
                entry = {"d": chunks, "h": of_inline(chunks)}
                return WrittenPart(entry, NewPart(segment.groups, inline=True))
        return WrittenPart(self.store(segment), NewPart(segment.groups, inline=False))

    def kept(self, segment: Any) -> Document:
        """Return the entry of a segment that was there before; write it where it is none yet."""
        return self.store(segment) if isinstance(segment, Segment) else segment

    def store(self, segment: Segment) -> Document:
        """Write a segment; return its entry in the version document."""
        entry = write_segment(self._url, segment).to_document()
        self._written.append(entry)
        return entry

    def discard_but(self, needed: Sequence[Document]) -> None:
        """Delete what was written, but for these entries."""
        kept = {entry.get("s") for entry in needed}
        discard(self._url, [entry for entry in self._written if entry["s"] not in kept])
        self._written = [entry for entry in self._written if entry["s"] in kept]
