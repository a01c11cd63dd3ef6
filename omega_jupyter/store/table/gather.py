"""Collecting the chunks of chosen columns, and making a frame of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.table.columns.kind import Kind, Piece
from omega_jupyter.store.table.layout import Block

__all__ = ["Gather", "make_frame"]


class Gather:
    """Collectors for some columns; columns of equal spec share one.

    Parameters
    ----------
    columns : sequence of int
        The wanted columns, those of the row index too.
    kind : callable
        Returns the kind of a column.
    rows : int
        How many rows are wanted.
    width : int
        The number of data columns; those behind are collected on their own.
    """

    def __init__(
        self, columns: Sequence[int], kind: Callable[[int], Kind], rows: int, width: int
    ) -> None:
        groups: dict[tuple[int, bool], list[int]] = {}
        for column in sorted(columns):
            groups.setdefault((id(kind(column)), column >= width), []).append(column)
        self._groups = list(groups.values())
        self._collectors = [kind(group[0]).collector(len(group), rows) for group in self._groups]
        self._places: dict[int, tuple[int, int]] = {
            column: (number, place)
            for number, group in enumerate(self._groups)
            for place, column in enumerate(group)
        }
        self._finished: dict[int, list[Any]] = {}

    def picks(self, block: Block) -> list[int]:
        """Return the wanted columns of a block, counted within it."""
        return [i for i in range(block.width) if block.first + i in self._places]

    def add(
        self, block: Block, pick: Sequence[int], data: bytes, rows: int, at: int, places: Any
    ) -> None:
        """Take the chunk of a block; `at` is the place of its first wanted row."""
        number, place = self._places[block.first + pick[0]]
        piece = Piece(place, pick, block.width, rows, at, places)
        self._collectors[number].add(piece, data)

    def array(self, column: int) -> Any:
        """Return one column."""
        number, place = self._places[column]
        if number not in self._finished:
            self._finished[number] = self._collectors[number].finish()
        return self._finished[number][place]

    def blocks(self, places: Mapping[int, int]) -> list[tuple[Any, Any]]:
        """Return arrays with their places in the frame, as pandas wants them.

        Parameters
        ----------
        places : mapping
            Column to its place in the frame.
        """
        blocks: list[tuple[Any, Any]] = []
        for group, collector in zip(self._groups, self._collectors, strict=True):
            if group[0] not in places:
                continue
            matrix = collector.matrix()
            if matrix is not None:
                blocks.append((matrix, np.array([places[column] for column in group])))
            else:
                blocks += [(self.array(c), np.array([places[c]])) for c in group]
        return blocks


def make_frame(blocks: list[tuple[Any, Any]], index: Any, labels: Any) -> Any:
    """Make a DataFrame of arrays without copying them.

    Parameters
    ----------
    blocks : list of (array, places)
        Of shape (columns, rows), or a one-dimensional extension array.
    index, labels : pandas.Index
        Of the rows and of the columns.
    """
    import pandas as pd

    # Without type stubs, and new in pandas 3.
    internals: Any = getattr(pd.api, "internals", None)
    if internals is not None:
        return internals.create_dataframe_from_blocks(blocks, index, labels)
    columns: dict[int, Any] = {}
    for array, places in blocks:
        rows = array if array.ndim == 2 else [array]
        for place, row in zip(places.tolist(), rows, strict=True):
            # With its dtype: pandas would take objects that are all times for times.
            columns[place] = pd.Series(row, index, dtype=row.dtype, copy=False)
    ordered = {place: columns[place] for place in sorted(columns)}
    frame = pd.DataFrame(ordered, index=index, copy=False)
    frame.columns = labels
    return frame
