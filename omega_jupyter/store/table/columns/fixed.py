"""Columns of fixed width: numpy's own types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.arrays import empty_array
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.table.columns.narrow import (
    Narrowed,
    can_narrow,
    narrow,
    narrow_bytes,
    widen,
)
from omega_jupyter.store.values.dtype import describe_dtype, read_dtype
from omega_jupyter.store.values.refused import Refused

__all__ = [
    "FixedCollector",
    "Numbers",
    "fixed_bounds",
    "pack_fixed",
    "pack_narrow",
    "pack_values",
    "packed_bounds",
]


class FixedCollector(Collector):
    """Copies chunks into one array of shape (columns, rows).

    One large array is taken in huge pages; keeping the chunks' own buffers
    costs several times as much in page faults.
    """

    def __init__(self, dtype: Any, columns: int, rows: int) -> None:
        self.values = empty_array((columns, rows), dtype)

    def add(self, piece: Piece, data: bytes | memoryview) -> None:
        """Copy the wanted columns and rows."""
        narrowed = self._narrowed(piece, data)
        if narrowed is None:
            source = np.frombuffer(data, self._stored(piece, data))
            self.put(piece, source.reshape(piece.width, piece.rows))
        else:
            counts = _wanted(piece, narrowed.counts)
            narrowed.of(piece.pick, counts).put(self._target(piece, counts))

    def put(self, piece: Piece, source: Any) -> None:
        """Copy the wanted columns and rows of an array of shape (width, rows)."""
        source = _wanted(piece, source)
        self._target(piece, source)[:] = source

    def finish(self) -> list[Any]:
        """Return one view for each column."""
        return list(self.values)

    def matrix(self) -> Any:
        """Return the array."""
        return self.values

    def _target(self, piece: Piece, source: Any) -> Any:
        to, at = piece.to, piece.at
        return self.values[to : to + len(source), at : at + source.shape[1]]

    def _narrowed(self, piece: Piece, data: bytes | memoryview) -> Narrowed | None:
        return widen(data, self.values.dtype, piece.width, piece.rows)

    def _stored(self, piece: Piece, data: bytes | memoryview) -> Any:
        return self.values.dtype


def _wanted(piece: Piece, source: Any) -> Any:
    """Return the wanted columns and rows of an array of shape (width, rows)."""
    if len(piece.pick) != piece.width:
        source = source[list(piece.pick)]
    return source if piece.places is None else source.take(piece.places, axis=1)


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
        """Return the item size, or what is expected of narrowed values."""
        return narrow_bytes(array, self.dtype, lambda part: part)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the columns one after the other; integers and times narrowed where that saves."""
        return pack_narrow([array[start:stop] for array in arrays])

    def pack_plain(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the columns one after the other as they are."""
        return pack_fixed(arrays, start, stop)

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect into one array."""
        return FixedCollector(self.dtype, columns, rows)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare all that has an order."""
        if self.dtype.kind not in "biufmM" or not rows:
            return None
        return packed_bounds(data, self.dtype, width, rows)

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column."""
        return pack_values(values, self.dtype)

    def pack_all_bounds(self, columns: Sequence[Sequence[Any]]) -> list[bytes]:
        """Write columns of equal length; at once where that can be, since wide tables have many."""
        if not columns or any(value is None for values in columns for value in values):
            return super().pack_all_bounds(columns)
        return [row.tobytes() for row in np.array(columns, self.dtype)]


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


def packed_bounds(data: bytes, dtype: Any, width: int, rows: int) -> list[Bounds]:
    """Return the bounds of each column of a chunk, narrowed or not."""
    narrowed = widen(data, dtype, width, rows)
    if narrowed is None:
        return fixed_bounds(np.frombuffer(data, dtype).reshape(width, rows))
    return [Bounds(low, high, 0) for low, high in zip(*narrowed.bounds(dtype), strict=True)]


def pack_values(values: Sequence[Any], dtype: Any) -> bytes:
    """Write bounds as one column; zero where unknown."""
    zero = np.zeros((), dtype)[()]
    packed = np.array([zero if value is None else value for value in values], dtype)
    return packed.tobytes()


def pack_narrow(columns: Sequence[Any]) -> bytes:
    """Write the columns of numpy one after the other, narrowed where that takes fewer bytes."""
    packed = narrow(columns) if can_narrow(columns[0].dtype) else None
    return pack_fixed(columns, 0, len(columns[0])) if packed is None else packed


def pack_fixed(arrays: Sequence[Any], start: int, stop: int) -> bytes:
    """Write the columns of numpy one after the other."""
    if len(arrays) == 1:
        packed: bytes = arrays[0][start:stop].tobytes()
        return packed
    block = np.empty((len(arrays), stop - start), arrays[0].dtype)
    for row, array in zip(block, arrays, strict=True):
        row[:] = array[start:stop]
    return block.tobytes()
