"""What a kind of column is: how values become bytes and come back as the same dtype.

A kind packs some consecutive columns of equal dtype, for a range of rows, into
one chunk, and makes the collector that puts chunks together again. Its `spec`
is stored in the table's description.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

__all__ = ["Bounds", "Collector", "Kind", "Piece"]

Spec = dict[str, Any]


class Piece(NamedTuple):
    """Where the columns of one chunk belong.

    Attributes
    ----------
    to : int
        The collector's column that takes the first picked one.
    pick : sequence of int
        Columns of the chunk that are wanted, ascending.
    width : int
        Columns of the chunk.
    rows : int
        Rows of the chunk.
    at : int
        The collector's row that takes the first row.
    places : numpy.ndarray of int, optional
        The rows that are wanted, ascending; None: all.
    """

    to: int
    pick: Sequence[int]
    width: int
    rows: int
    at: int
    places: Any


class Collector(ABC):
    """Puts the chunks of some columns of one kind together; used by several threads."""

    @abstractmethod
    def add(self, piece: Piece, data: bytes) -> None:
        """Take the wanted part of a chunk."""

    @abstractmethod
    def finish(self) -> list[Any]:
        """Return one array for each column."""

    def matrix(self) -> Any:
        """Return a numpy array of shape (columns, rows), or None where the kind has none."""
        return None


class Bounds(NamedTuple):
    """What is known of one column in one row group.

    Attributes
    ----------
    low, high : object
        No value that is there is outside of them. None: unknown.
    nulls : int
        How many values are missing.
    """

    low: Any
    high: Any
    nulls: int


class Kind(ABC):
    """How columns of one dtype are stored.

    Parameters
    ----------
    spec : dict
        BSON-able; ``k`` is the kind's code. Columns of equal spec share blocks.
    """

    code: ClassVar[str]

    def __init__(self, spec: Spec) -> None:
        self.spec = spec | {"k": self.code}

    @abstractmethod
    def row_bytes(self, array: Any) -> float:
        """Estimate the bytes of one row of a column."""

    @abstractmethod
    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Make the chunk of some columns and a range of rows."""

    def pack_plain(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Make a chunk whose length hangs on the numbers of rows and columns alone."""
        raise NotImplementedError

    @abstractmethod
    def collector(self, columns: int, rows: int) -> Collector:
        """Make the collector for so many columns and rows."""

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Return the bounds of each column of a chunk; None where there can be none."""
        return None

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Make the chunk of one column of bounds; None stands for any value."""
        raise NotImplementedError

    def pack_all_bounds(self, columns: Sequence[Sequence[Any]]) -> list[bytes]:
        """Make the chunks of columns of bounds, each as :meth:`pack_bounds` does."""
        return [self.pack_bounds(values) for values in columns]

    def unpack_one(self, data: bytes, rows: int) -> Any:
        """Return the array of a chunk of one column."""
        collector = self.collector(1, rows)
        collector.add(Piece(0, (0,), 1, rows, 0, None), data)
        return collector.finish()[0]
