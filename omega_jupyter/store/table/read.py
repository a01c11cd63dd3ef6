"""From the description and the chunks of a table to a DataFrame, whole or in part."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from omega_jupyter.store import typed
from omega_jupyter.store.payload import InlineSource, Key, Sink, Source, load_blob
from omega_jupyter.store.table.gather import Gather, make_frame
from omega_jupyter.store.table.index import load_index, load_range, rebuild, rebuild_level
from omega_jupyter.store.table.kinds import Kind, kind_from_spec
from omega_jupyter.store.table.layout import Block
from omega_jupyter.store.table.zones import ZONE_GROUP, load_zone, may_fit

if TYPE_CHECKING:
    from omega_jupyter.store.table.filters import Condition

__all__ = ["Rows", "Selection", "TableReader"]


class Rows(NamedTuple):
    """The wanted rows of one row group.

    Attributes
    ----------
    table : int
        Number of the part of the table (one for each append).
    group : int
        Row group in it.
    total : int
        Rows of the group.
    mask : numpy.ndarray of bool, optional
        The wanted ones; None: all.
    """

    table: int
    group: int
    total: int
    mask: Any = None

    @property
    def wanted(self) -> int:
        """How many rows are wanted."""
        return self.total if self.mask is None else int(np.count_nonzero(self.mask))


class Selection(NamedTuple):
    """Wanted rows of a table.

    Attributes
    ----------
    rows : sequence of Rows
        The row groups that hold them, in order.
    key : slice or numpy.ndarray of bool
        The same over all rows, as pandas would be asked for them.
    """

    rows: Sequence[Rows]
    key: Any


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
        self._stops = list(accumulate(int(run) for run, _ in body["columns"]))
        self._kinds: dict[str, Kind] = {}
        self._blocks = [Block(int(first), int(n), size) for first, n, size in body["blocks"]]
        self._labels: Any = None
        self.width = int(body["width"])
        self.rows = int(body["rows"])

    @property
    def labels(self) -> Any:
        """The index of the columns."""
        if self._labels is None:
            self._labels = load_index(self._blob(self._body["labels"]))
        return self._labels

    @property
    def index_columns(self) -> list[int]:
        """The columns that hold the row index."""
        return list(range(self.width, self._stops[-1] if self._stops else 0))

    def all_rows(self) -> list[Rows]:
        """Return the row groups, in order."""
        return [
            Rows(number, group, int(count))
            for number, table in enumerate(self._body["tables"])
            for group, count in enumerate(table["rows"])
        ]

    def first(self, count: int) -> Selection:
        """Select the first rows."""
        chosen = []
        left = min(count, self.rows)
        for rows in self.all_rows():
            if left <= 0:
                break
            mask = None if rows.total <= left else np.arange(rows.total) < left
            chosen.append(rows._replace(mask=mask))
            left -= rows.total
        return Selection(chosen, slice(0, count))

    def frame(
        self, columns: Sequence[int] | None = None, selection: Selection | None = None
    ) -> Any:
        """Read columns by position, and all rows or some.

        Parameters
        ----------
        columns : sequence of int, optional
            Positions in the wanted order. None: all.
        selection : Selection, optional
            None: all rows.

        Returns
        -------
        pandas.DataFrame
        """
        positions = list(range(self.width)) if columns is None else list(columns)
        chosen = self.all_rows() if selection is None else selection.rows
        # Ascending within a block is what pandas relies on; the wanted order comes last.
        unique = sorted(set(positions))
        gather = self._read([*unique, *self.index_columns], chosen)
        index = self._index(gather, selection)
        labels = self.labels if columns is None else self.labels.take(unique)
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
        source = _HeadSource(self._source, kept["d"])
        tables = [{"i": _HEAD, "rows": [kept["rows"]]}]
        reader = TableReader(source, self._body | {"tables": tables, "head": None})
        return reader.frame(columns, reader.first(count))

    def arrays(self, columns: Sequence[int], rows: Sequence[Rows]) -> list[Any]:
        """Read single columns, those of the row index too, as arrays."""
        gather = self._read(columns, rows)
        return [gather.array(column) for column in columns]

    def series(self, columns: Sequence[tuple[int, int | None]], rows: Sequence[Rows]) -> list[Any]:
        """Read single columns as Series, without mask.

        Parameters
        ----------
        columns : sequence of (int, int or None)
            Position, and the level of the row index where it is one.
        rows : sequence of Rows
            Read whole.
        """
        import pandas as pd

        whole = [r._replace(mask=None) for r in rows]
        in_chunks = [c for c, level in columns if level is None or not self._is_range]
        gather = self._read(in_chunks, whole)
        found = []
        for column, level in columns:
            if level is None:
                found.append(pd.Series(gather.array(column), copy=False))
            elif self._is_range:
                found.append(pd.Series(load_range(self.index_spec).take(self._places(whole))))
            else:
                values = rebuild_level(self.index_spec, level, gather.array(column), self._blob)
                found.append(pd.Series(values))
        return found

    def prune(self, conditions: Sequence[Condition]) -> list[Rows]:
        """Return the row groups that may hold rows for which all conditions are true."""
        import bson

        kept: list[Rows] = []
        for number, table in enumerate(self._body["tables"]):
            groups = [r for r in self.all_rows() if r.table == number]
            counts = np.array([r.total for r in groups], "u4")
            fits = np.ones(len(groups), bool)
            known = self._zone_chunks(table, conditions)
            for condition in conditions:
                place, key = divmod(condition.column, int(table["z"]))
                stored = bson.decode(known[place]).get(str(key)) if place in known else None
                if stored is not None:
                    zone = load_zone(self.kind(condition.column), stored, len(groups))
                    fits &= may_fit(zone, counts, condition.operator, condition.value)
            kept += [r for r, fit in zip(groups, fits, strict=True) if fit]
        return kept

    def _zone_chunks(
        self, table: dict[str, Any], conditions: Sequence[Condition]
    ) -> dict[int, bytes]:
        """Read the zone maps of the conditions' columns; inline tables have none."""
        found: dict[int, bytes] = {}
        if not self._source.has_closing(table["i"]):
            return found
        columns = [c.column for c in conditions if c.level is None or not self._is_range]
        places = sorted({column // int(table["z"]) for column in columns})
        keys = [Key(ZONE_GROUP, place, 0) for place in places]
        self._source.fetch(table["i"], keys, lambda _, place, data: found.update({place: data}))
        return found

    def starts(self) -> dict[tuple[int, int], int]:
        """Return the number of the first row of each row group."""
        starts, at = {}, 0
        for rows in self.all_rows():
            starts[rows.table, rows.group] = at
            at += rows.total
        return starts

    @property
    def index_spec(self) -> dict[str, Any]:
        """The description of the row index."""
        spec: dict[str, Any] = self._body["index"]
        return spec

    @property
    def _is_range(self) -> bool:
        return bool(self.index_spec["k"] == "range")

    def _places(self, rows: Sequence[Rows]) -> Any:
        starts = self.starts()
        pieces = [np.arange(r.total) + starts[r.table, r.group] for r in rows]
        return np.concatenate(pieces) if pieces else np.arange(0)

    def kind(self, column: int) -> Kind:
        """Return the kind of a column; the same object for equal specs."""
        spec = self._specs[bisect_right(self._stops, column)]
        key = repr(spec)
        if key not in self._kinds:
            self._kinds[key] = kind_from_spec(spec, self._blob)
        return self._kinds[key]

    def _blob(self, number: int) -> bytes:
        return load_blob(self._source, self._body["blobs"], number)

    def _read(self, columns: Sequence[int], rows: Sequence[Rows]) -> Gather:
        gather = Gather(list(set(columns)), self.kind, sum(r.wanted for r in rows), self.width)
        picks = {number: gather.picks(block) for number, block in enumerate(self._blocks)}
        wanted = [number for number, pick in picks.items() if pick]
        at = 0
        tables: dict[int, dict[int, tuple[Rows, int]]] = {}
        for r in rows:
            tables.setdefault(r.table, {})[r.group] = (r, at)
            at += r.wanted
        for table, groups in tables.items():
            keys = [
                Key(group, number, int(r.total * self._blocks[number].row_bytes))
                for group, (r, _) in groups.items()
                for number in wanted
            ]
            sink = self._sink(gather, picks, groups)
            self._source.fetch(self._body["tables"][table]["i"], keys, sink)
        return gather

    def _sink(
        self,
        gather: Gather,
        picks: dict[int, list[int]],
        groups: dict[int, tuple[Rows, int]],
    ) -> Sink:
        def sink(group: int, number: int, data: bytes) -> None:
            r, at = groups[group]
            gather.add(self._blocks[number], picks[number], data, r.total, at, r.mask)

        return sink

    def _index(self, gather: Gather, selection: Selection | None) -> Any:
        spec = self._body["index"]
        if spec["k"] == "range":
            index = load_range(spec)
            return index if selection is None else index[selection.key]
        arrays = [gather.array(column) for column in self.index_columns]
        return rebuild(spec, arrays, self._blob, step=1 if selection is None else _step(selection))


_HEAD = -1


class _HeadSource(Source):
    """The first rows from the description, all else from where it is."""

    def __init__(self, source: Source, packed: Sequence[bytes]) -> None:
        self._source = source
        self._head = InlineSource([{f"0.{block}": data for block, data in enumerate(packed)}])

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        """Give the chunks to the sink."""
        if segment == _HEAD:
            self._head.fetch(0, keys, sink)
        else:
            self._source.fetch(segment, keys, sink)

    def has_closing(self, segment: int) -> bool:
        """Say that the head has no statistics."""
        return False


def _step(selection: Selection) -> int | None:
    """Return the distance of the wanted rows where it is the same for all, as pandas finds it."""
    if isinstance(selection.key, slice):
        return 1
    places = np.flatnonzero(selection.key)
    if len(places) < 2:
        return 1
    step = int(places[1] - places[0])
    return step if (np.diff(places) == step).all() else None
