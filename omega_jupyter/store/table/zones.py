"""Zone maps: minimum, maximum and missing values of each row group and column.

They are kept in chunks of their own, for up to 64 columns each, so that a
filter reads little to know which row groups it can leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.store.table.kinds import Bounds, Kind

__all__ = ["ZONE_GROUP", "Zone", "dump_zones", "load_zone", "may_fit", "true_where", "zone_width"]

# The row group that zone maps have in place of one.
ZONE_GROUP = 0xFFFF_FFFF
MAX_WIDTH = 64
ZONE_BYTES = 256 << 10
MAX_VALUES = 100
UNKNOWN_NULLS = 0xFFFF_FFFF

# What pandas, numpy and Arrow raise when a value can't be compared with a column.
NOT_COMPARABLE = (TypeError, ValueError, AttributeError, ArithmeticError, NotImplementedError)


class Zone(NamedTuple):
    """The bounds of one column in all row groups of a part of a table.

    Attributes
    ----------
    low, high : pandas.Series
        Of the column's own dtype, one value for each row group.
    nulls : numpy.ndarray of int
        Missing values of each row group.
    unknown : numpy.ndarray of bool
        The row groups whose bounds say nothing.
    """

    low: Any
    high: Any
    nulls: Any
    unknown: Any


def zone_width(groups: int) -> int:
    """Return how many columns share a chunk of zone maps."""
    return min(MAX_WIDTH, max(1, ZONE_BYTES // (24 * max(groups, 1))))


def dump_zones(kinds: Sequence[Kind], bounds: Sequence[Sequence[Bounds | None]]) -> dict[str, Any]:
    """Write the bounds of some columns.

    Parameters
    ----------
    kinds : sequence of Kind
        One for each column.
    bounds : sequence of sequence of Bounds
        For each column, of all row groups.

    Returns
    -------
    dict
        Number of the column among these to its bounds.
    """
    zones = {}
    for number, (kind, known) in enumerate(zip(kinds, bounds, strict=True)):
        if not any(b is not None for b in known):
            continue
        zones[str(number)] = {
            "lo": kind.pack_bounds([None if b is None else b.low for b in known]),
            "hi": kind.pack_bounds([None if b is None else b.high for b in known]),
            "n": np.array(
                [UNKNOWN_NULLS if b is None else b.nulls for b in known], "<u4"
            ).tobytes(),
            "u": [g for g, b in enumerate(known) if b is None or b.low is None or b.high is None],
        }
    return zones


def load_zone(kind: Kind, stored: dict[str, Any], groups: int) -> Zone:
    """Read the bounds of one column."""
    import pandas as pd

    unknown = np.zeros(groups, bool)
    unknown[stored["u"]] = True
    return Zone(
        pd.Series(kind.unpack_one(stored["lo"], groups), copy=False),
        pd.Series(kind.unpack_one(stored["hi"], groups), copy=False),
        np.frombuffer(stored["n"], "<u4"),
        unknown,
    )


def may_fit(zone: Zone, rows: Any, operator: str, value: Any) -> Any:
    """Say which row groups may hold rows for which a condition is true.

    Parameters
    ----------
    zone : Zone
        The column's bounds.
    rows : numpy.ndarray of int
        The rows of each row group.
    operator, value
        The condition.

    Returns
    -------
    numpy.ndarray of bool
        False only where no row can fit.
    """
    if operator in ("isnull", "notnull"):
        wants_null = (operator == "isnull") == bool(value)
        fits: Any = zone.nulls > 0 if wants_null else zone.nulls != rows
        return fits
    test = _TESTS.get(operator)
    if test is None:
        return np.ones(len(rows), bool)
    try:
        fits = true_where(test(zone, value))
    except NOT_COMPARABLE:
        # pandas will say what is wrong when it is asked for the rows themselves.
        return np.ones(len(rows), bool)
    empty = zone.nulls == rows
    return (fits & ~empty) | (zone.unknown & ~empty) | (empty & _wants_null(operator, value))


def true_where(answer: Any) -> Any:
    """Return where a Series is known to be true, as a numpy array."""
    if answer.dtype == bool:
        return answer.to_numpy()
    known = answer.notna().to_numpy()
    mask = np.zeros(len(answer), bool)
    mask[known] = answer[known].astype(bool).to_numpy()
    return mask


def _wants_null(operator: str, value: Any) -> bool:
    """Whether a missing value may fit: only isin() finds them."""
    return operator == "in" and _has_null(value)


def _has_null(values: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(pd.Series(list(values), dtype=object)).any())


def _within(zone: Zone, value: Any) -> Any:
    return true_where(zone.low <= value) & true_where(zone.high >= value)


def _series(mask: Any) -> Any:
    import pandas as pd

    return pd.Series(mask)


def _any_within(zone: Zone, values: Any) -> Any:
    listed = list(values)
    if len(listed) > MAX_VALUES or _has_null(listed):
        raise ValueError("not worth it")
    fits = np.zeros(len(zone.nulls), bool)
    for value in listed:
        fits |= _within(zone, value)
    return _series(fits)


def _between(zone: Zone, bounds: Any) -> Any:
    low, high = bounds
    return _series(true_where(zone.high >= low) & true_where(zone.low <= high))


def _startswith(zone: Zone, prefix: Any) -> Any:
    if not isinstance(prefix, str):
        raise TypeError(prefix)
    size = len(prefix)
    low = zone.low.str.slice(0, size)
    high = zone.high.str.slice(0, size)
    return _series(true_where(low <= prefix) & true_where(high >= prefix))


_TESTS: dict[str, Callable[[Zone, Any], Any]] = {
    "eq": lambda zone, value: _series(_within(zone, value)),
    "gt": lambda zone, value: zone.high > value,
    "gte": lambda zone, value: zone.high >= value,
    "lt": lambda zone, value: zone.low < value,
    "lte": lambda zone, value: zone.low <= value,
    "in": _any_within,
    "between": _between,
    "startswith": _startswith,
}
