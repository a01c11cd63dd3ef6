"""Publishing rows: behind those of a stored table, or frame by frame as a new one.

The rows are written first, then a version is published that names the old chunks
and the new ones. Where another writer was faster, the newest version is read again, the
rows are checked again, and what was written is used again: every append arrives once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.append.base_table import BaseTable
from omega_jupyter.store.append.frames import FrameStream
from omega_jupyter.store.append.written import WrittenPart, WrittenParts
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.names.catalog import Catalog, Latest, now
from omega_jupyter.store.payload.payload import INLINE_BYTES
from omega_jupyter.store.table.added import JoinedIndex
from omega_jupyter.store.table.compaction import parts_to_merge
from omega_jupyter.store.table.extend import (
    AddedRows,
    Extended,
    NewPart,
    extended,
    measured,
    part_of,
)
from omega_jupyter.store.table.layout import group_rows
from omega_jupyter.store.table.schema import Mismatch
from omega_jupyter.store.table.stored import StoredTable
from omega_jupyter.store.table.stream import StreamSegment
from omega_jupyter.store.versions.publication import Stale
from omega_jupyter.store.versions.writing import content_hash

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["RowsPut"]

# The last rows stay in the version document up to here: then a small append is one
# insert. Every version carries them.
TAIL_BYTES = 32 << 10


class RowsPut:
    """Makes the version document of rows that are put, for each number that is tried.

    Parameters
    ----------
    url : SecretUrl
        The user's database, prepared.
    store, name : str
        The table.
    stream : FrameStream
        The rows.
    append : bool
        Whether they come behind those of the newest version.
    notes : mapping
        The user's ``attributes`` and ``inputs``.

    Attributes
    ----------
    base : ObjectId, optional
        The version that the last document shares chunks with.
    """

    base: ObjectId | None

    def __init__(
        self,
        url: SecretUrl,
        store: str,
        name: str,
        stream: FrameStream,
        *,
        append: bool,
        notes: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._url = url
        self._store = store
        self._name = name
        self._stream = stream
        self._append = append
        self._notes = notes
        self.base = None
        self._attempts = 0
        self._added: AddedRows | None = None
        self._pieces: list[list[Any]] = []
        self._own: WrittenPart | None = None
        self._merged: tuple[list[Any], WrittenPart] | None = None
        self._written = WrittenParts(url)

    def document(self, latest: Latest) -> Document:
        """Write what has to be written; return the document but for its number.

        Raises
        ------
        Invalid
            The rows don't fit the table.
        Conflict
            Another writer has changed the table, and the rows can't be read again.
        """
        try:
            self._written.discard_but(self._reusable())
            base = self._base(latest)
            self.base = base.document.get("_id")
            made = self._make(base)
        except Stale:
            raise
        except BaseException:
            # Also on Ctrl-C: nothing of it is published yet.
            self._written.discard_but([])
            raise
        self._attempts += 1
        return made

    def settle(self, published: Sequence[Document]) -> None:
        """Delete what was written for nothing, when it is known what was published."""
        self._written.discard_but(published)

    def _make(self, base: BaseTable) -> Document:
        added = self._checked(base.table)
        try:
            joined = added.index.join(base.table.reader)
        except Mismatch as mismatch:
            raise Invalid(
                f"The rows can't be added to {base.table.what}: {mismatch.reason}",
                hint=mismatch.hint,
            ) from None
        order = self._write(base, joined, added)
        # A stream that is written to its end has given its index its last values.
        joined = added.index.join(base.table.reader)
        parts = [item if isinstance(item, int) else item.part for item in order]
        done = extended(base.table, joined, added, parts)
        entries = [self._written.kept(base.segments[number]) for number in done.kept]
        entries += [item.entry for item in order if not isinstance(item, int)]
        if done.beside is not None:
            entries.append(self._written.store(done.beside))
        return _described(base.document, done, entries) | self._noted(base)

    # -- the table so far --------------------------------------------------------

    def _base(self, latest: Latest) -> BaseTable:
        if not self._append or latest.newest is None:
            return BaseTable.of_first(self._stream)
        try:
            found = Catalog(self._url).find(self._store, self._name, latest.newest)
        except NotFound:
            # Dropped a moment ago, perhaps this one version alone.
            raise Stale from None
        return BaseTable.of_version(self._url, found, self._stream)

    def _noted(self, base: BaseTable) -> Document:
        """Return the user's notes: those of the table stay, and it is told what was added to."""
        before = base.document
        attributes = {**before.get("attributes", {}), **self._notes["attributes"]}
        inputs = dict(self._notes["inputs"])
        if "version" in before:
            inputs = {"base": base.table.what} | inputs
        return {"attributes": attributes, "inputs": inputs}

    # -- the rows ----------------------------------------------------------------

    def _checked(self, table: StoredTable) -> AddedRows:
        """Check the rows that are in memory; those of before serve an equal table as well."""
        if self._added is not None and self._added.fingerprint == table.fingerprint:
            return self._added
        if self._own is not None and not self._stream.ended:
            raise Conflict(
                f"{self._name!r} was changed by another writer in a way that the frames, "
                "which can't be read a second time, were not written for",
                hint=f"nothing of them is stored: {self._stream.once_more}",
            )
        self._own = None
        self._written.discard_but(self._reusable())
        added = AddedRows(table)
        self._pieces = [added.take(frame, who) for who, frame in self._stream.held()]
        self._added = added
        return added

    def _write(
        self, base: BaseTable, joined: JoinedIndex, added: AddedRows
    ) -> list[int | WrittenPart]:
        """Write the rows; return the parts of the table then, the old ones by number."""
        table = base.table
        if self._stream.ended and not added.rows:
            return list(range(len(table.parts)))
        tail = 1 if table.inline and table.inline[-1] else 0
        others = len(table.parts) - tail
        blocks = measured(table, added)
        before = sum(table.parts[others:])
        small = self._stream.ended and added.size <= INLINE_BYTES
        limit = TAIL_BYTES if others else INLINE_BYTES
        row_bytes = sum(block.row_bytes for block in blocks)
        old = [table.arrays(others, len(table.parts))] if tail else []
        if small and (before + added.rows) * row_bytes <= limit:
            part = part_of(table, joined, before + added.rows, [*old, *self._pieces], blocks)
            return [*range(others), self._written.part(part, limit)]
        order = self._merge(base, joined, others, before + added.rows if small else added.rows)
        if small:
            part = part_of(table, joined, before + added.rows, [*old, *self._pieces], blocks)
            return [*order, self._written.part(part, -1)]
        if before:
            order.append(self._written.part(part_of(table, joined, before, old, table.blocks), -1))
        if self._own is None:
            self._own = self._write_own(table, joined, added)
        return [*order, self._own]

    def _merge(
        self, base: BaseTable, joined: JoinedIndex, others: int, added: int
    ) -> list[int | WrittenPart]:
        """Write some of the old parts as one, where it is time to; return the order then.

        After a lost race nothing is merged, but what was merged before it is used where
        its parts are still there: else a table that many append to would never be.
        """
        table = base.table
        written = [base.segments[entry["i"]].get("s") for entry in table.body["tables"][:others]]
        if self._attempts == 0:
            full = group_rows(sum(block.row_bytes for block in table.blocks))
            first = others - parts_to_merge(table.parts[:others], added, full)
            if first < others:
                rows, arrays = sum(table.parts[first:others]), table.arrays(first, others)
                part = part_of(table, joined, rows, [arrays], table.blocks)
                self._merged = written[first:], self._written.part(part, -1)
        if self._merged is not None:
            segments, new = self._merged
            for first in range(others - len(segments) + 1):
                if written[first : first + len(segments)] == segments:
                    return [*range(first), new, *range(first + len(segments), others)]
            self._merged = None
        return list(range(others))

    def _write_own(self, table: StoredTable, joined: JoinedIndex, added: AddedRows) -> WrittenPart:
        """Write the rows alone, so that it need not be done again."""
        if self._stream.ended:
            return self._written.part(
                part_of(table, joined, added.rows, self._pieces, added.blocks), -1
            )
        frames = ((len(frame), added.take(frame, who)) for who, frame in self._stream.rest())
        held: list[tuple[int, Sequence[Any]]] = []
        for (_, frame), piece in zip(self._stream.held(), self._pieces, strict=True):
            held.append((len(frame), piece))
        segment = StreamSegment(table.kinds + joined.kinds, added.blocks, held, frames, table.name)
        self._pieces = []
        entry = self._written.store(segment)
        return WrittenPart(entry, NewPart(segment.groups, inline=False))

    def _reusable(self) -> list[Document]:
        """Return what was written that serves behind another version as well."""
        merged = None if self._merged is None else self._merged[1]
        return [new.entry for new in (self._own, merged) if new is not None]


def _described(base: Document, done: Extended, entries: list[Document]) -> Document:
    """Return the version document of a table with more rows."""
    body = done.body
    hashed = content_hash(body, entries)
    beside = sum(blob["n"] for blob in body["blobs"] if isinstance(blob, dict))
    row_bytes = sum(float(size) for _, _, size in body["blocks"])
    document: Document = {
        key: base[key] for key in ("kind", "type", "format", "columns") if key in base
    }
    return document | {
        "shape": [body["rows"], *base["shape"][1:]],
        "size": int(body["rows"] * row_bytes) + beside,
        "body": body | {"digest": hashed},
        "segments": entries,
        "hash": hashed,
        "created": now(),
    }
