"""Columns made of several arrays: values and mask, two bounds, values and places."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.arrays import plain_array
from omega_jupyter.store.table.columns.fixed import (
    FixedCollector,
    fixed_bounds,
    pack_narrow,
    pack_values,
)
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.table.columns.narrow import narrow_bytes
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = ["Intervals", "Masked", "Sparse", "join_parts", "split_parts"]


class Masked(Kind):
    """Nullable Int, UInt, Float and boolean: values, then one bit for each missing."""

    code = "m"

    def __init__(self, spec: Spec) -> None:
        import pandas as pd

        super().__init__(spec)
        dtype: Any = pd.api.types.pandas_dtype(spec["t"])
        self._dtype = dtype
        self.numpy_dtype = np.dtype(dtype.numpy_dtype)

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Masked:
        """Describe a masked array."""
        return cls({"t": array.dtype.name})

    def row_bytes(self, array: Any) -> float:
        """Return the item size and one bit."""
        return narrow_bytes(array, self.numpy_dtype, self._values) + 0.125

    def _values(self, part: Any) -> Any:
        return part.to_numpy(self.numpy_dtype, na_value=self.numpy_dtype.type(0))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the values of all columns (zero where missing), then the masks."""
        parts = [array[start:stop] for array in arrays]
        masks = np.array([part.isna() for part in parts]).reshape(len(parts), stop - start)
        values = [self._values(part) for part in parts]
        return pack_narrow(values) + np.packbits(masks, axis=1).tobytes()

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect values and masks."""
        return _MaskedCollector(self._dtype, self.numpy_dtype, columns, rows)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare the values that are there."""
        if not rows:
            return None
        collector = _MaskedCollector(self._dtype, self.numpy_dtype, width, rows)
        collector.add(Piece(0, range(width), width, rows, 0, None), data)
        bounds = []
        for column, mask in zip(collector.values, collector.masks, strict=True):
            present = column[~mask]
            if len(present):
                low, high, _ = fixed_bounds(present[np.newaxis])[0]
                bounds.append(Bounds(low, high, rows - len(present)))
            else:
                bounds.append(Bounds(None, None, rows))
        return bounds

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column without missing values."""
        return pack_values(values, self.numpy_dtype) + bytes(-(-len(values) // 8))


class _MaskedCollector(Collector):
    def __init__(self, dtype: Any, numpy_dtype: Any, columns: int, rows: int) -> None:
        self._dtype = dtype
        self._values = FixedCollector(numpy_dtype, columns, rows)
        self._masks = FixedCollector(np.dtype(bool), columns, rows)

    def add(self, piece: Piece, data: bytes) -> None:
        view = memoryview(data)
        size = len(view) - piece.width * -(-piece.rows // 8)
        self._values.add(piece, view[:size])
        packed = np.frombuffer(view[size:], np.uint8).reshape(piece.width, -(-piece.rows // 8))
        masks = np.unpackbits(packed, axis=1, count=piece.rows).view(bool)
        self._masks.put(piece, masks.reshape(piece.width, piece.rows))

    @property
    def values(self) -> Any:
        """The values, of shape (columns, rows)."""
        return self._values.values

    @property
    def masks(self) -> Any:
        """What is missing of them."""
        return self._masks.values

    def finish(self) -> list[Any]:
        make = self._dtype.construct_array_type()
        pairs = zip(self.values, self.masks, strict=True)
        return [make(values, mask) for values, mask in pairs]


class Intervals(Kind):
    """Intervals: the left bounds of all columns, then the right ones."""

    code = "i"

    def __init__(self, spec: Spec, bounds: Kind) -> None:
        super().__init__(spec)
        self._bounds = bounds

    @classmethod
    def of(cls, array: Any, bounds: Kind) -> Intervals:
        """Describe an interval array; `bounds` keeps its bounds."""
        return cls({"closed": array.closed, "sub": bounds.spec}, bounds)

    def row_bytes(self, array: Any) -> float:
        """Return twice the item size."""
        return 2 * float(plain_array(array.left[:1]).dtype.itemsize)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write left and right bounds."""
        parts = [array[start:stop] for array in arrays]
        # As they are: both of one length, so that it is known where the right ones begin.
        lefts = self._bounds.pack_plain([plain_array(part.left) for part in parts], 0, stop - start)
        rights = self._bounds.pack_plain(
            [plain_array(part.right) for part in parts], 0, stop - start
        )
        return lefts + rights

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect both bounds."""
        pair = self._bounds.collector(columns, rows), self._bounds.collector(columns, rows)
        return _IntervalCollector(*pair, self.spec["closed"])


class _IntervalCollector(Collector):
    def __init__(self, left: Collector, right: Collector, closed: Any) -> None:
        self._left = left
        self._right = right
        self._closed = closed

    def add(self, piece: Piece, data: bytes) -> None:
        half = len(data) // 2
        self._left.add(piece, data[:half])
        self._right.add(piece, data[half:])

    def finish(self) -> list[Any]:
        import pandas as pd

        make = pd.arrays.IntervalArray.from_arrays
        pairs = zip(self._left.finish(), self._right.finish(), strict=True)
        return [make(left, right, closed=self._closed) for left, right in pairs]


class Sparse(Kind):
    """pandas' sparse columns: for each the count, the places, the values that are not filled."""

    code = "x"

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self._dtype = np.dtype(spec["t"])

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Sparse:
        """Describe a sparse array."""
        if array.dtype.subtype.hasobject:
            raise Refused(f"has the dtype {array.dtype}, which can't be stored")
        fill = typed.dumps(array.dtype.fill_value)
        return cls({"t": array.dtype.subtype.str, "fill": fill, "index": array.kind})

    def row_bytes(self, array: Any) -> float:
        """Return the bytes of a filled place, weighed by their share."""
        return max(0.01, float(array.density)) * (self._dtype.itemsize + 4) if len(array) else 1.0

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write each column's places and values."""
        return join_parts([self._pack_one(array[start:stop]) for array in arrays])

    def _pack_one(self, part: Any) -> bytes:
        places = part.sp_index.indices.astype("<u4").tobytes()
        values = np.asarray(part.sp_values, dtype=self._dtype).tobytes()
        packed: bytes = struct.pack("<Q", len(places) // 4) + places + values
        return packed

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect dense columns, made sparse at the end."""
        return _SparseCollector(self.spec, self._dtype, columns, rows)


class _SparseCollector(Collector):
    def __init__(self, spec: Spec, dtype: Any, columns: int, rows: int) -> None:
        self._fill = typed.loads(spec["fill"])
        self._spec = spec
        self._values = np.full((columns, rows), self._fill, dtype)

    def add(self, piece: Piece, data: bytes) -> None:
        parts = split_parts(data)
        for column, pick in enumerate(piece.pick, piece.to):
            (count,) = struct.unpack_from("<Q", parts[pick])
            places = np.frombuffer(parts[pick], "<u4", count, 8)
            dense = np.full(piece.rows, self._fill, self._values.dtype)
            dense[places] = np.frombuffer(parts[pick], dense.dtype, count, 8 + 4 * count)
            if piece.places is not None:
                dense = dense[piece.places]
            self._values[column, piece.at : piece.at + len(dense)] = dense

    def finish(self) -> list[Any]:
        import pandas as pd

        dtype = pd.SparseDtype(self._values.dtype, self._fill)
        make = pd.arrays.SparseArray
        return [make(v, kind=self._spec["index"], dtype=dtype) for v in self._values]


def join_parts(parts: Sequence[bytes]) -> bytes:
    """Write byte strings behind their number and lengths."""
    lengths = [len(part) for part in parts]
    return struct.pack(f"<{len(parts) + 1}Q", len(parts), *lengths) + b"".join(parts)


def split_parts(data: bytes) -> list[memoryview]:
    """Take apart what :func:`join_parts` wrote."""
    (count,) = struct.unpack_from("<Q", data)
    at = 8 * (count + 1)
    parts = []
    for length in struct.unpack_from(f"<{count}Q", data, 8):
        parts.append(memoryview(data)[at : at + length])
        at += length
    return parts
