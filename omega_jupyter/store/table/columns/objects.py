"""Columns of Python objects: strings with None and NaN kept apart, typed scalars.

For each column of a chunk there is either an Arrow IPC stream (strings, and
which kind of missing), or a list in typed JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.columns.composite import join_parts, split_parts
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece
from omega_jupyter.store.table.columns.text import (
    arrow_bounds,
    few_values,
    read_batch,
    sampled_bytes,
    write_batch,
)
from omega_jupyter.store.values import typed

__all__ = ["Objects"]

# A list in JSON; an Arrow stream begins with 0xff.
_JSON = ord("[")


class Objects(Kind):
    """The object dtype."""

    code = "o"

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Objects:
        """Describe an object array; its values are looked at when packed."""
        return cls({})

    def row_bytes(self, array: Any) -> float:
        """Estimate from a sample."""
        return sampled_bytes(array, lambda part: len(_pack_column(part)))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write each column on its own."""
        return join_parts([_pack_column(array[start:stop]) for array in arrays])

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect into one object array."""
        return _ObjectCollector(columns, rows)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare texts; other values have no order that is known."""
        bounds = []
        for part in split_parts(data):
            if part[0] == _JSON:
                return None
            bounds.append(arrow_bounds(read_batch(part).column(0)))
        return bounds

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column of texts."""
        return self.pack([np.array([*values, None], dtype=object)[:-1]], 0, len(values))


class _ObjectCollector(Collector):
    def __init__(self, columns: int, rows: int) -> None:
        self._values = np.empty((columns, rows), dtype=object)

    def add(self, piece: Piece, data: bytes) -> None:
        parts = split_parts(data)
        for column, pick in enumerate(piece.pick, piece.to):
            values = _unpack_column(parts[pick])
            if piece.places is not None:
                values = values[piece.places]
            self._values[column, piece.at : piece.at + len(values)] = values

    def finish(self) -> list[Any]:
        return list(self._values)

    def matrix(self) -> Any:
        return self._values


def _pack_column(values: Any) -> bytes:
    types = set(map(type, values))
    missing = _missing_codes(values, types - {str})
    if missing is not None:
        absent = missing > 0
        try:
            text = pa.array(values, pa.large_string(), mask=absent)
        except UnicodeEncodeError:
            pass
        else:
            if absent.any():
                return write_batch([few_values(text), pa.array(missing)], ["v", "m"])
            return write_batch([few_values(text)], ["v"])
    return typed.dumps(list(values)).encode("ascii")


def _missing_codes(values: Any, types: set[type]) -> Any:
    """Return 0 for text, else the number of the missing value; None where there is more."""
    import pandas as pd

    if not types <= {type(None), float, type(pd.NA), type(pd.NaT)}:
        return None
    codes = np.zeros(len(values), np.uint8)
    if not types:
        return codes
    for place, value in enumerate(values):
        if type(value) is str:
            continue
        if value is None:
            codes[place] = 1
        elif value is pd.NA:
            codes[place] = 3
        elif value is pd.NaT:
            codes[place] = 4
        elif type(value) is float and math.isnan(value):
            codes[place] = 2
        else:
            return None
    return codes


def _unpack_column(part: memoryview) -> Any:
    import pandas as pd

    if part[0] == _JSON:
        listed = typed.loads(bytes(part))
        values = np.empty(len(listed), dtype=object)
        # Item by item: numpy would take lists of equal length for a second dimension.
        for place, value in enumerate(listed):
            values[place] = value
        return values
    batch = read_batch(part)
    text = batch.column(0)
    if pa.types.is_dictionary(text.type):
        text = text.dictionary_decode()
    values = text.to_numpy(zero_copy_only=False).astype(object)
    if batch.num_columns > 1:
        codes = batch.column(1).to_numpy()
        for code, missing in enumerate((None, float("nan"), pd.NA, pd.NaT), 1):
            values[codes == code] = missing
    return values
