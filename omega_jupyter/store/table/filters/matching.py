"""Conditions on rows: row groups that can't fit are skipped, pandas decides on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np

from omega_jupyter.errors import Invalid
from omega_jupyter.store.table.filters.conditions import Condition, Joint, leaves
from omega_jupyter.store.table.filters.operators import (
    NOT_COMPARABLE,
    OPERATORS,
    three_valued,
    true_only,
)
from omega_jupyter.store.table.filters.prune import candidates
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.rows import Rows

__all__ = ["BATCH_ROWS", "matching"]

# Rows that pandas is asked about at once: much memory would be needed for all of a large table.
BATCH_ROWS = 1 << 20


def matching(
    reader: TableReader,
    tree: Condition | Joint,
    what: str,
    *,
    keep: Sequence[int] = (),
    first: int = BATCH_ROWS,
) -> Iterator[Rows]:
    """Find the rows for which a condition is true.

    Parameters
    ----------
    reader : TableReader
        The table.
    tree : Condition or Joint
        The condition.
    what : str
        The table for errors.
    keep : sequence of int
        Columns that are wanted of these rows as soon as they are found: what is
        read of them already is not read again.
    first : int
        Rows to ask about first; then twice as many, and so on.

    Yields
    ------
    Rows
        Of the row groups that have such rows, in order.

    Raises
    ------
    Invalid
        An operator can't be applied to a column.
    """
    everything: dict[int, Any] = {}
    groups = candidates(reader, tree)
    if not groups:
        # That a value can't be compared with a column is an error even where nothing fits.
        _ask(reader, tree, reader.all_rows()[:1], what, ())
    for batch in _batches(groups, first):
        try:
            found = _ask(reader, tree, batch, what, keep)
        except Invalid:
            if len(batch) == len(reader.all_rows()) or not _has_objects(reader, tree):
                raise
            # What can be done with objects hangs on all of them: 1 is no text, but may
            # be one of many values among texts.
            everything = everything or _ask(reader, tree, reader.all_rows(), what, ())
            found = {r.start: everything[r.start] for r in batch}
        for rows in batch:
            mask = found[rows.start]
            if mask.all():
                yield rows
            elif mask.any():
                yield rows._replace(places=np.flatnonzero(mask))
            else:
                reader.forget(rows)


def _has_objects(reader: TableReader, tree: Condition | Joint) -> bool:
    stored = [c.column for c in leaves(tree) if c.level is None or not reader.is_range]
    return any(reader.kind(column).code == "o" for column in stored)


def _batches(rows: Sequence[Rows], size: int) -> Iterator[list[Rows]]:
    """Cut row groups into runs of so many rows."""
    batch: list[Rows] = []
    total = 0
    for r in rows:
        batch.append(r)
        total += r.total
        if total >= size:
            yield batch
            batch, total, size = [], 0, min(2 * size, BATCH_ROWS)
    if batch:
        yield batch


def _ask(
    reader: TableReader,
    tree: Condition | Joint,
    rows: Sequence[Rows],
    what: str,
    keep: Sequence[int],
) -> dict[int, Any]:
    """Ask pandas about whole row groups; return where the condition is true, by first row."""
    conditions = list(leaves(tree))
    columns = reader.series([(c.column, c.level) for c in conditions], rows, keep=keep)
    total = sum(r.total for r in rows)
    answers = iter([_evaluate(c, s, what) for c, s in zip(conditions, columns, strict=True)])
    mask = true_only(_combine(tree, answers, total))
    stops = np.cumsum([r.total for r in rows])
    return {r.start: mask[stop - r.total : stop] for r, stop in zip(rows, stops, strict=True)}


def _combine(tree: Condition | Joint, answers: Iterator[Any], total: int) -> Any:
    if isinstance(tree, Condition):
        return next(answers)
    parts = [_combine(part, answers, total) for part in tree.parts]
    if tree.joint == "not":
        return ~parts[0]
    if not parts:
        return np.ones(total, bool)
    return reduce(and_ if tree.joint == "and" else or_, parts)


def _evaluate(condition: Condition, column: Any, what: str) -> Any:
    """Apply a condition to a Series.

    Raises
    ------
    Invalid
        pandas can't compare the column with the value.
    """
    try:
        return three_valued(OPERATORS[condition.operator](column, condition.value))
    except NOT_COMPARABLE as error:
        raise Invalid(
            f"The filter {condition.written}={condition.value!r:.200} can't be applied to "
            f"{what}, whose column is {column.dtype}: {error}",
            hint="`%omega info` shows the columns' types",
        ) from None
