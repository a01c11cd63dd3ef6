"""Columns of ArrowDtype: any type of Arrow's.

A chunk is an Arrow IPC stream of one record batch. Dictionaries that are small are
in each chunk, as Arrow has them; a large one is kept once, and chunks hold codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.table.columns.text import (
    ArrowCollector,
    arrow_bounds,
    chunked,
    few_values,
    one_chunk,
    read_batch,
    sampled_bytes,
    write_batch,
)
from omega_jupyter.store.values.refused import Refused

__all__ = ["Arrow", "Dictionary", "arrow_kind"]

# Of a dictionary that each row group may repeat.
SMALL_DICTIONARY = 32 << 10


def arrow_kind(array: Any, blobs: Blobs) -> Kind:
    """Return the kind of an Arrow-backed array.

    Raises
    ------
    Refused
        Its type, or its dictionaries together, can't be kept.
    """
    arrow_type = array.dtype.pyarrow_dtype
    schema = pa.schema([pa.field("0", arrow_type)]).serialize().to_pybytes()
    if _read_type(schema) != arrow_type:
        raise Refused(f"has the Arrow type {arrow_type}, which can't be stored")
    if pa.types.is_dictionary(arrow_type):
        dictionary = _dictionary(array)
        if dictionary.nbytes > SMALL_DICTIONARY:
            return Dictionary({"t": schema, "b": blobs.add(write_batch([dictionary]))}, dictionary)
    return Arrow({"t": schema})


def _read_type(schema: bytes) -> Any:
    return pa.ipc.read_schema(pa.py_buffer(schema)).field(0).type


def _dictionary(array: Any) -> Any:
    """Return the one dictionary of all chunks."""
    column = chunked(array)
    if not column.num_chunks:
        return pa.array([], column.type.value_type)
    first = column.chunk(0).dictionary
    if all(chunk.dictionary.equals(first) for chunk in column.chunks):
        return first
    try:
        return column.unify_dictionaries().chunk(0).dictionary
    except pa.ArrowException as error:
        raise Refused(f"has dictionaries that don't go together: {error}") from None


class Arrow(Kind):
    """Arrays as they are; the type is in the spec, as a serialised schema."""

    code = "a"

    def row_bytes(self, array: Any) -> float:
        """Estimate from a sample."""
        return sampled_bytes(array, lambda part: len(self.pack([part], 0, len(part))))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the arrays as they are; texts with few values as a dictionary."""
        try:
            columns = [one_chunk(pa.array(array[start:stop])) for array in arrays]
        except pa.ArrowException as error:
            raise Refused(f"has chunks that don't go together: {error}") from None
        if any(isinstance(column, pa.ChunkedArray) for column in columns):
            raise Refused("has values that are too large for one row group")
        if pa.types.is_string(self.arrow_type) or pa.types.is_large_string(self.arrow_type):
            columns = [few_values(column) for column in columns]
        return write_batch(columns)

    @property
    def arrow_type(self) -> Any:
        """The type of the columns."""
        return _read_type(self.spec["t"])

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare what Arrow can compare."""
        if pa.types.is_dictionary(self.arrow_type) or pa.types.is_nested(self.arrow_type):
            return None
        return [arrow_bounds(column) for column in read_batch(data).columns]

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column."""
        return write_batch([pa.array(values, self.arrow_type)])

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect arrays of the type."""
        import pandas as pd

        arrow_type = self.arrow_type
        return ArrowCollector(pd.ArrowDtype(arrow_type), arrow_type, columns)


class Dictionary(Kind):
    """Arrays with a large dictionary: codes in the chunks, the dictionary in a blob."""

    code = "d"

    def __init__(self, spec: Spec, dictionary: Any) -> None:
        super().__init__(spec)
        self._dictionary = dictionary
        self._type = _read_type(spec["t"])

    @classmethod
    def read(cls, spec: Spec, blob: Callable[[int], bytes]) -> Dictionary:
        """Read the dictionary."""
        return cls(spec, read_batch(blob(spec["b"])).column(0))

    def row_bytes(self, array: Any) -> float:
        """Return the bytes of a code."""
        return float(self._type.index_type.bit_width // 8)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the codes."""
        return write_batch([self._codes(chunked(array[start:stop])) for array in arrays])

    def _codes(self, column: Any) -> Any:
        codes = [self._codes_of(chunk) for chunk in column.chunks]
        return pa.chunked_array(codes, self._type.index_type).combine_chunks()

    def _codes_of(self, chunk: Any) -> Any:
        """Return the codes that a chunk has in the dictionary that is kept."""
        import pyarrow.compute as pc

        if chunk.dictionary.equals(self._dictionary):
            return chunk.indices
        places = pc.index_in(chunk.dictionary, self._dictionary).cast(self._type.index_type)
        codes = places.take(chunk.indices)
        if codes.null_count != chunk.indices.null_count:
            raise Refused("has values that are not in the dictionary that is stored")
        return codes

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect codes."""
        return _DictionaryCollector(self._type, self._dictionary, columns)


class _DictionaryCollector(Collector):
    def __init__(self, arrow_type: Any, dictionary: Any, columns: int) -> None:
        import pandas as pd

        self._type = arrow_type
        self._dictionary = dictionary
        index_type = arrow_type.index_type
        self._codes = ArrowCollector(pd.ArrowDtype(index_type), index_type, columns)

    def add(self, piece: Piece, data: bytes) -> None:
        self._codes.add(piece, data)

    def finish(self) -> list[Any]:
        return [self._with_values(chunked(c)) for c in self._codes.finish()]

    def _with_values(self, codes: Any) -> Any:
        import pandas as pd

        make = pa.DictionaryArray.from_arrays
        chunks = [
            make(chunk, self._dictionary, ordered=self._type.ordered) for chunk in codes.chunks
        ]
        dtype: Any = pd.ArrowDtype(self._type)
        return dtype.__from_arrow__(pa.chunked_array(chunks, self._type))
