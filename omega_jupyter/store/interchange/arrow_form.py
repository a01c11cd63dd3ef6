"""Tables of pandas as Arrow tables of one schema, and what of them would not come back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from omega_jupyter.errors import Invalid
from omega_jupyter.store.interchange.arrow_files import to_pandas
from omega_jupyter.store.table.view import TableView
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = ["CHUNK_ROWS", "NAMED", "SAMPLE_ROWS", "ArrowForm", "differences", "refused"]

CHUNK_ROWS = 65_536
# What is looked at before a table is written.
SAMPLE_ROWS = 1000
NAMED = 5


class ArrowForm:
    """What the frames of a view are in Arrow.

    Parameters
    ----------
    view : TableView
        Of a table whose columns are pandas' own.

    Attributes
    ----------
    schema : pyarrow.Schema
        With what pandas needs to make the frames again.

    Raises
    ------
    Invalid
        Arrow has no type for a column; named.
    """

    def __init__(self, view: TableView) -> None:
        self._view = view
        self._like = self._numbered(view.empty())
        self._rows = 0 if view.where is not None else view.count()
        for label in self._like.columns[self._like.columns.duplicated()]:
            raise self._refused(f"the label {label!r} is repeated")
        self._objects = [n for n, dtype in enumerate(self._like.dtypes) if _is_object(dtype)]
        self._with_nulls: set[int] = set()
        index = self._like.index
        kinds = index.dtypes if index.nlevels > 1 else [index.dtype]
        self._odd_index = any(map(_is_object, kinds))
        self.schema = self._with_notes(self._schema(), self._rows)

    def tables(self) -> Iterator[Any]:
        """Read the view as tables.

        Raises
        ------
        Invalid
            A value would not come back equal.
        """
        for frame in map(self._numbered, self._view.chunks(CHUNK_ROWS)):
            table = self._table(frame, self.schema)
            if self._objects or self._odd_index:
                back = self.back(table.replace_schema_metadata(self._for_rows(len(frame))))
                columns = self._objects
                changed = differences(
                    frame.iloc[:, columns], back.iloc[:, columns], index=self._odd_index
                )
                if changed:
                    raise self._refused(changed[0])
            yield table

    def sample(self) -> tuple[Any, Any]:
        """Return the first rows, and the same as a table on its own."""
        frame = self._numbered(self._view.head(SAMPLE_ROWS))
        table = self._table(frame, self.schema)
        return frame, table.replace_schema_metadata(self._for_rows(len(frame)))

    def _numbered(self, frame: Any) -> Any:
        """Return a frame whose index does not hang on which rows a filter has left."""
        if self._view.where is not None and type(frame.index) is pd.RangeIndex:
            frame.index = pd.Index(np.asarray(frame.index), name=frame.index.name)
        return frame

    def _schema(self) -> Any:
        """Find the types; those of Python objects hang on all of them."""
        try:
            schema = _quietly(pa.Schema.from_pandas, self._numbered(self._view.head(CHUNK_ROWS)))
            if not self._objects and not self._odd_index:
                return schema
            found = []
            for frame in self._view.narrowed(self._objects).chunks(CHUNK_ROWS):
                found.append(_quietly(pa.Schema.from_pandas, self._numbered(frame)))
                for place, column in zip(self._objects, frame.columns, strict=True):
                    if frame[column].isna().any():
                        self._with_nulls.add(place)
            types = pa.unify_schemas(found, promote_options="permissive")
        except _NO_TYPE as error:
            raise self._no_type(error) from error
        for field in types:
            place = schema.get_field_index(field.name)
            schema = schema.set(place, schema.field(place).with_type(field.type))
        return schema

    def _table(self, frame: Any, schema: Any) -> Any:
        try:
            # By place: pandas' labels need not be text, the schema's names are.
            table = _quietly(pa.Table.from_pandas, frame)
            table = table if table.schema.equals(schema) else table.cast(schema)
        except _NO_TYPE as error:
            raise self._no_type(error) from error
        return table.replace_schema_metadata(schema.metadata)

    def _with_notes(self, schema: Any, rows: int) -> Any:
        """Let the schema tell the numbers of all rows, and the attrs."""
        notes = json.loads(schema.metadata[b"pandas"])
        index = self._like.index
        if type(index) is pd.RangeIndex:
            stop = index.start + rows * index.step
            bounds = {"start": index.start, "stop": stop, "step": index.step}
            notes["index_columns"] = [{"kind": "range", "name": index.name, **bounds}]
        metadata = schema.metadata | {b"pandas": json.dumps(notes).encode()}
        if self._like.attrs:
            metadata[b"PANDAS_ATTRS"] = self._attrs().encode()
        return schema.with_metadata(metadata)

    def _attrs(self) -> str:
        attrs = self._like.attrs
        try:
            text = json.dumps(attrs)
            if typed.dumps(json.loads(text)) == typed.dumps(attrs):
                return text
        except (TypeError, ValueError):
            pass
        raise self._refused("its attrs are not plain JSON")

    def _for_rows(self, rows: int) -> Any:
        return self._with_notes(self.schema, rows).metadata

    def back(self, table: Any) -> Any:
        """Return what pandas makes of a part of a table.

        Raises
        ------
        Invalid
            It can't make anything of it.
        """
        try:
            frame = to_pandas(table)
        except _NO_TYPE as error:
            raise self._refused(f"pandas can't read it: {error}") from error
        for place in self._with_nulls:
            # Truth values are objects where one of all rows is missing.
            if frame.dtypes.iloc[place] == np.dtype(bool):
                frame.isetitem(place, frame.iloc[:, place].astype(object))
        return frame

    def _no_type(self, error: Exception) -> Invalid:
        """Make the error for a column of which Arrow has no type; name it."""
        for label, series in self._view.head(SAMPLE_ROWS).items():
            try:
                pa.Array.from_pandas(series)
            except _NO_TYPE as found:
                return self._refused(f"column {label!r} is {series.dtype}: {found}")
        if isinstance(error, UnicodeError):
            return self._refused(f"a label is not valid Unicode: {error}")
        # Arrow names it, where it is a later value.
        return self._refused(", ".join(map(str, error.args)))

    def _refused(self, reason: str) -> Invalid:
        return refused(self._view.what, reason)


_NO_TYPE = (TypeError, ValueError, OverflowError, NotImplementedError)


def _quietly(make: Callable[[Any], Any], frame: Any) -> Any:
    """Do without Arrow's warnings: what is lost is looked for, and refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make(frame)


