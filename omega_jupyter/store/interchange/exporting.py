"""Writing a stored table to a file of another program, all of it or nothing."""

from __future__ import annotations

import io
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import codec_of_kind
from omega_jupyter.store.codecs.frame import TableCodec
from omega_jupyter.store.interchange.arrow_files import Dictionaries
from omega_jupyter.store.interchange.arrow_form import (
    CHUNK_ROWS,
    NAMED,
    SAMPLE_ROWS,
    ArrowForm,
    differences,
    refused,
)
from omega_jupyter.store.interchange.importing import suffix_of
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Source
from omega_jupyter.store.table.convert import import_polars
from omega_jupyter.store.table.part import view_of
from omega_jupyter.store.table.view import TableView
from omega_jupyter.store.wording.progress import Notify, Progress

__all__ = ["export_table"]


def export_table(
    source: Source,
    document: Mapping[str, Any],
    part: Part,
    what: str,
    path: Path,
    notify: Notify | None = None,
) -> int:
    """Write a table to a file, chunk by chunk, beside it and then in its place.

    Parameters
    ----------
    source : Source
        Where the table's chunks are.
    document : mapping
        Its version document.
    part : Part
        The wanted columns and rows.
    what : str
        The table for errors.
    path : Path
        ``.parquet``, ``.feather`` or ``.csv``; replaced where it is there.
    notify : callable, optional
        Called with a :class:`~omega_jupyter.store.wording.progress.Progress` after each chunk.

    Returns
    -------
    int
        The rows that were written.

    Raises
    ------
    Invalid
        It is no table, the file's name tells no format, it can't be written, or Parquet or
        Feather would not give the table back equal; what would change is named.
    """
    codec, body = codec_of_kind(document["kind"]), document["body"]
    if not isinstance(codec, TableCodec):
        raise Invalid(
            f"{what} is kind {codec.kind!r}; tables and series are exported",
            hint="get(name) loads it; get(name).save(path) writes a stored file",
        )
    if codec.is_column(body) and (part.columns is not None or part.exclude is not None):
        codec.only_whole(part, what)
    view = view_of(source, body, part, what)
    suffix = suffix_of(path)
    if not path.absolute().parent.is_dir():
        raise Invalid(f"There is no folder {str(path.absolute().parent)!r} to write {path.name!r}")
    writers: dict[str, Callable[[], _Writer]] = {
        ".csv": lambda: _Csv(view),
        ".parquet": lambda: _Parquet(_tables(view, codec, body)),
        ".feather": lambda: _Feather(_tables(view, codec, body)),
    }
    writer = writers[suffix]()
    total = view.count() if view.where is None else None
    done = 0
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with beside.open("wb") as file:
            for rows in writer.write(file):
                done += rows
                if notify is not None:
                    notify(Progress(f"export {path.name}", done, total, "rows"))
        beside.replace(path)
    except OSError as error:
        raise Invalid(f"{str(path)!r} can't be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return done


class _Writer(ABC):
    @abstractmethod
    def write(self, file: IO[bytes]) -> Iterator[int]:
        """Write the table; return the rows of each chunk."""


class _Csv(_Writer):
    def __init__(self, view: TableView) -> None:
        self._view = view

    def write(self, file: IO[bytes]) -> Iterator[int]:
        counted = type(self._view.empty().index) is pd.RangeIndex
        text = io.TextIOWrapper(file, "utf-8", newline="")
        try:
            for number, frame in enumerate(self._view.chunks(CHUNK_ROWS)):
                frame.to_csv(text, header=number == 0, index=not counted)
                yield len(frame)
        except ValueError as error:
            # Such as a text that is not valid Unicode.
            raise Invalid(f"{self._view.what} can't be written as CSV: {error}") from error
        finally:
            text.detach()


class _Tables(ABC):
    """A table as tables of Arrow.

    Attributes
    ----------
    what : str
        The table for errors.
    schema : pyarrow.Schema
        Of all of them.
    """

    what: str
    schema: Any

    @abstractmethod
    def chunks(self) -> Iterator[Any]:
        """Read the tables."""

    @abstractmethod
    def changes(self, through: Callable[[Any], Any]) -> list[str]:
        """Return what is changed when the first rows go through a file."""


class _OfPandas(_Tables):
    def __init__(self, view: TableView) -> None:
        self.what = view.what
        self._form = ArrowForm(view)
        self.schema = self._form.schema

    def chunks(self) -> Iterator[Any]:
        return self._form.tables()

    def changes(self, through: Callable[[Any], Any]) -> list[str]:
        frame, table = self._form.sample()
        return differences(frame, self._form.back(through(table)))


class _OfArrow(_Tables):
    """Of a table that was Arrow's or polars' own."""

    def __init__(self, view: TableView, codec: TableCodec, body: Mapping[str, Any]) -> None:
        self.what = view.what
        self._view = view
        self._table: Callable[[Any], Any] = lambda frame: codec.arrow_of(frame, body, view.what)
        self._types: Callable[[Any], list[tuple[str, Any]]] = _arrow_types
        if codec.library == "polars":
            self._types = _polars_types
        self.schema = self._table(view.empty()).schema

    def chunks(self) -> Iterator[Any]:
        # A Feather file has one dictionary for each column, which may only grow.
        dictionaries = Dictionaries()
        tables = map(self._table, self._view.chunks(CHUNK_ROWS))
        return map(dictionaries.coded, tables)

    def changes(self, through: Callable[[Any], Any]) -> list[str]:
        table = self._table(self._view.head(SAMPLE_ROWS))
        if self._types is _polars_types:
            wide = [field.name for field in table.schema if pa.types.is_decimal256(field.type)]
            if wide:
                return [f"column {name!r} has 128 bits, and polars reads no such" for name in wide]
        pairs = zip(self._types(table), self._types(through(table)), strict=True)
        return [
            f"column {name!r} is {before} and becomes {after}"
            for (name, before), (_, after) in pairs
            if before != after
        ]


def _arrow_types(table: Any) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in table.schema]


