"""From a condition as it was written to columns of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.query import Q
from omega_jupyter.store.table.filters.operators import OPERATORS, check_value
from omega_jupyter.store.table.row_index import names_of
from omega_jupyter.store.wording.closest import closest

__all__ = ["Condition", "Joint", "Labels", "leaves", "no_column", "resolve"]


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


class Joint(NamedTuple):
    """Conditions that are combined: ``and``, ``or``, or ``not`` of a single one."""

    joint: str
    parts: tuple[Condition | Joint, ...]


class Labels(NamedTuple):
    """What can be filtered: the labels of the columns, and the row index's description."""

    columns: Any
    row_index: dict[str, Any]
    what: str


def resolve(where: Q, labels: Labels) -> Condition | Joint:
    """Find the columns and operators that a condition names.

    A keyword that is a column's label means equality, whatever it looks like.

    Parameters
    ----------
    where : Q
        The condition.
    labels : Labels
        Of the table.

    Raises
    ------
    NotFound
        A column does not exist.
    Invalid
        An operator does not exist, or can't take its value.
    """
    if where.joint != "test":
        return Joint(where.joint, tuple(resolve(part, labels) for part in where.parts))
    written, value = where.parts
    found = _find(labels, written)
    operator = "eq"
    if found is None and "__" in written:
        name, _, operator = written.rpartition("__")
        found = _find(labels, name)
        if found is not None and operator not in OPERATORS:
            raise _no_operator(written, operator)
    if found is None:
        name = written.rpartition("__")[0] if operator in OPERATORS and "__" in written else ""
        levels = [level for level in names_of(labels.row_index) if level is not None]
        raise no_column(name or written, [*labels.columns, *levels], labels.what)
    check_value(written, operator, value)
    return Condition(*found, operator, value, written)


def leaves(tree: Condition | Joint) -> Iterator[Condition]:
    """Return the single conditions, in the order that they are written in."""
    if isinstance(tree, Condition):
        yield tree
    else:
        for part in tree.parts:
            yield from leaves(part)


def _find(labels: Labels, name: str) -> tuple[int, int | None] | None:
    """Return position and index level of a column: by label, by text, by level name."""
    listed = list(labels.columns)
    for same in (lambda known: known == name, lambda known: str(known) == name):
        places = [place for place, known in enumerate(listed) if _true(same(known))]
        if len(places) > 1:
            raise Invalid(f"{len(places)} columns have the label {name!r}: a filter needs one")
        if places:
            return places[0], None
    for level, known in enumerate(names_of(labels.row_index)):
        if known is not None and str(known) == name:
            return len(listed) + level, level
    return None


def _true(answer: Any) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)


def _no_operator(written: str, operator: str) -> Invalid:
    near = closest(operator, list(OPERATORS))
    suggestion = f" Did you mean {near!r}?" if near else ""
    return Invalid(
        f"There is no filter operator {operator!r} ({written}).{suggestion}",
        hint=f"operators are: {', '.join(OPERATORS)}",
    )


def no_column(label: Any, labels: Any, what: str) -> NotFound:
    """Make the error for a column that does not exist."""
    names = [str(known) for known in labels]
    near = closest(str(label), names)
    suggestion = f" Did you mean {near!r}?" if near else ""
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return NotFound(f"{what} has no column {label!r}.{suggestion}", hint=f"columns are: {shown}")
