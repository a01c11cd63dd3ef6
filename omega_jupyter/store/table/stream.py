"""A part of a table whose rows come frame by frame while it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from threading import Lock
from typing import Any

from omega_jupyter.store.payload.payload import Key
from omega_jupyter.store.table.arrays import concatenated
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.layout import Block, TableSegment, group_rows

__all__ = ["StreamSegment"]

Frame = tuple[int, Sequence[Any]]


class StreamSegment(TableSegment):
    """Row groups that are cut from frames; only those that are being written are held.

    Parameters
    ----------
    kinds : sequence of Kind
        One for each column, those of the row index at the end.
    blocks : sequence of Block
        The cut of the columns.
    held : list of (int, sequence of array)
        Rows and columns of the first frames; emptied.
    frames : iterable of (int, sequence of array)
        Those of the others, read once.
    name : callable
        Names a column for an error.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        blocks: Sequence[Block],
        held: list[Frame],
        frames: Iterable[Frame],
        name: Callable[[int], str],
    ) -> None:
        super().__init__(kinds, [], blocks, [], name)
        self._frames = chain(_emptied(held), frames)
        self._full = group_rows(sum(block.row_bytes for block in blocks))
        self._open: dict[int, tuple[Sequence[Any], int]] = {}
        self._lock = Lock()

    def listed(self) -> Iterator[Key]:
        """Read the frames, and list the chunks of each row group that they fill."""
        for group, (rows, arrays) in enumerate(_cut(self._frames, self._full)):
            self.groups.append(rows)
            self._open[group] = arrays, len(self._blocks)
            for number, block in enumerate(self._blocks):
                yield Key(group, number, int(rows * block.row_bytes))

    def pack(self, group: int, block: int) -> bytes:
        """Make a chunk; with the last one of a row group, its rows are let go."""
        arrays, _ = self._open[group]
        data = self._pack(arrays, group, block, 0)
        with self._lock:
            arrays, left = self._open.pop(group)
            if left > 1:
                self._open[group] = arrays, left - 1
        return data


def _emptied(frames: list[Frame]) -> Iterator[Frame]:
    frames.reverse()
    while frames:
        yield frames.pop()


def _cut(frames: Iterable[Frame], full: int) -> Iterator[Frame]:
    """Cut frames into pieces of `full` rows; the last one may have fewer."""
    waiting: list[Sequence[Any]] = []
    rows = 0
    for count, arrays in frames:
        if count:
            waiting.append(arrays)
            rows += count
        at = 0
        if rows < full:
            continue
        columns = [concatenated(parts) for parts in zip(*waiting, strict=True)]
        while rows - at >= full:
            yield full, [column[at : at + full] for column in columns]
            at += full
        rows -= at
        waiting = [[column[at:] for column in columns]] if rows else []
    if rows:
        yield rows, [concatenated(parts) for parts in zip(*waiting, strict=True)]