def _polars_types(table: Any) -> list[tuple[str, Any]]:
    return list(import_polars().from_arrow(table).schema.items())


def _tables(view: TableView, codec: TableCodec, body: Mapping[str, Any]) -> _Tables:
    return _OfPandas(view) if codec.library == "pandas" else _OfArrow(view, codec, body)


class _ArrowWriter(_Writer):
    """Writes a format that Arrow knows, once the first rows have come back equal."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    @abstractmethod
    def open(self, file: IO[bytes], schema: Any) -> Any:
        """Return Arrow's own writer."""

    @abstractmethod
    def read(self, data: bytes) -> Any:
        """Read a file whole, as a table."""

    def write(self, file: IO[bytes]) -> Iterator[int]:
        try:
            changes = self._tables.changes(self._through)
            if changes:
                more = f"; and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
                raise refused(self._tables.what, "; ".join(changes[:NAMED]) + more)
            with self.open(file, self._tables.schema) as writer:
                for table in self._tables.chunks():
                    writer.write_table(table)
                    yield len(table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise refused(self._tables.what, str(error).partition("\n")[0]) from error

    def _through(self, table: Any) -> Any:
        buffer = io.BytesIO()
        with self.open(buffer, table.schema) as writer:
            writer.write_table(table)
        return self.read(buffer.getvalue())


class _Parquet(_ArrowWriter):
    def open(self, file: IO[bytes], schema: Any) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(file, schema)

    def read(self, data: bytes) -> Any:
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(data))


class _Feather(_ArrowWriter):
    def open(self, file: IO[bytes], schema: Any) -> Any:
        options = pa.ipc.IpcWriteOptions(compression="lz4", emit_dictionary_deltas=True)
        return pa.ipc.new_file(file, schema, options=options)

    def read(self, data: bytes) -> Any:
        return pa.ipc.open_file(pa.BufferReader(data)).read_all()
