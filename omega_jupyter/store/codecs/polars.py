"""polars' DataFrame and Series; polars is imported only where one is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.arrow import ArrowTableCodec
from omega_jupyter.store.codecs.codec import module_of
from omega_jupyter.store.payload.payload import Encoded

__all__ = ["PolarsCodec"]

# Whole numbers of 128 bits as Arrow's decimal numbers, and where a field says so.
_DIGITS = 39
_POLARS = b"omega_jupyter.polars"


class PolarsCodec(ArrowTableCodec):
    """A DataFrame or Series, as the columns of Arrow that it is made of."""

    kind = "polars"
    library = "polars"

    def accepts(self, obj: Any) -> bool:
        """Accept the classes themselves; LazyFrame too, to say how to compute it."""
        names = ("DataFrame", "Series", "LazyFrame")
        return module_of(obj) == "polars" and type(obj).__name__ in names

    def form_of(self, obj: Any) -> str:
        """Return which of the classes it is.

        Raises
        ------
        Invalid
            It is a query.
        """
        form = type(obj).__name__
        if form == "LazyFrame":
            raise Invalid("A LazyFrame is a query, not data", hint="store lazy.collect()")
        return form

    def table_of(self, obj: Any) -> tuple[Any, Any]:
        """Return the columns, and the schema in which polars finds its dtypes again.

        Raises
        ------
        Invalid
            A column has a dtype that Arrow has not; named.
        """
        import polars as pl

        frame = obj.to_frame() if isinstance(obj, pl.Series) else obj
        schema = _arrow_schema(frame)
        # The numbers of categories mean nothing in the next frame; text can be compared.
        columns, texts = frame.get_columns(), (pl.Categorical, *_wide_types())
        text = [column.cast(pl.String) for column in columns if column.dtype in texts]
        return _with_numbers(frame.with_columns(text).to_arrow(), schema), schema

    def column_in(self, table: Any) -> Any:
        """Return the Series."""
        return table.to_series()

    def dtypes_of(self, obj: Any) -> list[str]:
        """Return polars' own names of the dtypes."""
        return [str(dtype) for dtype in getattr(obj, "dtypes", ())]

    def encode(self, obj: Any) -> Encoded:
        """Cut the columns into row groups, and note which polars wrote them."""
        import polars as pl

        encoded = super().encode(obj)
        encoded.environment = {"polars": pl.__version__}
        return encoded

    def types_of(self, obj: Any) -> Mapping[str, Any]:
        """Return the dtypes: of categories the stored text tells nothing."""
        import polars as pl

        return dict((obj.to_frame() if isinstance(obj, pl.Series) else obj).schema)

    def stored_types(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the dtypes that the schema stands for."""
        from omega_jupyter.store.table.arrow_table import read_schema
        from omega_jupyter.store.table.convert import import_polars

        empty = read_schema(body["arrow"]["schema"]).empty_table()
        import_polars()
        return self.types_of(_polars_of(empty))

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a DataFrame, or the Series of its column."""
        from omega_jupyter.store.table.convert import import_polars

        import_polars()
        found = _polars_of(self.arrow_of(frame, body))
        return found.to_series() if body["arrow"]["form"] == "Series" else found

    def column_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a Series."""
        obj = self.object_of(frame, body)
        return obj if self.is_column(body) else obj.to_series()


def _wide_types() -> tuple[Any, ...]:
    """Return the integers of polars that Arrow has no type for."""
    import polars as pl

    return (pl.Int128, pl.UInt128)


def _arrow_schema(frame: Any) -> Any:
    import polars as pl

    whole = frame.clear()
    wide = [column for column in whole.get_columns() if column.dtype in _wide_types()]
    empty = whole.with_columns([column.cast(pl.String) for column in wide])
    schema = _same_schema(empty)
    if schema is not None:
        for column in wide:
            place = schema.get_field_index(column.name)
            schema = schema.set(place, _number_field(column.name, str(column.dtype)))
        return schema
    wrong = [column for column in empty.get_columns() if _same_schema(column.to_frame()) is None]
    column = (wrong or empty.get_columns())[0]
    if "\0" in column.name:
        raise Invalid(f"Column {column.name!r} has a zero byte in its name", hint="rename it")
    raise Invalid(
        f"Column {column.name!r} has the dtype {column.dtype}, which can't be stored",
        hint="convert it, as with .cast(pl.String), or leave it out",
    )


def _number_field(name: str, dtype: str) -> Any:
    """Return a field of whole numbers of 39 digits, which tells polars' type."""
    import pyarrow as pa

    return pa.field(name, pa.decimal256(_DIGITS, 0), metadata={_POLARS: dtype})


def _with_numbers(table: Any, schema: Any) -> Any:
    """Make decimal numbers of the texts of wide integers."""
    import pyarrow.compute as pc

    for place, field in enumerate(schema):
        if _wide_dtype(field) is not None:
            table = table.set_column(place, field, pc.cast(table.column(place), field.type))
    return table


def _polars_of(table: Any) -> Any:
    """Return a table as a frame, wide integers as they were."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    wide = {}
    for place, field in enumerate(table.schema):
        dtype = _wide_dtype(field)
        if dtype is not None:
            wide[field.name] = dtype
            text = pc.cast(table.column(place), pa.string())
            table = table.set_column(place, field.name, text)
    found: Any = pl.from_arrow(table)
    return found.with_columns([found[name].cast(dtype) for name, dtype in wide.items()])


def _wide_dtype(field: Any) -> Any:
    """Return the wide integer of polars that a field stands for."""
    told = (field.metadata or {}).get(_POLARS, b"").decode("ascii", "replace")
    return next((dtype for dtype in _wide_types() if str(dtype()) == told), None)


def _same_schema(empty: Any) -> Any:
    """Return a frame's schema in Arrow's terms; None where it would come back as another."""
    import polars as pl
    import pyarrow as pa

    try:
        schema = empty.to_arrow().schema
        found: Any = pl.from_arrow(schema.empty_table())
    except (pa.ArrowException, pl.exceptions.PolarsError, TypeError, ValueError):
        return None
    except pl.exceptions.PanicException:
        # Zero bytes in names, for one; it is no Exception.
        return None
    return schema if found.schema == empty.schema else None
