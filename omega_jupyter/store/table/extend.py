"""More rows for a table that is stored: what is kept of it, what is written, how it reads then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import BLOB_INLINE, BLOBS_INLINE, Buffers
from omega_jupyter.store.table.added import JoinedIndex
from omega_jupyter.store.table.added_levels import cast_codes
from omega_jupyter.store.table.arrays import concatenated
from omega_jupyter.store.table.layout import Block, TableSegment, group_rows, runs_of
from omega_jupyter.store.table.schema import Mismatch, TableSchema
from omega_jupyter.store.table.stored import StoredTable
from omega_jupyter.store.table.write import HEAD_ROWS, is_row_major, pack_head, refusing
from omega_jupyter.store.table.zones import zone_width
from omega_jupyter.store.values.refused import Refused

__all__ = ["AddedRows", "Extended", "NewPart", "extended", "measured", "part_of"]


class AddedRows:
    """Rows for a table, checked and in the form in which it stores them.

    Parameters
    ----------
    table : StoredTable

    Attributes
    ----------
    rows : int
        How many there are.
    index : AddedIndex
        Their row index.
    fingerprint : bytes
        Of the table that they were packed for.
    """

    def __init__(self, table: StoredTable) -> None:
        if table.body.get("unique_labels") and table.reader.index_spec["k"] != "range":
            raise Invalid(
                f"{table.what} allows no duplicate labels in its index, which would have to be "
                "read whole for each append",
                hint="put it once more with set_flags(allows_duplicate_labels=True)",
            )
        self.rows = 0
        self.index = table.added_index()
        self.fingerprint = table.fingerprint
        self.row_major = True
        self.first: list[list[Any]] = []
        self._table = table
        self._schema = TableSchema(table.like)
        self._block_bytes = [0.0] * len(table.blocks)

    def take(self, frame: Any, who: str) -> list[Any]:
        """Return the columns of some rows, those of the row index at the end.

        Raises
        ------
        Invalid
            They don't fit the table; the message says why.
        """
        try:
            arrays = self._schema.arrays(frame)
            row_major = is_row_major(arrays) or len(frame) < 2
            arrays += self.index.add(frame.index)
        except Mismatch as mismatch:
            raise Invalid(
                f"{who} can't be added to {self._table.what}: {mismatch.reason}",
                hint=mismatch.hint,
            ) from None
        if len(frame):
            self.row_major = self.row_major and row_major
            self._measure(arrays, len(frame))
            if self.rows < HEAD_ROWS:
                # Not a view, which would keep all of the frame in memory.
                few = np.arange(min(len(frame), HEAD_ROWS - self.rows))
                self.first.append([array.take(few) for array in arrays])
            self.rows += len(frame)
        return arrays

    def _measure(self, arrays: Sequence[Any], rows: int) -> None:
        kinds = self._table.kinds + self.index.kinds
        for number, block in enumerate(self._table.blocks):
            columns = range(block.first, block.first + block.width)
            try:
                sizes = [kinds[column].row_bytes(arrays[column]) for column in columns]
            except Refused:
                # Again, to name the one.
                for column in columns:
                    size = partial(kinds[column].row_bytes, arrays[column])
                    refusing(partial(self._table.name, column), size)
                raise
            self._block_bytes[number] += rows * sum(sizes)

    @property
    def size(self) -> int:
        """Expected bytes."""
        return int(sum(self._block_bytes))

    @property
    def blocks(self) -> list[Block]:
        """The table's cut, with the bytes that a row of these has."""
        if not self.rows:
            return self._table.blocks
        sizes = [size / self.rows for size in self._block_bytes]
        return [b._replace(row_bytes=s) for b, s in zip(self._table.blocks, sizes, strict=True)]


class NewPart(NamedTuple):
    """A part of a table that was written for it.

    Attributes
    ----------
    groups : sequence of int
        The rows of each row group.
    inline : bool
        Whether it is in the version document.
    """

    groups: Sequence[int]
    inline: bool


class Extended(NamedTuple):
    """A table with more rows.

    Attributes
    ----------
    body : dict
        Its description. Segments are numbered: those that are kept, the new parts,
        `beside`.
    kept : list of int
        Numbers of the segments of the old description that are kept.
    beside : Buffers, optional
        Byte strings of the description that are too large for it.
    """

    body: dict[str, Any]
    kept: list[int]
    beside: Buffers | None


