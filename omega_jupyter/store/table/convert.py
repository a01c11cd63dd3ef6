"""Tables as objects of another library: equal values, or a refusal that names the column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omega_jupyter.errors import Invalid
from omega_jupyter.store.table.gather import make_frame

__all__ = [
    "arrow_of_frame",
    "check_index",
    "frame_of_arrow",
    "has_plain_index",
    "import_polars",
    "polars_of_arrow",
]

# What pandas finds in a column of objects that Arrow has one type for.
_INFERRED = frozenset(
    """
    string bytes boolean integer floating decimal date datetime datetime64 time timedelta
    timedelta64 empty
    """.split()  # noqa: SIM905 - a list of words is read more easily
)
_NOT_CONVERTED = (TypeError, ValueError, OverflowError, NotImplementedError)


def import_polars() -> Any:
    """Return the module.

    Raises
    ------
    Invalid
        It is not installed.
    """
    try:
        import polars
    except ImportError:
        raise Invalid(
            "polars is not installed here",
            hint="pip install polars; as_='pandas' and as_='arrow' read without it",
        ) from None
    return polars


def check_index(body: Mapping[str, Any], what: str, target: str) -> None:
    """Refuse a table whose row index is more than the numbers of its rows.

    Raises
    ------
    Invalid
    """
    if not has_plain_index(body):
        raise Invalid(
            f"{what} has a row index, which {target} can't hold",
            hint="get it as pandas: df.reset_index() makes columns of it",
        )


def has_plain_index(body: Mapping[str, Any]) -> bool:
    """Say whether the row index of a table only numbers its rows from 0."""
    index, plain = body["index"], {"k": "range", "start": 0, "step": 1, "name": "null"}
    return all(index.get(key) == value for key, value in plain.items())


def arrow_of_frame(frame: Any, what: str, *, keep_index: bool = False) -> Any:
    """Return a frame of pandas as a table.

    Parameters
    ----------
    frame : pandas.DataFrame
    what : str
        The table for errors.
    keep_index : bool
        Whether the row index comes along, as pyarrow keeps it.

    Raises
    ------
    Invalid
        A label is not text, or a column holds what Arrow has no type for; named.
    """
    for label in frame.columns:
        if not isinstance(label, str):
            raise _refused(what, f"the column label {label!r} is not text", "an Arrow table")
    for label in frame.columns[frame.columns.duplicated()]:
        raise _refused(what, f"the label {label!r} is repeated", "an Arrow table")
    for place, (label, dtype) in enumerate(frame.dtypes.items()):
        if dtype.kind == "O" and dtype.name == "object":
            _check_objects(frame.iloc[:, place], f"column {label!r}", what)
    try:
        # None: in columns, but for a range, which the metadata can hold.
        return pa.Table.from_pandas(frame, preserve_index=None if keep_index else False)
    except _NOT_CONVERTED as error:
        # With the column's name: pyarrow adds it.
        reason = ", ".join(map(str, error.args))
        raise _refused(what, reason, "an Arrow table") from error


def frame_of_arrow(table: Any) -> Any:
    """Return a table as a frame of ArrowDtype columns: the same values and types."""
    import pandas as pd

    blocks = [
        (pd.arrays.ArrowExtensionArray(column), np.array([place]))
        for place, column in enumerate(table.columns)
    ]
    return make_frame(blocks, pd.RangeIndex(table.num_rows), pd.Index(table.schema.names))


def polars_of_arrow(table: Any, what: str) -> Any:
    """Return a table as a frame of polars.

    Raises
    ------
    Invalid
        polars has no such type for a column, or allows no such name.
    """
    pl = import_polars()
    columns = []
    for name, column in zip(table.schema.names, table.columns, strict=True):
        if not _polars_holds(column.type):
            reason = f"column {name!r} is of the Arrow type {column.type}"
            raise _refused(what, reason, "a frame of polars")
        try:
            columns.append(_in_units(column))
        except pa.ArrowInvalid as error:
            raise _refused(what, f"column {name!r}: {error}", "a frame of polars") from error
    try:
        fields = [
            field.with_type(column.type)
            for field, column in zip(table.schema, columns, strict=True)
        ]
        frame = pl.from_arrow(pa.Table.from_arrays(columns, schema=pa.schema(fields)))
        # It gives a column whose name is empty another one.
        return frame.rename(dict(zip(frame.columns, table.schema.names, strict=True)))
    except (pl.exceptions.PolarsError, *_NOT_CONVERTED) as error:
        raise _refused(what, str(error), "a frame of polars") from error


def _check_objects(column: Any, name: str, what: str) -> None:
    from pandas.api.types import infer_dtype

    found = infer_dtype(column, skipna=True)
    if found not in _INFERRED:
        reason = f"{name} holds Python objects that are no one type of Arrow's ({found})"
        raise _refused(what, reason, "an Arrow table")


def _polars_holds(kind: Any, *, nested: bool = False) -> bool:
    """Say whether polars has a type of the same values."""
    types = pa.types
    if types.is_struct(kind):
        return all(_polars_holds(field.type, nested=True) for field in kind)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _polars_holds(kind.value_type, nested=True)
    if types.is_dictionary(kind):
        return bool(types.is_string(kind.value_type) or types.is_large_string(kind.value_type))
    if types.is_timestamp(kind) or types.is_duration(kind):
        return not nested or kind.unit != "s"
    return any(
        test(kind)
        for test in (
            types.is_null,
            types.is_boolean,
            types.is_integer,
            types.is_floating,
            types.is_string,
            types.is_large_string,
            types.is_string_view,
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
            types.is_fixed_size_binary,
            types.is_date,
            types.is_time,
            types.is_decimal128,
        )
    )


def _in_units(column: Any) -> Any:
    """Return seconds, which polars has not, as milliseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return column.cast(pa.timestamp("ms", kind.tz))
    if pa.types.is_duration(kind) and kind.unit == "s":
        return column.cast(pa.duration("ms"))
    return column


def _refused(what: str, reason: str, target: str) -> Invalid:
    return Invalid(
        f"{what} can't become {target} unchanged: {reason}",
        hint="get it as it was put, and convert it as you want it",
    )
