"""Parquet and Arrow files (Feather), read batch by batch as pandas reads them whole.

What a column becomes in pandas may hang on all of its rows: integers are floats
where one is missing, and categories are those of all batches. So that is found out
first, from the file's statistics where it has them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

__all__ = ["ArrowFile", "Dictionaries", "FeatherFile", "ParquetFile", "to_pandas"]

BATCH_ROWS = 65_536
MIN_BATCH_ROWS = 1024
BATCH_BYTES = 16 << 20


class ArrowFile(ABC):
    """A file of record batches.

    Attributes
    ----------
    schema : pyarrow.Schema
    rows : int
    """

    schema: Any
    rows: int

    @abstractmethod
    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Any]:
        """Read the record batches; of some columns alone where only they are wanted."""

    def has_nulls(self, column: int) -> bool | None:
        """Say whether a value is missing in a column; None where the file does not tell."""
        return None

    def frames(self) -> Iterator[Any]:
        """Read frames whose dtypes, categories and row index are those of the whole.

        Yields
        ------
        pandas.DataFrame
            At least one, which may have no rows.
        """
        survey = _Survey(self)
        at = 0
        for batch in self.batches():
            if not len(batch):
                continue
            frame = survey.frame(pa.Table.from_batches([batch]))
            if survey.index is not None:
                frame.index = survey.index[at : at + len(frame)]
            at += len(frame)
            yield frame
        if not at:
            yield survey.frame(self.schema.empty_table())


class ParquetFile(ArrowFile):
    """A Parquet file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path)
        self.schema = self._file.schema_arrow
        self.rows = int(self._file.metadata.num_rows)
        metadata = self._file.metadata
        size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
        fit = int(BATCH_BYTES * self.rows / max(size, 1))
        self._batch = min(max(fit, MIN_BATCH_ROWS), BATCH_ROWS)
        # Only plain columns have one entry in the statistics, at the same place.
        self._flat = metadata.num_columns == len(self.schema)

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Any]:
        """Read batches of about 16 MiB."""
        names = None if columns is None else [self.schema.names[n] for n in columns]
        yield from self._file.iter_batches(self._batch, columns=names)

    def has_nulls(self, column: int) -> bool | None:
        """Ask the statistics of the row groups."""
        if not self._flat:
            return None
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            known = metadata.row_group(group).column(column).statistics
            if known is None or not known.has_null_count:
                return None
            if known.null_count:
                return True
        return False


