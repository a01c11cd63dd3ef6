"""Columns of fixed width: numpy's own types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.values.dtype import describe_dtype, read_dtype
from omega_jupyter.store.values.refused import Refused

__all__ = ["FixedCollector", "Numbers", "fixed_bounds", "pack_fixed", "pack_values"]


class FixedCollector(Collector):
    """Copies chunks into one array of shape (columns, rows).

    One large array is taken in huge pages; keeping the chunks' own buffers
    costs several times as much in page faults.
    """

    def __init__(self, dtype: Any, columns: int, rows: int) -> None:
        self.values = np.empty((columns, rows), dtype)

    def add(self, piece: Piece, data: bytes) -> None:
        """Copy the wanted columns and rows."""
        source = np.frombuffer(data, self._stored(piece, data)).reshape(piece.width, piece.rows)
        self.put(piece, source)

    def put(self, piece: Piece, source: Any) -> None:
        """Copy the wanted columns and rows of an array of shape (width, rows)."""
        if len(piece.pick) != piece.width:
            source = source[list(piece.pick)]
        if piece.places is not None:
            source = source.take(piece.places, axis=1)
        to, at = piece.to, piece.at
        self.values[to : to + len(source), at : at + source.shape[1]] = source

    def finish(self) -> list[Any]:
        """Return one view for each column."""
        return list(self.values)

    def matrix(self) -> Any:
        """Return the array."""
        return self.values

    def _stored(self, piece: Piece, data: bytes) -> Any:
        return self.values.dtype


class Numbers(Kind):
    """Any numpy dtype but object, as raw bytes."""

    code = "n"

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.dtype = read_dtype(spec["t"])

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Numbers:
        """Describe a numpy array."""
        if array.dtype.names is not None or array.dtype.itemsize == 0:
            raise Refused(f"has the numpy dtype {array.dtype}, which can't be stored in a column")
        if array.dtype.metadata:
            raise Refused(f"has a dtype with metadata ({dict(array.dtype.metadata)!r})")
        return cls({"t": describe_dtype(array.dtype)})

    def row_bytes(self, array: Any) -> float:
        """Return the item size."""
        return float(self.dtype.itemsize)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the columns one after the other."""
        return pack_fixed(arrays, start, stop)

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect into one array."""
        return FixedCollector(self.dtype, columns, rows)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare all that has an order."""
        if self.dtype.kind not in "biufmM" or not rows:
            return None
        return fixed_bounds(np.frombuffer(data, self.dtype).reshape(width, rows))

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column."""
        return pack_values(values, self.dtype)


def fixed_bounds(values: Any) -> list[Bounds]:
    """Return the bounds of each row of an array of shape (columns, rows), NaN and NaT left out."""
    lows, highs = values.min(axis=1), values.max(axis=1)
    if values.dtype.kind not in "fmM":
        return [Bounds(low, high, 0) for low, high in zip(lows, highs, strict=True)]
    bounds = []
    for column, low, high in zip(values, lows, highs, strict=True):
        # NaN and NaT spread, so that their absence is known without another look.
        if np.isnan(low):
            nulls = int(np.count_nonzero(np.isnan(column)))
            bounds.append(Bounds(np.fmin.reduce(column), np.fmax.reduce(column), nulls))
        else:
            bounds.append(Bounds(low, high, 0))
    return bounds


def pack_values(values: Sequence[Any], dtype: Any) -> bytes:
    """Write bounds as one column; zero where unknown."""
    zero = np.zeros((), dtype)[()]
    packed = np.array([zero if value is None else value for value in values], dtype)
    return packed.tobytes()


def pack_fixed(arrays: Sequence[Any], start: int, stop: int) -> bytes:
    """Write the columns of numpy one after the other."""
    if len(arrays) == 1:
        packed: bytes = arrays[0][start:stop].tobytes()
        return packed
    block = np.empty((len(arrays), stop - start), arrays[0].dtype)
    for row, array in zip(block, arrays, strict=True):
        row[:] = array[start:stop]
    return block.tobytes()
