"""From the description and the chunks of a table to a DataFrame, whole or in part."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.payload.payload import Key, Sink, Source, load_blob
from omega_jupyter.store.table.columns.index import load_range
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.columns.kinds import kind_from_spec, load_index
from omega_jupyter.store.table.columns.unsound import refusing_unsound
from omega_jupyter.store.table.gather import Gather, make_frame
from omega_jupyter.store.table.head import HEAD, HeadSource
from omega_jupyter.store.table.layout import GROUP_BYTES, Block
from omega_jupyter.store.table.row_index import rebuild, rebuild_level
from omega_jupyter.store.table.rows import Rows, Selection
from omega_jupyter.store.table.zones import Zone, read_zones
from omega_jupyter.store.values import typed

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["TableReader"]

# Part of a table and row group to the numbers of blocks.
_Blocks = Mapping[tuple[int, int], Collection[int]]


class TableReader:
    """Reads a stored table.

    Parameters
    ----------
    source : Source
        Where its chunks are.
    body : dict
        Its description.
    """

    def __init__(self, source: Source, body: dict[str, Any]) -> None:
        self._source = source
        self._body = body
        self._specs = [spec for _, spec in body["columns"]]
        self._keys = [repr(spec) for spec in self._specs]
        self._stops = list(accumulate(int(run) for run, _ in body["columns"]))
        self._kinds: dict[str, Kind] = {}
        self._blocks = [Block(int(first), int(n), size) for first, n, size in body["blocks"]]
        self._indexes: dict[int, Any] = {}
        self._kept: dict[tuple[int, int], dict[int, bytes]] = {}
        self.width = int(body["width"])
        self.rows = int(body["rows"])
        self.group_rows = int(body["group_rows"])

    def fresh(self) -> TableReader:
        """Return a reader that shares what was found out, but keeps chunks of its own."""
        other = copy.copy(self)
        other._kept = {}
        return other

    @property
    def url(self) -> SecretUrl | None:
        """The database that it is read from; None where it is elsewhere."""
        return self._source.url

    @property
    def labels(self) -> Any:
        """The index of the columns."""
        return self._load(self._body["labels"])

    @property
    def knows_labels(self) -> bool:
        """Whether no chunk must be read for them."""
        number = self._body["labels"]
        return number in self._indexes or isinstance(self._body["blobs"][number], bytes)

    @property
    def index_columns(self) -> list[int]:
        """The columns that hold the row index."""
        return list(range(self.width, self._stops[-1] if self._stops else 0))

    def all_rows(self) -> list[Rows]:
        """Return the row groups, in order."""
        found: list[Rows] = []
        at = 0
        for number, table in enumerate(self._body["tables"]):
            for group, count in enumerate(table["rows"]):
                found.append(Rows(number, group, at, int(count)))
                at += int(count)
        return found

    def first(self, count: int) -> Selection:
        """Select the first rows."""
        chosen = [r.part(0, count - r.start) for r in self.all_rows() if r.start < count]
        return Selection(chosen, span=slice(0, count))

    def frame(
        self,
        columns: Sequence[int] | None = None,
        selection: Selection | None = None,
        keep: Rows | None = None,
    ) -> Any:
        """Read columns by position, and all rows or some.

        Parameters
        ----------
        columns : sequence of int, optional
            Positions in the wanted order. None: all.
        selection : Selection, optional
            None: all rows.
        keep : Rows, optional
            A row group of which more will be read next: its chunks are kept.

        Returns
        -------
        pandas.DataFrame
        """
        positions = list(range(self.width)) if columns is None else list(columns)
        chosen = self.all_rows() if selection is None else selection.rows
        # Ascending within a block is what pandas relies on; the wanted order comes last.
        unique = sorted(set(positions))
        read = [*unique, *self.index_columns]
        kept = {} if keep is None else {(keep.table, keep.group): self._blocks_of(read)}
        gather = self._read(read, chosen, kept)
        index = self._index(gather, selection)
        # Not the reader's own: the name of an index can be changed.
        labels = self.labels.view() if columns is None else self.labels.take(unique)
        blocks = gather.blocks({column: place for place, column in enumerate(unique)})
        frame = make_frame(blocks, index, labels)
        if unique != positions:
            places = {position: place for place, position in enumerate(unique)}
            frame = frame.iloc[:, [places[position] for position in positions]]
        if "attrs" in self._body:
            frame.attrs = typed.loads(self._body["attrs"])
        if self._body.get("unique_labels"):
            frame = frame.set_flags(allows_duplicate_labels=False)
        return frame

    def head(self, count: int, columns: Sequence[int] | None = None) -> Any:
        """Read the first rows, from the description where it has them."""
        kept = self._body.get("head")
        if not kept or min(count, self.rows) > kept["rows"]:
            return self.frame(columns, self.first(count))
        source = HeadSource(self._source, kept["d"])
        tables = [{"i": HEAD, "rows": [kept["rows"]]}]
        reader = TableReader(source, self._body | {"tables": tables, "head": None})
        return reader.frame(columns, reader.first(count))

    def arrays(self, columns: Sequence[int], rows: Sequence[Rows]) -> list[Any]:
        """Read single columns, those of the row index too, as arrays."""
        gather = self._read(columns, rows)
        return [gather.array(column) for column in columns]

    def series(
        self,
        columns: Sequence[tuple[int, int | None]],
        rows: Sequence[Rows],
        keep: Sequence[int] = (),
    ) -> list[Any]:
        """Read single columns as Series, and whole row groups.

        Parameters
        ----------
        columns : sequence of (int, int or None)
            Position, and the level of the row index where it is one.
        rows : sequence of Rows
            The row groups.
        keep : sequence of int
            Columns of which the same rows are wanted next: kept, and read now if few bytes.
        """
        import pandas as pd

        in_chunks = [c for c, level in columns if level is None or not self.is_range]
        blocks = set(self._blocks_of(keep))
        total = sum(r.total for r in rows)
        if total * sum(self._blocks[number].row_bytes for number in blocks) > GROUP_BYTES:
            blocks &= set(self._blocks_of(in_chunks))
        kept = {(r.table, r.group): blocks for r in rows} if blocks else {}
        gather = self._read(in_chunks, rows, kept)
        found = []
        for column, level in columns:
            if level is None:
                values = gather.array(column)
            elif self.is_range:
                values = load_range(self.index_spec).take(Selection(rows).numbers())
            else:
                values = rebuild_level(self.index_spec, level, gather.array(column), self._load)
            # With its dtype: pandas would take objects that are texts for texts.
            found.append(pd.Series(values, dtype=values.dtype, copy=False))
        return found

    def forget(self, rows: Rows) -> None:
        """Drop the kept chunks of a row group."""
        self._kept.pop((rows.table, rows.group), None)

    def bounds(self, table: int, columns: Iterable[int]) -> dict[int, Zone]:
        """Read what is known of columns in each row group; of inline tables that is nothing.

        Parameters
        ----------
        table : int
            Number of the part of the table.
        columns : iterable of int
            Those that are stored.
        """
        entry = self._body["tables"][table]
        return read_zones(self._source, entry, {column: self.kind(column) for column in columns})

    @property
    def index_spec(self) -> dict[str, Any]:
        """The description of the row index."""
        spec: dict[str, Any] = self._body["index"]
        return spec

    @property
    def is_range(self) -> bool:
        """Whether the row index is a range, which needs no column."""
        return bool(self.index_spec["k"] == "range")

    @property
    def has_frequency(self) -> bool:
        """Whether the row index has a frequency, which hangs on all rows that are chosen."""
        return self.index_spec.get("freq") is not None

    def kind(self, column: int) -> Kind:
        """Return the kind of a column; the same object for equal specs."""
        run = bisect_right(self._stops, column)
        key = self._keys[run]
        if key not in self._kinds:
            self._kinds[key] = kind_from_spec(self._specs[run], self._blob)
        return self._kinds[key]

    def _blob(self, number: int) -> bytes:
        return load_blob(self._source, self._body["blobs"], number)

    def _load(self, number: int) -> Any:
        """Return the index in a blob; read once."""
        if number not in self._indexes:
            self._indexes[number] = load_index(self._blob(number))
        return self._indexes[number]

    def _blocks_of(self, columns: Sequence[int]) -> list[int]:
        firsts = [block.first for block in self._blocks]
        return sorted({bisect_right(firsts, column) - 1 for column in columns})

    def _read(
        self, columns: Sequence[int], rows: Sequence[Rows], keep: _Blocks | None = None
    ) -> Gather:
        gather = Gather(list(set(columns)), self.kind, sum(r.wanted for r in rows), self.width)
        picks = {number: gather.picks(self._blocks[number]) for number in self._blocks_of(columns)}
        kept = keep or {}
        at = 0
        tables: dict[int, dict[int, tuple[Rows, int]]] = {}
        for r in rows:
            tables.setdefault(r.table, {})[r.group] = (r, at)
            at += r.wanted
        for table, groups in tables.items():
            sink = self._sink(gather, picks, groups, kept)
            keys: list[Key] = []
            for group, (r, _) in groups.items():
                held = self._kept.pop((table, group), {})
                for number in sorted({*picks, *kept.get((table, group), ())}):
                    if number in held:
                        sink(group, number, held[number])
                    else:
                        size = int(r.total * self._blocks[number].row_bytes)
                        keys.append(Key(group, number, size))
            self._source.fetch(self._body["tables"][table]["i"], keys, sink)
        return gather

    def _sink(
        self,
        gather: Gather,
        picks: dict[int, list[int]],
        groups: dict[int, tuple[Rows, int]],
        keep: _Blocks,
    ) -> Sink:
        def sink(group: int, number: int, data: bytes) -> None:
            r, at = groups[group]
            if number in keep.get((r.table, group), ()):
                self._kept.setdefault((r.table, group), {})[number] = data
            if number not in picks:
                return
            with refusing_unsound():
                gather.add(self._blocks[number], picks[number], data, r.total, at, r.places)

        return sink

    def _index(self, gather: Gather, selection: Selection | None) -> Any:
        if not self.is_range:
            arrays = [gather.array(column) for column in self.index_columns]
            step = 1 if selection is None else selection.step
            return rebuild(self.index_spec, arrays, self._load, step=step)
        index = load_range(self.index_spec)
        if selection is None:
            return index
        return index.take(selection.numbers()) if selection.span is None else index[selection.span]