def refused(what: str, reason: str) -> Invalid:
    """Make the error for a table that a file can't hold unchanged."""
    return Invalid(
        f"{what} would not come back equal from such a file: {reason}",
        hint="export it to a .csv file, or get() it and write it with pandas, as you want it",
    )


def differences(frame: Any, back: Any, *, index: bool = True) -> list[str]:
    """Return what differs between a frame and what came back of it, named."""
    labels = list(frame.columns), list(back.columns)
    if not _same_values(*labels) or not _same_values(frame.columns.names, back.columns.names):
        return [f"the column labels {labels[0][:NAMED]!r} become {labels[1][:NAMED]!r}"]
    reasons = []
    for place, label in enumerate(frame.columns):
        reason = _difference(frame.iloc[:, place], back.iloc[:, place])
        if reason:
            reasons.append(f"column {label!r} {reason}")
    if not index:
        return reasons
    for level in range(frame.index.nlevels):
        pair = [index.get_level_values(level).to_series() for index in (frame.index, back.index)]
        reason = _difference(*pair)
        if reason:
            reasons.append(f"the index {reason}")
    if not _same_values(frame.index.names, back.index.names):
        reasons.append(f"the names {list(frame.index.names)!r} of the index are lost")
    return reasons


def _difference(before: Any, after: Any) -> str:
    if len(before) != len(after):
        return f"has {len(before)} rows and {len(after)} come back"
    same = before.dtype == after.dtype
    if same and isinstance(before.dtype, pd.CategoricalDtype):
        same = before.cat.categories.equals(after.cat.categories)
    if not same:
        return f"is {before.dtype!r} and becomes {after.dtype!r}"
    if _is_object(before.dtype):
        equal = _same_values(list(before), list(after))
    else:
        equal = before.reset_index(drop=True).equals(after.reset_index(drop=True))
    return "" if equal else "holds Python objects that become others"


def _is_object(dtype: Any) -> bool:
    return bool(dtype == np.dtype(object))


def _same_values(before: Any, after: Any) -> bool:
    try:
        return typed.dumps(list(before)) == typed.dumps(list(after))
    except Refused:
        # Such as arrays of objects in a column of lists.
        return False