class FeatherFile(ArrowFile):
    """An Arrow file, which Feather (version 2) is.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        from pyarrow.dataset import dataset

        # Not mapped, since the pages of a map count as this process's memory.
        self._file = pa.OSFile(str(path))
        reader = pa.ipc.open_file(self._file)
        self.schema = reader.schema
        # From the batches' heads alone: nothing is decompressed.
        self.rows = int(dataset(path, format="feather").count_rows())

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[Any]:
        """Read the batches as they were written, cut to 65,536 rows."""
        options = pa.ipc.IpcReadOptions(included_fields=None if columns is None else list(columns))
        reader = pa.ipc.open_file(self._file, options=options)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            for at in range(0, len(batch), BATCH_ROWS):
                yield batch.slice(at, BATCH_ROWS)


class _Survey:
    """What has to be known of all rows before the first ones can be given.

    Attributes
    ----------
    index : pandas.RangeIndex, optional
        The row index, where no columns hold it.
    """

    def __init__(self, file: ArrowFile) -> None:
        schema = file.schema
        hangs = [n for n, field in enumerate(schema) if _hangs_on_nulls(field.type)]
        missing = {n: file.has_nulls(n) for n in hangs}
        coded = [n for n, field in enumerate(schema) if pa.types.is_dictionary(field.type)]
        unknown = [n for n in hangs if missing[n] is None]
        seen: dict[int, list[Any]] = {n: [] for n in coded}
        first = None
        if coded or unknown:
            columns = sorted({*coded, *unknown})
            for batch in file.batches(columns):
                for number, column in zip(columns, batch.columns, strict=True):
                    if number in seen:
                        _add_dictionary(seen[number], column)
                    else:
                        missing[number] = bool(missing[number]) or column.null_count > 0
        known = {n: _unified(pieces) for n, pieces in seen.items() if pieces}
        self._dictionaries = Dictionaries(known)
        first = next((batch for batch in file.batches() if len(batch)), None)
        self.index = _range_of(schema, file.rows)
        self._like: Any = None
        if first is not None:
            row = self._dictionaries.coded(pa.Table.from_batches([first.slice(0, 1)]))
            for number in hangs:
                if missing[number]:
                    row = row.set_column(
                        number, schema.field(number), pa.nulls(1, schema.field(number).type)
                    )
            self._like = to_pandas(row)

    def frame(self, table: Any) -> Any:
        """Return some rows as pandas would have them among all."""
        frame = to_pandas(self._dictionaries.coded(table))
        if self._like is None:
            return frame
        for place, (found, wanted) in enumerate(zip(frame.dtypes, self._like.dtypes, strict=True)):
            if found != wanted:
                frame.isetitem(place, frame.iloc[:, place].astype(wanted))
        if self.index is None:
            frame.index = _index_like(frame.index, self._like.index)
        return frame


class Dictionaries:
    """The categories of columns that are coded, growing with each part of a table.

    Those that are known keep their codes.

    Parameters
    ----------
    known : dict, optional
        Number of a column to its categories, an array.
    """

    def __init__(self, known: dict[int, Any] | None = None) -> None:
        self._known = known or {}

    def coded(self, table: Any) -> Any:
        """Return a part of the table, coded with what is known after it."""
        for number, field in enumerate(table.schema):
            if not pa.types.is_dictionary(field.type):
                continue
            kind, chunks = field.type, table.column(number).chunks
            if number in self._known:
                none = pa.array([], kind.index_type)
                first = pa.DictionaryArray.from_arrays(
                    none, self._known[number], ordered=kind.ordered
                )
                chunks = [first, *chunks]
            unified = pa.chunked_array(chunks, kind).unify_dictionaries()
            if unified.num_chunks:
                self._known[number] = unified.chunk(0).dictionary
            table = table.set_column(number, field, unified)
        return table


def _hangs_on_nulls(kind: Any) -> bool:
    """Whether pandas takes another dtype for a column with missing values."""
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _add_dictionary(pieces: list[Any], column: Any) -> None:
    if not pieces or not pieces[-1].dictionary.equals(column.dictionary):
        pieces.append(column.slice(0, 0))


def _unified(pieces: list[Any]) -> Any:
    return pa.chunked_array(pieces).unify_dictionaries().chunk(0).dictionary


def _range_of(schema: Any, rows: int) -> Any:
    """Return the row index that pandas makes where no columns hold it; None where they do."""
    told = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    if any(not isinstance(entry, dict) for entry in told):
        return None
    if len(told) == 1:
        entry = told[0]
        index = pd.RangeIndex(entry["start"], entry["stop"], entry["step"], name=entry["name"])
        if len(index) == rows:
            return index
    return pd.RangeIndex(rows)


def _index_like(index: Any, like: Any) -> Any:
    if isinstance(index, pd.MultiIndex):
        for number, level in enumerate(like.levels):
            if index.levels[number].dtype != level.dtype:
                index = index.set_levels(index.levels[number].astype(level.dtype), level=number)
        return index
    return index if index.dtype == like.dtype else index.astype(like.dtype)


def to_pandas(table: Any) -> Any:
    """Return a table as pandas' own readers do: they alone know of all their rules."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    frame = pd.read_feather(pa.BufferReader(sink.getvalue()))
    attrs = (table.schema.metadata or {}).get(b"PANDAS_ATTRS")
    if attrs is not None:
        frame.attrs = json.loads(attrs)
    return frame
