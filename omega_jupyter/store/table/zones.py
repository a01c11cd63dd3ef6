"""Zone maps: minimum, maximum and missing values of each row group and column.

They are kept in chunks of their own, for up to 64 columns each, so that a
filter reads little to know which row groups it can leave out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.store.payload.payload import Key, Source
from omega_jupyter.store.table.columns.kind import Bounds, Kind

__all__ = ["ZONE_GROUP", "Zone", "dump_zones", "range_zone", "read_zones", "zone_width"]

# The row group that zone maps have in place of one.
ZONE_GROUP = 0xFFFF_FFFF
MAX_WIDTH = 64
ZONE_BYTES = 256 << 10
UNKNOWN_NULLS = 0xFFFF_FFFF
_UNKNOWN = Bounds(None, None, UNKNOWN_NULLS)


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
    zones: dict[str, Any] = {}
    there = [n for n, known in enumerate(bounds) if any(b is not None for b in known)]
    # Those of one kind together: wide tables have many.
    for _, run in groupby(there, key=lambda number: id(kinds[number])):
        columns = list(run)
        filled = [[_UNKNOWN if b is None else b for b in bounds[number]] for number in columns]
        kind = kinds[columns[0]]
        lows = kind.pack_all_bounds([[b.low for b in known] for known in filled])
        highs = kind.pack_all_bounds([[b.high for b in known] for known in filled])
        nulls = np.array([[b.nulls for b in known] for known in filled], "<u4")
        for at, (number, known) in enumerate(zip(columns, filled, strict=True)):
            zones[str(number)] = {
                "lo": lows[at],
                "hi": highs[at],
                "n": nulls[at].tobytes(),
                "u": [g for g, b in enumerate(known) if b.low is None or b.high is None],
            }
    return zones


def read_zones(
    source: Source, entry: Mapping[str, Any], kinds: Mapping[int, Kind]
) -> dict[int, Zone]:
    """Read what is known of columns; of inline tables that is nothing.

    Parameters
    ----------
    source : Source
        Where the chunks are.
    entry : dict
        The part of the table, from its description.
    kinds : mapping of int to Kind
        The columns that are stored, and their kinds.
    """
    import bson

    found: dict[int, Zone] = {}
    if not source.has_closing(entry["i"]):
        return found
    places = {column: divmod(column, int(entry["z"])) for column in kinds}
    keys = [Key(ZONE_GROUP, place, 0) for place in sorted({p for p, _ in places.values()})]
    known: dict[int, dict[str, Any]] = {}
    source.fetch(entry["i"], keys, lambda _, p, d: known.update({p: bson.decode(d)}))
    for column, (place, key) in places.items():
        stored = known[place].get(str(key))
        if stored is not None:
            found[column] = _loaded(kinds[column], stored, len(entry["rows"]))
    return found


def _loaded(kind: Kind, stored: dict[str, Any], groups: int) -> Zone:
    import pandas as pd

    unknown = np.zeros(groups, bool)
    unknown[stored["u"]] = True
    bounds = [kind.unpack_one(stored[end], groups) for end in ("lo", "hi")]
    low, high = (pd.Series(values, dtype=values.dtype, copy=False) for values in bounds)
    return Zone(low, high, np.frombuffer(stored["n"], "<u4"), unknown)


def range_zone(index: Any, starts: Any, rows: Any) -> Zone:
    """Return the bounds of a range index, which nothing is stored of.

    Parameters
    ----------
    index : pandas.RangeIndex
        Of the whole table.
    starts, rows : numpy.ndarray of int
        First row and number of rows of each row group.
    """
    import pandas as pd

    first, last = index.take(starts), index.take(starts + rows - 1)
    ends = pd.Series(first), pd.Series(last)
    low, high = ends if index.step > 0 else ends[::-1]
    return Zone(low, high, np.zeros(len(rows), "u4"), np.zeros(len(rows), bool))
