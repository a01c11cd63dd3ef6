"""Which row groups can be left out, as far as their bounds tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.store.table.columns.index import load_range
from omega_jupyter.store.table.filters.conditions import Condition, Joint, leaves
from omega_jupyter.store.table.filters.like import Like
from omega_jupyter.store.table.filters.operators import NOT_COMPARABLE, three_valued, true_only
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.rows import Rows
from omega_jupyter.store.table.zones import Zone, range_zone

__all__ = ["Chances", "candidates", "chances"]

MAX_VALUES = 100


def candidates(reader: TableReader, tree: Condition | Joint) -> list[Rows]:
    """Return the row groups that may hold rows for which a condition is true, in order."""
    stored = {c.column for c in leaves(tree) if c.level is None or not reader.is_range}
    unstored = {c.column for c in leaves(tree)} - stored
    tables: dict[int, list[Rows]] = {}
    for rows in reader.all_rows():
        tables.setdefault(rows.table, []).append(rows)
    found: list[Rows] = []
    for table, groups in tables.items():
        zones = reader.bounds(table, stored)
        starts, totals = np.array([(r.start, r.total) for r in groups]).T
        for column in unstored:
            zones[column] = range_zone(load_range(reader.index_spec), starts, totals)
        fits = chances(tree, totals, zones).true
        found += [r for r, fit in zip(groups, fits, strict=True) if fit]
    return found


class Chances(NamedTuple):
    """In which row groups a condition may be true for a row, and in which false.

    For some rows it may be neither, where values are missing. So the chances of a
    negation are those of its condition changed about, and nothing else.

    Attributes
    ----------
    true, false : numpy.ndarray of bool
        False only where it can't be.
    """

    true: Any
    false: Any


def chances(tree: Condition | Joint, rows: Any, zones: Mapping[int, Zone]) -> Chances:
    """Say which row groups may hold rows for which a condition is true, or false.

    Parameters
    ----------
    tree : Condition or Joint
        The condition.
    rows : numpy.ndarray of int
        The rows of each row group.
    zones : mapping
        Column to its bounds, as far as there are any.
    """
    if isinstance(tree, Condition):
        known = zones.get(tree.column)
        return _anything(rows) if known is None else _single(known, rows, tree)
    parts = [chances(part, rows, zones) for part in tree.parts]
    if tree.joint == "not":
        return Chances(parts[0].false, parts[0].true)
    true, false = _all(rows, (p.true for p in parts)), _any(rows, (p.false for p in parts))
    if tree.joint == "or":
        true, false = _any(rows, (p.true for p in parts)), _all(rows, (p.false for p in parts))
    return Chances(true, false)


def _all(rows: Any, masks: Iterator[Any]) -> Any:
    return np.logical_and.reduce([np.ones(len(rows), bool), *masks])


def _any(rows: Any, masks: Iterator[Any]) -> Any:
    return np.logical_or.reduce([np.zeros(len(rows), bool), *masks])


def _anything(rows: Any) -> Chances:
    return Chances(np.ones(len(rows), bool), np.ones(len(rows), bool))


def _single(zone: Zone, rows: Any, condition: Condition) -> Chances:
    operator, value = condition.operator, condition.value
    if operator in ("isnull", "notnull"):
        missing, present = zone.nulls > 0, zone.nulls != rows
        asks_missing = (operator == "isnull") == bool(value)
        return Chances(missing, present) if asks_missing else Chances(present, missing)
    if operator in _OPPOSITES:
        # Also where values are missing: either one is true, or both are unknown.
        there = _single(zone, rows, condition._replace(operator=_OPPOSITES[operator]))
        return Chances(there.false, there.true)
    try:
        fits = _FITS[operator](zone, value) if operator in _FITS else np.ones(len(rows), bool)
        holds = _HOLDS[operator](zone, value) if operator in _HOLDS else np.zeros(len(rows), bool)
    except NOT_COMPARABLE:
        # pandas will say what is wrong when it is asked for the rows themselves.
        return _anything(rows)
    true = (fits | zone.unknown) & (zone.nulls != rows)
    false = ~holds | zone.unknown | (zone.nulls > 0) | _hides_nan(zone)
    return Chances(true, false)


_OPPOSITES = {"ne": "eq", "nin": "in"}


def _hides_nan(zone: Zone) -> bool:
    """Whether NaN may be there that is not counted: nullable and Arrow floats tell it from NA."""
    dtype = zone.low.dtype
    return not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "") == "f"


def _true(answer: Any) -> Any:
    return true_only(three_valued(answer))


def _within(zone: Zone, value: Any) -> Any:
    return _true(zone.low <= value) & _true(zone.high >= value)


def _any_within(zone: Zone, values: Any) -> Any:
    import pandas as pd

    if len(values) > MAX_VALUES or pd.isna(pd.Series(list(values), dtype=object)).any():
        raise ValueError("not worth it, or to be found where nothing is")
    return _any(zone.nulls, (_within(zone, value) for value in values))


def _begins(zone: Zone, prefixes: Any) -> Any:
    if zone.low.dtype == "category":
        raise TypeError("the order of categories is not that of their texts")
    found = []
    for prefix in prefixes if isinstance(prefixes, tuple) else (prefixes,):
        low, high = (bound.str.slice(0, len(prefix)) for bound in (zone.low, zone.high))
        found.append(_true(low <= prefix) & _true(high >= prefix))
    return _any(zone.nulls, iter(found))


def _like(zone: Zone, pattern: str) -> Any:
    like = Like(pattern)
    begins = _begins(zone, like.prefix)
    return begins & _within(zone, like.prefix) if like.exact else begins


# Where at least one value may fit.
_FITS: dict[str, Callable[[Zone, Any], Any]] = {
    "eq": _within,
    "gt": lambda zone, value: _true(zone.high > value),
    "gte": lambda zone, value: _true(zone.high >= value),
    "lt": lambda zone, value: _true(zone.low < value),
    "lte": lambda zone, value: _true(zone.low <= value),
    "in": _any_within,
    "between": lambda zone, bounds: _true(zone.high >= bounds[0]) & _true(zone.low <= bounds[1]),
    "startswith": _begins,
    "like": _like,
}

# Where all values fit.
_HOLDS: dict[str, Callable[[Zone, Any], Any]] = {
    "eq": lambda zone, value: _true(zone.low == value) & _true(zone.high == value),
    "gt": lambda zone, value: _true(zone.low > value),
    "gte": lambda zone, value: _true(zone.low >= value),
    "lt": lambda zone, value: _true(zone.high < value),
    "lte": lambda zone, value: _true(zone.high <= value),
    "between": lambda zone, bounds: _true(zone.low >= bounds[0]) & _true(zone.high <= bounds[1]),
}
