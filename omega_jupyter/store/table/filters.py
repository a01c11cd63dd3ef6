"""Conditions on rows: row groups that can't fit are skipped, pandas decides on the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.errors import Invalid
from omega_jupyter.store.listing import closest
from omega_jupyter.store.table.index import names_of
from omega_jupyter.store.table.read import Rows, Selection, TableReader
from omega_jupyter.store.table.zones import NOT_COMPARABLE, true_where

__all__ = ["OPERATORS", "Condition", "parse_filters", "select"]


def _between(column: Any, bounds: Any) -> Any:
    low, high = _pair(bounds)
    return column.between(low, high)


def _pair(bounds: Any) -> tuple[Any, Any]:
    if isinstance(bounds, list | tuple) and len(bounds) == 2:
        return bounds[0], bounds[1]
    raise Invalid(f"between needs two values, not {bounds!r}", hint="col__between=(1, 10)")


def _values(values: Any) -> Any:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise Invalid(f"in and nin need several values, not {values!r}", hint="col__in=[1, 2]")
    return list(values)


def _text(method: str) -> Callable[[Any, Any], Any]:
    def apply(column: Any, value: Any) -> Any:
        options = {"regex": False} if method == "contains" else {}
        return getattr(column.str, method)(value, **options)

    return apply


def _null(wanted: bool) -> Callable[[Any, Any], Any]:
    def apply(column: Any, value: Any) -> Any:
        return column.isna() if bool(value) is wanted else column.notna()

    return apply


# What each operator means, in pandas' own words.
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "in": lambda column, values: column.isin(_values(values)),
    "nin": lambda column, values: ~column.isin(_values(values)),
    "between": _between,
    "isnull": _null(True),
    "notnull": _null(False),
    "contains": _text("contains"),
    "startswith": _text("startswith"),
    "endswith": _text("endswith"),
}


class Condition(NamedTuple):
    """One condition of a filter.

    Attributes
    ----------
    column : int
        The column's position, those of the row index included.
    level : int, optional
        The level of the row index, where it is one.
    operator : str
        A key of :data:`OPERATORS`.
    value : object
        What to compare with.
    written : str
        The keyword, for errors.
    """

    column: int
    level: int | None
    operator: str
    value: Any
    written: str


def select(reader: TableReader, filters: Mapping[str, Any], what: str) -> Selection:
    """Find the rows for which all conditions hold.

    Parameters
    ----------
    reader : TableReader
        The table.
    filters : mapping
        ``column__operator`` to value; without an operator: equal.
    what : str
        The table for errors.

    Raises
    ------
    NotFound
        A column does not exist.
    Invalid
        An operator does not exist, or can't be applied to the column.
    """
    conditions = parse_filters(reader, filters, what)
    candidates = reader.prune(conditions)
    masks = _masks(reader, conditions, candidates, what)
    key = np.zeros(reader.rows, bool)
    chosen: list[Rows] = []
    starts = reader.starts()
    at = 0
    for rows in candidates:
        mask = masks[at : at + rows.total]
        at += rows.total
        start = starts[rows.table, rows.group]
        key[start : start + rows.total] = mask
        if mask.all():
            chosen.append(rows)
        elif mask.any():
            chosen.append(rows._replace(mask=mask))
    return Selection(chosen, key)


def parse_filters(reader: TableReader, filters: Mapping[str, Any], what: str) -> list[Condition]:
    """Read keywords as conditions on columns.

    A keyword that is a column's label means equality, whatever it looks like.
    """
    conditions = []
    for written, value in filters.items():
        found = _find(reader, written)
        operator = "eq"
        if found is None and "__" in written:
            name, _, operator = written.rpartition("__")
            found = _find(reader, name)
            if found is not None and operator not in OPERATORS:
                raise _no_operator(written, operator)
        if found is None:
            from omega_jupyter.store.table.part import no_column

            name = written.rpartition("__")[0] if operator in OPERATORS and "__" in written else ""
            raise no_column(name or written, reader.labels, what)
        conditions.append(Condition(*found, operator, value, written))
    return conditions


def _find(reader: TableReader, name: str) -> tuple[int, int | None] | None:
    """Return position and index level of a column: by label, by text, by level name."""
    labels = list(reader.labels)
    for same in (lambda known: known == name, lambda known: str(known) == name):
        places = [place for place, known in enumerate(labels) if _true(same(known))]
        if len(places) > 1:
            raise Invalid(f"{len(places)} columns have the label {name!r}: a filter needs one")
        if places:
            return places[0], None
    levels = names_of(reader.index_spec)
    for level, known in enumerate(levels):
        if known == name:
            return reader.width + level, level
    return None


def _true(answer: Any) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)


def _masks(
    reader: TableReader, conditions: Sequence[Condition], rows: Sequence[Rows], what: str
) -> Any:
    """Ask pandas for each condition, of all candidate rows at once."""
    mask = np.ones(sum(r.total for r in rows), bool)
    columns = reader.series([(c.column, c.level) for c in conditions], rows)
    for condition, column in zip(conditions, columns, strict=True):
        mask &= evaluate(condition, column, what)
    return mask


def evaluate(condition: Condition, column: Any, what: str) -> Any:
    """Apply a condition to a Series; unknown (NA) is not true, as in pandas' indexing.

    Raises
    ------
    Invalid
        pandas can't compare the column with the value.
    """
    try:
        answer = OPERATORS[condition.operator](column, condition.value)
    except NOT_COMPARABLE as error:
        raise Invalid(
            f"The filter {condition.written}={condition.value!r} can't be applied to "
            f"{what}, whose column is {column.dtype}: {error}",
            hint="`%omega info` shows the columns' types",
        ) from None
    return true_where(answer)


def _no_operator(written: str, operator: str) -> Invalid:
    near = closest(operator, list(OPERATORS))
    suggestion = f" Did you mean {near!r}?" if near else ""
    return Invalid(
        f"There is no filter operator {operator!r} ({written}).{suggestion}",
        hint=f"operators are: {', '.join(OPERATORS)}",
    )