def part_of(
    table: StoredTable,
    joined: JoinedIndex,
    rows: int,
    pieces: Sequence[Sequence[Any]],
    blocks: Sequence[Block],
) -> TableSegment:
    """Return a part of the table.

    Parameters
    ----------
    table : StoredTable
    joined : JoinedIndex
        The table's index with the added rows.
    rows : int
        The rows of all pieces.
    pieces : sequence of sequence of array
        All columns of each piece; they stand one below the other.
    blocks : sequence of Block
        The table's cut, with the bytes that a row of these has.
    """
    kinds = table.kinds + joined.kinds
    columns = [concatenated(parts) for parts in zip(*pieces, strict=True)]
    arrays = [cast_codes(array, kind) for array, kind in zip(columns, kinds, strict=True)]
    full = group_rows(sum(block.row_bytes for block in blocks))
    groups = [min(full, rows - at) for at in range(0, rows, full)]
    return TableSegment(kinds, arrays, blocks, groups, table.name)


def extended(
    table: StoredTable, joined: JoinedIndex, added: AddedRows, parts: Sequence[int | NewPart]
) -> Extended:
    """Describe a table with more rows.

    Parameters
    ----------
    table : StoredTable
        The table so far.
    joined : JoinedIndex
        Its index with the added rows.
    added : AddedRows
        The rows.
    parts : sequence of (int or NewPart)
        The parts of the table then, in order: old ones by number, and what was written.
    """
    body = {key: value for key, value in table.body.items() if key not in ("digest", "head")}
    tables = {n: table.body["tables"][n] for n in parts if isinstance(n, int)}
    blobs, spec, contents = _blobs(table, joined)
    kept = sorted(
        {t["i"] for t in tables.values()} | {b["i"] for b in blobs if isinstance(b, dict)}
    )
    place = {old: new for new, old in enumerate(kept)}
    blobs = [b | {"i": place[b["i"]]} if isinstance(b, dict) else b for b in blobs]
    beside = len(kept) + len(parts) - len(tables)
    for number, data in contents.items():
        at = list(contents).index(number)
        blobs[number] = {"i": beside, "b": at, "n": len(data)}
    rows = table.reader.rows + added.rows
    blocks = measured(table, added)
    numbers = count(len(kept))
    body |= {
        "rows": rows,
        "group_rows": group_rows(sum(block.row_bytes for block in blocks)),
        "columns": _data_runs(table) + runs_of(joined.kinds),
        "index": spec,
        "blocks": [list(block) for block in blocks],
        "tables": [
            tables[part] | {"i": place[tables[part]["i"]]}
            if isinstance(part, int)
            else {"i": next(numbers), "rows": list(part.groups), "z": zone_width(len(part.groups))}
            for part in parts
        ],
        "blobs": blobs,
    }
    if not added.row_major:
        body.pop("row_major", None)
    if not all(table.inline[p] if isinstance(p, int) else p.inline for p in parts):
        body["head"] = _head(table, joined, added, rows)
    return Extended(body, kept, Buffers(list(contents.values())) if contents else None)


def _data_runs(table: StoredTable) -> list[list[Any]]:
    runs, left = [], table.reader.width
    for run, spec in table.body["columns"]:
        if left <= 0:
            break
        runs.append([run, spec])
        left -= run
    return runs


def _blobs(
    table: StoredTable, joined: JoinedIndex
) -> tuple[list[Any], dict[str, Any], dict[int, bytes]]:
    """Return the description's byte strings, the index that names them, and the large ones."""
    entries, spec = list(table.body["blobs"]), dict(joined.spec)
    if not joined.levels:
        return entries, spec, {}
    levels = list(spec["levels"])
    named = [table.body["labels"], *levels]
    named += [run_spec["b"] for _, run_spec in table.body["columns"] if "b" in run_spec]
    for level, data in joined.levels.items():
        if named.count(levels[level]) > 1:
            # Equal byte strings are kept once; the others still need this one.
            levels[level] = len(entries)
            entries.append(data)
        else:
            entries[levels[level]] = data
    spec["levels"] = levels
    room = BLOBS_INLINE
    large: dict[int, bytes] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry, dict):
            continue
        if len(entry) > min(BLOB_INLINE, room):
            large[number] = entry
            # Its place is filled in when its segment has a number.
            entries[number] = b""
        else:
            room -= len(entry)
    return entries, spec, large


def measured(table: StoredTable, added: AddedRows) -> list[Block]:
    """Return the blocks with the expected bytes of a row, old or new."""
    old, new = table.reader.rows, added.rows
    if not new:
        return table.blocks
    return [
        before._replace(row_bytes=(before.row_bytes * old + after.row_bytes * new) / (old + new))
        for before, after in zip(table.blocks, added.blocks, strict=True)
    ]


def _head(table: StoredTable, joined: JoinedIndex, added: AddedRows, rows: int) -> Any:
    """Return the packed first rows: those of before, where there were enough."""
    if table.reader.rows >= HEAD_ROWS and "head" in table.body:
        return table.body["head"]
    pieces = [table.first_arrays(HEAD_ROWS), *added.first]
    count, blocks = min(rows, HEAD_ROWS), measured(table, added)
    return pack_head(part_of(table, joined, count, pieces, blocks), blocks, count)
