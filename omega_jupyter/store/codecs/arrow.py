"""pyarrow's tables and arrays, and what polars' frames share with them."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from omega_jupyter.store.codecs.codec import module_of
from omega_jupyter.store.codecs.frame import TableCodec
from omega_jupyter.store.payload.payload import Encoded

__all__ = ["ArrowCodec", "ArrowTableCodec"]

# Of the catalog's text for a dtype.
DTYPE_LENGTH = 200


class ArrowTableCodec(TableCodec):
    """What is made of columns of Arrow, with their schema in the description."""

    @abstractmethod
    def form_of(self, obj: Any) -> str:
        """Return which of the library's classes the object is."""

    @abstractmethod
    def table_of(self, obj: Any) -> tuple[Any, Any]:
        """Return the object's columns as a table, and the schema that is kept."""

    @abstractmethod
    def dtypes_of(self, obj: Any) -> list[str]:
        """Return the names of the columns' dtypes, for people."""

    def frame_of(self, obj: Any) -> Any:
        """Return a frame of ArrowDtype columns."""
        from omega_jupyter.store.table.arrow_table import frame_of_table

        self.form_of(obj)
        return frame_of_table(self.table_of(obj)[0])

    def arrow_of(self, frame: Any, body: Mapping[str, Any], what: str = "") -> Any:
        """Return a table of the schema."""
        from omega_jupyter.store.table.arrow_table import read_schema, table_of_frame

        return table_of_frame(frame, read_schema(body["arrow"]["schema"]))

    def column_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a frame of one column as the library has columns of a table."""
        if self.is_column(body):
            return self.object_of(frame, body)
        return self.column_in(self.object_of(frame, body))

    @abstractmethod
    def column_in(self, table: Any) -> Any:
        """Return the one column of a table of the library's."""

    def is_column(self, body: Mapping[str, Any]) -> bool:
        """Say whether it is one column rather than a table."""
        return body["arrow"]["form"] in ("Series", "ChunkedArray", "Array")

    def encode(self, obj: Any) -> Encoded:
        """Cut the columns into row groups, and keep the schema."""
        from omega_jupyter.store.table.arrow_table import frame_of_table, runs_of_names
        from omega_jupyter.store.table.write import encode_table

        form = self.form_of(obj)
        table, schema = self.table_of(obj)
        encoded = encode_table(frame_of_table(table), f"{module_of(obj)}.{form}")
        encoded.body["arrow"] = {"schema": schema.serialize().to_pybytes(), "form": form}
        if self.is_column(encoded.body):
            encoded.shape, encoded.columns = (len(obj),), None
        elif encoded.columns is not None:
            names = [name[:DTYPE_LENGTH] for name in self.dtypes_of(obj)]
            encoded.columns["dtypes"] = runs_of_names(names[: len(encoded.columns["names"])])
        return encoded


class ArrowCodec(ArrowTableCodec):
    """Table, RecordBatch, ChunkedArray and Array: equal, but for how they are chunked."""

    kind = "arrow"
    library = "arrow"

    def accepts(self, obj: Any) -> bool:
        """Accept the four."""
        return module_of(obj) == "pyarrow" and self._form(obj) is not None

    def form_of(self, obj: Any) -> str:
        """Return which of the classes it is."""
        return self._form(obj) or ""

    def _form(self, obj: Any) -> str | None:
        pa = sys.modules["pyarrow"]
        return next((form for form in _FORMS if isinstance(obj, getattr(pa, form))), None)

    def table_of(self, obj: Any) -> tuple[Any, Any]:
        """Return it as a table; an array is a column without a name."""
        import pyarrow as pa

        if isinstance(obj, pa.RecordBatch):
            obj = pa.Table.from_batches([obj])
        elif not isinstance(obj, pa.Table):
            obj = pa.Table.from_arrays([obj], names=[""])
        return obj, obj.schema

    def column_in(self, table: Any) -> Any:
        """Return the array."""
        return table.column(0)

    def dtypes_of(self, obj: Any) -> list[str]:
        """Return Arrow's names of the types."""
        return [str(kind) for kind in obj.schema.types]

    def types_of(self, obj: Any) -> Mapping[str, Any]:
        """Return the types: some are stored as a type of equal values."""
        schema = self.table_of(obj)[1]
        return dict(zip(schema.names, schema.types, strict=True))

    def stored_types(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the types of the schema."""
        from omega_jupyter.store.table.arrow_table import read_schema

        return self.types_of(read_schema(body["arrow"]["schema"]).empty_table())

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a table, or what else it was."""
        import pyarrow as pa

        table = self.arrow_of(frame, body)
        form = body["arrow"]["form"]
        if form == "Table":
            return table
        if form == "ChunkedArray":
            return table.column(0)
        if form == "Array":
            return _joined(table.column(0))
        if len(table) and not table.num_columns:
            return table.to_batches()[0]
        columns = [_joined(column) for column in table.columns]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)

    def column_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a column of the table; a RecordBatch's in one piece."""
        obj = self.object_of(frame, body)
        return obj if self.is_column(body) else obj.column(0)


_FORMS = ("Table", "RecordBatch", "ChunkedArray", "Array")


def _joined(column: Any) -> Any:
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
