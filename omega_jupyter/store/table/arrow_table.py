"""Tables of Arrow as frames of ArrowDtype columns, and back, without copying."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from omega_jupyter.errors import Invalid
from omega_jupyter.store.table.columns.text import chunked
from omega_jupyter.store.table.gather import make_frame

__all__ = ["frame_of_table", "read_schema", "runs_of_names", "table_of_frame"]


def frame_of_table(table: Any) -> Any:
    """Return a table as a frame.

    Parameters
    ----------
    table : pyarrow.Table
        Of any types; names may be repeated.

    Returns
    -------
    pandas.DataFrame
        Of ArrowDtype columns. Types that Arrow can't compare or select from are
        replaced by those that hold the same values.
    """
    import pandas as pd

    blocks = [
        (pd.arrays.ArrowExtensionArray(_plain(column)), np.array([place]))
        for place, column in enumerate(table.columns)
    ]
    labels = pd.Index(table.schema.names, dtype=object)
    return make_frame(blocks, pd.RangeIndex(table.num_rows), labels)


def table_of_frame(frame: Any, schema: Any) -> Any:
    """Return a frame, or a part of one, as a table again.

    Parameters
    ----------
    frame : pandas.DataFrame
        That :func:`frame_of_table` made, with any of its rows and columns.
    schema : pyarrow.Schema
        Of the whole table.

    Returns
    -------
    pyarrow.Table
    """
    fields, columns = [], []
    seen: Counter[str] = Counter()
    for place, name in enumerate(frame.columns):
        # Columns of one name are taken together, and stand in the table's order.
        same = schema.get_all_field_indices(name)
        field = schema.field(same[seen[name] % len(same)])
        seen[name] += 1
        fields.append(field)
        columns.append(_restored(chunked(frame.iloc[:, place].array), field))
    if not fields:
        # Only a table that has lost its columns has rows without them.
        rows = pa.table({"": pa.nulls(len(frame))}, metadata=schema.metadata)
        return rows.select([])
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, schema.metadata))


def read_schema(data: bytes) -> Any:
    """Return the schema that was serialised."""
    return pa.ipc.read_schema(pa.py_buffer(data))


def runs_of_names(names: list[str]) -> list[list[Any]]:
    """Return names of dtypes in run-length form, as the catalog has them."""
    runs: list[list[Any]] = []
    for name in names:
        if runs and runs[-1][1] == name:
            runs[-1][0] += 1
        else:
            runs.append([1, name])
    return runs


def _plain(column: Any) -> Any:
    """Return a column in a type that Arrow's functions take, of equal values."""
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return _plain(pa.chunked_array(chunks, kind.value_type))
    return column


def _restored(column: Any, field: Any) -> Any:
    """Return a column in its own type again; only what was changed for it is cast."""
    import pyarrow.compute as pc

    wanted, types = field.type, pa.types
    if column.type == wanted:
        return column
    if types.is_run_end_encoded(wanted):
        plain = _restored(column, field.with_type(wanted.value_type))
        encode = pc.run_end_encode
        chunks = [encode(chunk, run_end_type=wanted.run_end_type) for chunk in plain.chunks]
        return pa.chunked_array(chunks, wanted)
    if any(t(wanted) for t in (types.is_string_view, types.is_binary_view, types.is_dictionary)):
        return column.cast(wanted)
    raise Invalid(
        f"Column {field.name!r} is stored as {column.type}, and its schema says {wanted}",
        hint="the description of the table is damaged; an earlier version may be sound",
    )
