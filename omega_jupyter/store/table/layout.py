"""How a table is cut: row groups, and blocks of consecutive columns of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import Key, Segment
from omega_jupyter.store.table.columns.kind import Bounds, Kind
from omega_jupyter.store.table.zones import ZONE_GROUP, dump_zones, zone_width
from omega_jupyter.store.values.refused import Refused

__all__ = [
    "GROUP_BYTES",
    "KEEP_HINT",
    "Block",
    "TableSegment",
    "blocks_of",
    "group_rows",
    "runs_of",
]

# Sized by bytes, so that a filter on a wide table reads little of it.
GROUP_BYTES = 8 << 20
MIN_GROUP_ROWS, MAX_GROUP_ROWS = 1024, 65_536
BLOCK_BYTES = 256 << 10

KEEP_HINT = "convert it or leave it out: nothing is stored that would come back changed"


class Block(NamedTuple):
    """Consecutive columns that share a chunk in each row group.

    Attributes
    ----------
    first, width : int
        Columns, those of the row index behind the data's.
    row_bytes : float
        Expected bytes of a row of it.
    """

    first: int
    width: int
    row_bytes: float


def group_rows(row_bytes: float) -> int:
    """Return how many rows a full row group has."""
    return int(min(max(GROUP_BYTES / max(row_bytes, 1e-3), MIN_GROUP_ROWS), MAX_GROUP_ROWS))


def runs_of(kinds: Sequence[Kind]) -> list[list[Any]]:
    """Return ``[[run, spec], ...]``: kinds in run-length form."""
    runs: list[list[Any]] = []
    for kind in kinds:
        if runs and runs[-1][1] == kind.spec:
            runs[-1][0] += 1
        else:
            runs.append([1, kind.spec])
    return runs


def blocks_of(runs: Sequence[Sequence[Any]], row_bytes: Sequence[float], rows: int) -> list[Block]:
    """Cut columns into blocks of at most 256 KiB per full row group, but at least a column."""
    blocks = []
    first = 0
    for run, _ in runs:
        stop = first + run
        while first < stop:
            count, total = 1, row_bytes[first]
            while first + count < stop and (total + row_bytes[first + count]) * rows <= BLOCK_BYTES:
                total += row_bytes[first + count]
                count += 1
            blocks.append(Block(first, count, total))
            first += count
    return blocks


class TableSegment(Segment):
    """The rows of a table as chunks: row group by row group, block by block.

    Parameters
    ----------
    kinds, arrays : sequence
        One for each column, those of the row index at the end.
    blocks : sequence of Block
        The cut of the columns.
    groups : sequence of int
        The rows of each row group.
    name : callable
        Names a column for an error.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        arrays: Sequence[Any],
        blocks: Sequence[Block],
        groups: Sequence[int],
        name: Callable[[int], str],
    ) -> None:
        self._kinds = kinds
        self._arrays = arrays
        self._blocks = blocks
        self._name = name
        self._bounds: dict[tuple[int, int], list[Bounds]] = {}
        self.groups = list(groups)
        self._starts = [0]
        for rows in groups:
            self._starts.append(self._starts[-1] + rows)

    @property
    def size(self) -> int:
        """Expected bytes of all chunks."""
        return int(sum(self.groups) * sum(block.row_bytes for block in self._blocks))

    def listed(self) -> Iterator[Key]:
        """List the chunks, row group by row group."""
        for group, rows in enumerate(self.groups):
            for number, block in enumerate(self._blocks):
                yield Key(group, number, int(rows * block.row_bytes))

    def pack(self, group: int, block: int) -> bytes:
        """Make the chunk of a block and a row group."""
        return self._pack(self._arrays, group, block, self._starts[group])

    def _pack(self, arrays: Sequence[Any], group: int, block: int, start: int) -> bytes:
        rows = self.groups[group]
        data = self._pack_rows(arrays, block, start, start + rows)
        first, count, _ = self._blocks[block]
        bounds = self._kinds[first].bounds(data, count, rows)
        if bounds is not None:
            self._bounds[group, block] = bounds
        return data

    def closing(self) -> Iterable[tuple[int, int, bytes]]:
        """Make the zone maps of what was packed."""
        import bson

        width = zone_width(len(self.groups))
        columns: list[list[Bounds | None]] = []
        for number, block in enumerate(self._blocks):
            of_groups = [self._bounds.get((g, number)) for g in range(len(self.groups))]
            columns += [
                [None if b is None else b[i] for b in of_groups] for i in range(block.width)
            ]
        for place, at in enumerate(range(0, len(columns), width)):
            zones = dump_zones(self._kinds[at : at + width], columns[at : at + width])
            yield ZONE_GROUP, place, bson.encode(zones)

    def pack_rows(self, block: int, start: int, stop: int) -> bytes:
        """Make the chunk of a block and any range of rows."""
        return self._pack_rows(self._arrays, block, start, stop)

    def _pack_rows(self, arrays: Sequence[Any], block: int, start: int, stop: int) -> bytes:
        first, count, _ = self._blocks[block]
        columns = arrays[first : first + count]
        try:
            return self._kinds[first].pack(columns, start, stop)
        except Refused as error:
            raise self._refusal(columns, block, start, stop, str(error)) from None

    def _refusal(
        self, columns: Sequence[Any], block: int, start: int, stop: int, reason: str
    ) -> Invalid:
        """Find the column of a block that can't be kept."""
        first = self._blocks[block].first
        for column, array in enumerate(columns, first):
            try:
                self._kinds[column].pack([array], start, stop)
            except Refused as error:
                return Invalid(f"{self._name(column)} {error}", hint=KEEP_HINT)
        return Invalid(f"{self._name(first)} {reason}", hint=KEEP_HINT)
