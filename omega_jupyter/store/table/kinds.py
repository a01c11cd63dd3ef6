"""Kinds of columns: how values become bytes and come back as the same dtype.

A kind packs some consecutive columns of equal dtype, for a range of rows, into
one chunk, and makes the collector that puts chunks together again. Its `spec`
is stored in the table's description.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.values.typed import Refused

__all__ = ["Bounds", "Collector", "Kind", "Piece", "kind_from_spec", "kind_of"]

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

    @abstractmethod
    def collector(self, columns: int, rows: int) -> Collector:
        """Make the collector for so many columns and rows."""

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Return the bounds of each column of a chunk; None where there can be none."""
        return None

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Make the chunk of one column of bounds; None stands for any value."""
        raise NotImplementedError

    def unpack_one(self, data: bytes, rows: int) -> Any:
        """Return the array of a chunk of one column."""
        collector = self.collector(1, rows)
        collector.add(Piece(0, (0,), 1, rows, 0, None), data)
        return collector.finish()[0]


def kind_of(array: Any, blobs: Blobs) -> Kind:
    """Return the kind that keeps an array of pandas or numpy.

    Parameters
    ----------
    array : array
        A one-dimensional numpy array or pandas extension array.
    blobs : Blobs
        Takes what is too large for a spec (categories).

    Raises
    ------
    Refused
        No kind keeps it exactly.
    """
    import numpy as np

    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        name = "object" if dtype.hasobject else "numpy"
    else:
        name = next((c.__name__ for c in type(dtype).__mro__ if c.__name__ in _makers()), "")
    maker = _makers().get(name)
    if maker is None:
        raise Refused(f"has the dtype {dtype}, which can't be stored")
    return maker(array, blobs)


def kind_from_spec(spec: Spec, blob: Callable[[int], bytes]) -> Kind:
    """Return the kind that a description names.

    Parameters
    ----------
    spec : dict
        From a stored description.
    blob : callable
        Returns a blob of the description by its number.
    """
    return _readers()[spec["k"]](spec, blob)


@cache
def _makers() -> dict[str, Callable[[Any, Blobs], Kind]]:
    """Map the class of a dtype to the maker of its kind."""
    from omega_jupyter.store.table import arrow, composite, fixed, objects, text

    return {
        "numpy": fixed.Numbers.of,
        "object": objects.Objects.of,
        "DatetimeTZDtype": fixed.Zoned.of,
        "PeriodDtype": fixed.Periods.of,
        "CategoricalDtype": fixed.Category.of,
        "BaseMaskedDtype": composite.Masked.of,
        "IntervalDtype": composite.Intervals.of,
        "SparseDtype": composite.Sparse.of,
        "StringDtype": text.Text.of,
        "ArrowDtype": arrow.arrow_kind,
    }


@cache
def _readers() -> dict[str, Callable[[Spec, Callable[[int], bytes]], Kind]]:
    """Map the code of a spec to the reader of its kind."""
    from omega_jupyter.store.table import arrow, composite, fixed, objects, text

    return {
        "n": lambda spec, blob: fixed.Numbers(spec),
        "z": lambda spec, blob: fixed.Zoned(spec),
        "p": lambda spec, blob: fixed.Periods(spec),
        "c": fixed.Category.read,
        "l": lambda spec, blob: fixed.Codes(spec),
        "m": lambda spec, blob: composite.Masked(spec),
        "i": composite.Intervals.read,
        "x": lambda spec, blob: composite.Sparse(spec),
        "s": lambda spec, blob: text.Text(spec),
        "a": lambda spec, blob: arrow.Arrow(spec),
        "d": arrow.Dictionary.read,
        "o": lambda spec, blob: objects.Objects(spec),
    }
