"""A stored table, as what more rows are added to."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from omega_jupyter.store.payload.payload import Source, load_blob
from omega_jupyter.store.table.added import AddedColumn, AddedIndex, AddedRange
from omega_jupyter.store.table.added_levels import AddedLevels
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.columns.kinds import load_index
from omega_jupyter.store.table.layout import Block
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.soundness import check_numbers

__all__ = ["StoredTable"]


class StoredTable:
    """A table that rows are added to.

    Parameters
    ----------
    source : Source
        Where its chunks are.
    body : dict
        Its description.
    what : str
        The table for errors, such as ``sales@3``.
    numbers_rows : bool
        Whether a row index that counts from 0 only numbers the rows.
    """

    def __init__(
        self, source: Source, body: dict[str, Any], what: str, *, numbers_rows: bool = True
    ) -> None:
        check_numbers(body, what)
        self.body = body
        self.what = what
        self.reader = TableReader(source, body)
        self.blocks = [Block(int(first), int(n), size) for first, n, size in body["blocks"]]
        self.like = self.reader.frame(None, self.reader.first(0))
        self.parts = [sum(map(int, table["rows"])) for table in body["tables"]]
        # Parts that are in the version document; it is the last one at most.
        self.inline = [not source.has_closing(table["i"]) for table in body["tables"]]
        self._source = source
        self._numbers_rows = numbers_rows

    @cached_property
    def kinds(self) -> list[Kind]:
        """The kinds of the data columns."""
        kinds: list[Kind] = []
        for run, _ in self.body["columns"]:
            kinds += [self.reader.kind(len(kinds))] * int(run)
        return kinds[: self.reader.width]

    @cached_property
    def fingerprint(self) -> bytes:
        """What rows that were packed for this table depend on, as a digest."""
        import bson

        data, index = self.body["columns"], self.reader.index_spec
        blobs = [*(spec["b"] for _, spec in data if "b" in spec), *index.get("levels", ())]
        told = {
            "columns": [[run, {k: v for k, v in spec.items() if k != "b"}] for run, spec in data],
            "cut": [block[:2] for block in self.blocks],
            "index": [index["k"], index.get("name"), index.get("names")],
            "blobs": [self.blob(number) for number in blobs],
        }
        return hashlib.sha256(bson.encode(told)).digest()

    def blob(self, number: int) -> bytes:
        """Return a byte string of the description."""
        return load_blob(self._source, self.body["blobs"], number)

    def arrays(self, first: int, stop: int) -> list[Any]:
        """Read all columns of some parts, those of the row index too."""
        rows = [rows for rows in self.reader.all_rows() if first <= rows.table < stop]
        return self.reader.arrays(range(self.reader.width + len(self.reader.index_columns)), rows)

    def first_arrays(self, count: int) -> list[Any]:
        """Read all columns of the first rows."""
        columns = range(self.reader.width + len(self.reader.index_columns))
        return self.reader.arrays(columns, self.reader.first(count).rows)

    def name(self, column: int) -> str:
        """Return a column's name for errors."""
        if column < self.reader.width:
            return f"Column {self.like.columns[column]!r}"
        return "The index"

    def added_index(self) -> AddedIndex:
        """Return a collector for the index of rows that are added."""
        spec, like = self.reader.index_spec, self.like.index
        if spec["k"] == "range":
            return AddedRange(like, numbers_rows=self._numbers_rows)
        if spec["k"] == "column":
            kinds = [self.reader.kind(column) for column in self.reader.index_columns]
            return AddedColumn(like, kinds)
        cut = [block for block in self.blocks if block.first >= self.reader.width]
        common = [
            range(b.first - self.reader.width, b.first - self.reader.width + b.width) for b in cut
        ]
        # In the order of the stored codes, which is not always that of the index.
        levels = [load_index(self.blob(number)) for number in spec["levels"]]
        return AddedLevels(like, levels, common)
