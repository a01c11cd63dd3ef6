"""Columns of strings, of every flavour, and what they share with Arrow's columns.

A chunk of strings has their lengths and their texts. One of all else that is Arrow's is
an IPC stream of one record batch. Strings with few values in a chunk are dictionary
encoded there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.columns.extremes import lowest_and_highest
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece
from omega_jupyter.store.table.columns.texts import TEXTS, pack_texts, unpack_texts
from omega_jupyter.store.values import typed

__all__ = [
    "ArrowCollector",
    "Text",
    "arrow_bounds",
    "chunked",
    "few_values",
    "one_chunk",
    "read_batch",
    "sampled_bytes",
    "write_batch",
]

_SAMPLE = 1024
_FEW = 256
# Bounds of longer texts are cut.
_LONGEST = 64


def write_batch(columns: Sequence[Any], names: Sequence[str] | None = None) -> bytes:
    """Write arrays of equal length as an IPC stream of one record batch."""
    batch = pa.record_batch(list(columns), names=names or [str(i) for i in range(len(columns))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_batch(data: bytes | memoryview) -> Any:
    """Read the record batch of an IPC stream; its arrays refer to `data`."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_next_batch()


def chunked(values: Any) -> Any:
    """Return an extension array of pandas, or an array of Arrow's, in chunks."""
    found = pa.array(values)
    # Not chunked_array(found): that goes through C, where zero bytes end a name.
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def few_values(array: Any) -> Any:
    """Encode strings as a dictionary where they have few values."""
    if len(array) < _SAMPLE or len(array[:_SAMPLE].dictionary_encode().dictionary) > _FEW // 2:
        return array
    encoded = array.dictionary_encode()
    if len(encoded.dictionary) > _FEW:
        return array
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.uint8()), encoded.dictionary)


def one_chunk(values: Any) -> Any:
    """Return an array of Arrow's; of one that is too large for that still its chunks."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def arrow_bounds(array: Any) -> Bounds:
    """Return the bounds of an Arrow array; unknown where its type has no order."""
    nulls = int(array.null_count)
    values = array.dictionary if pa.types.is_dictionary(array.type) else array
    try:
        low, high = lowest_and_highest(values)
    except pa.ArrowNotImplementedError:
        return Bounds(None, None, nulls)
    if not low.is_valid:
        return Bounds(None, None, nulls)
    if isinstance(low, pa.StringScalar | pa.LargeStringScalar):
        return Bounds(low.as_py()[:_LONGEST], _upper(high.as_py()), nulls)
    # As they are: Python's own times are coarser, and end with the year 9999.
    return Bounds(low, high, nulls)


def _upper(text: str) -> str | None:
    """Shorten a text to one that is not before it."""
    if len(text) <= _LONGEST:
        return text
    last = chr(0x10FFFF)
    return None if text[_LONGEST] == last else text[:_LONGEST] + last


def _taken(array: Any, places: Any) -> Any:
    """Return the values at some places, ascending."""
    try:
        return array.take(pa.array(places))
    except pa.ArrowNotImplementedError:
        # Of views, within lists too. Runs of consecutive places are slices of any type.
        breaks = np.flatnonzero(np.diff(places) != 1) + 1
        runs = [array[run[0] : run[-1] + 1] for run in np.split(places, breaks) if len(run)]
        return pa.concat_arrays(runs) if runs else array[:0]


def _columns(data: bytes, rows: int) -> list[Any]:
    """Return the arrays of a chunk."""
    if data[:1] == TEXTS:
        return unpack_texts(data, rows)
    columns: list[Any] = read_batch(data).columns
    return columns


class ArrowCollector(Collector):
    """Keeps the arrays of each column by row; they are joined without copying."""

    def __init__(self, dtype: Any, arrow_type: Any, columns: int) -> None:
        self._dtype = dtype
        self._type = arrow_type
        self._pieces: list[dict[int, Any]] = [{} for _ in range(columns)]

    def add(self, piece: Piece, data: bytes) -> None:
        """Keep the wanted part of the arrays."""
        if data[:1] == b"[":
            self._add_json(piece, data)
            return
        columns = _columns(data, piece.rows)
        for column, pick in enumerate(piece.pick, piece.to):
            array = columns[pick]
            if piece.places is not None:
                array = _taken(array, piece.places)
            self._pieces[column][piece.at] = (
                array if array.type == self._type else self._plain(array)
            )

    def _plain(self, array: Any) -> Any:
        return array.dictionary_decode().cast(self._type)

    def _add_json(self, piece: Piece, data: bytes) -> None:
        columns = typed.loads(data)
        for column, pick in enumerate(piece.pick, piece.to):
            values = np.array([*columns[pick], None], dtype=object)[:-1]
            self._pieces[column][piece.at] = (
                values if piece.places is None else values[piece.places]
            )

    def finish(self) -> list[Any]:
        """Join the arrays of each column."""
        return [self._finish_one([pieces[at] for at in sorted(pieces)]) for pieces in self._pieces]

    def _finish_one(self, pieces: list[Any]) -> Any:
        import pandas as pd

        if any(isinstance(piece, np.ndarray) for piece in pieces):
            plain = [
                piece if isinstance(piece, np.ndarray) else piece.to_numpy(False)
                for piece in pieces
            ]
            return pd.array(np.concatenate(plain), dtype=self._dtype)
        return self._dtype.__from_arrow__(pa.chunked_array(pieces, type=self._type))


class Text(Kind):
    """The string dtypes of pandas: each storage, each missing value."""

    code = "s"

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Text:
        """Describe a string array."""
        import pandas as pd

        missing = "NA" if array.dtype.na_value is pd.NA else "nan"
        return cls({"st": array.dtype.storage, "na": missing})

    def row_bytes(self, array: Any) -> float:
        """Estimate from a sample."""
        return sampled_bytes(array, lambda part: len(self.pack([part], 0, len(part))))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write lengths and texts, or a dictionary; typed JSON where one is not valid Unicode."""
        parts = [array[start:stop] for array in arrays]
        try:
            columns = [one_chunk(pa.array(part, pa.large_string())) for part in parts]
        except UnicodeEncodeError:
            lists = [[None if missing else value for value, missing in _pairs(p)] for p in parts]
            return typed.dumps(lists).encode("ascii")
        encoded = [few_values(column) for column in columns]
        few = any(pa.types.is_dictionary(column.type) for column in encoded)
        return write_batch(encoded) if few else pack_texts(columns)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare the texts."""
        if data[:1] == b"[":
            return None
        return [arrow_bounds(column) for column in _columns(data, rows)]

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column of texts."""
        return write_batch([pa.array(values, pa.large_string())])

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect large strings."""
        import pandas as pd

        missing = pd.NA if self.spec["na"] == "NA" else np.nan
        dtype = pd.StringDtype(self.spec["st"], na_value=missing)
        return ArrowCollector(dtype, pa.large_string(), columns)


def _pairs(part: Any) -> Any:
    return zip(part, part.isna(), strict=True)


def sampled_bytes(array: Any, measure: Any) -> float:
    """Estimate the bytes of a row from up to 256 rows, taken evenly."""
    try:
        sample = array[:: max(1, len(array) // 256)]
    except pa.ArrowNotImplementedError:
        # Of views, within lists too.
        sample = array[:256]
    if len(sample) < 2:
        return 1.0
    # A stream's own schema is not the rows' fault. Not an empty slice: Arrow writes all of its
    # array's offsets.
    rows = measure(sample) - measure(sample[:1])
    return max(1.0, float(rows) / (len(sample) - 1))
