"""The index of the rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.arrays import plain_array
from omega_jupyter.store.table.columns.codes import Codes
from omega_jupyter.store.table.columns.index import (
    check_class,
    dump_freq,
    dump_name,
    dump_range,
    make_index,
    make_multi,
)
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.columns.kinds import dump_index, kind_of
from omega_jupyter.store.values import typed

__all__ = ["RowIndex", "names_of", "rebuild", "rebuild_level"]


class RowIndex:
    """The index of a table's rows: a range, or columns behind the data columns.

    Attributes
    ----------
    spec : dict
        For the table's description.
    kinds, arrays : list
        The columns that it needs.
    """

    def __init__(self, spec: dict[str, Any], kinds: list[Kind], arrays: list[Any]) -> None:
        self.spec = spec
        self.kinds = kinds
        self.arrays = arrays

    @classmethod
    def of(cls, index: Any, blobs: Blobs) -> RowIndex:
        """Describe an index.

        Raises
        ------
        Refused
            It can't be kept; the reason follows "the index".
        """
        import pandas as pd

        if type(index) is pd.RangeIndex:
            return cls(dump_range(index), [], [])
        if type(index) is pd.MultiIndex:
            levels = [blobs.add(dump_index(level)) for level in index.levels]
            spec: dict[str, Any] = {
                "k": "levels",
                "levels": levels,
                "names": dump_name(list(index.names)),
            }
            arrays = [np.asarray(codes) for codes in index.codes]
            return cls(spec, [Codes.make(len(level)) for level in index.levels], arrays)
        check_class(index)
        array = plain_array(index)
        spec = {"k": "column", "name": dump_name(index.name), "freq": dump_freq(index)}
        return cls(spec, [kind_of(array, blobs)], [array])


def names_of(spec: dict[str, Any]) -> list[Any]:
    """Return the names of a row index's levels."""
    if spec["k"] == "levels":
        return list(typed.loads(spec["names"]))
    return [typed.loads(spec["name"])]


def rebuild(
    spec: dict[str, Any], arrays: list[Any], load: Callable[[int], Any], *, step: int | None
) -> Any:
    """Make the row index again.

    Parameters
    ----------
    spec : dict
        From the table's description; not of a range, whose caller knows the rows.
    arrays : list
        The index columns.
    load : callable
        Returns the index in a blob of the description, by its number.
    step : int, optional
        The distance of the rows that were read, which the frequency is multiplied
        with. None: they have no common distance, and the index no frequency.
    """
    if spec["k"] == "levels":
        levels = [load(number) for number in spec["levels"]]
        codes = list(arrays)
        for level in spec.get("sort", ()):
            levels[level], codes[level] = _sorted_level(levels[level], codes[level])
        return make_multi(levels, codes, typed.loads(spec["names"]))
    freq = spec["freq"] if step is not None else None
    index = make_index(arrays[0], typed.loads(spec["name"]), freq if step == 1 else None)
    if freq is not None and step != 1:
        import pandas as pd

        index.freq = pd.tseries.frequencies.to_offset(freq) * step
    return index


def _sorted_level(level: Any, codes: Any) -> tuple[Any, Any]:
    """Return a level in order, and its codes: pandas takes slices by the order of the codes."""
    order = level.argsort()
    # One more, for -1.
    places = np.full(len(level) + 1, -1)
    places[order] = np.arange(len(level))
    return level.take(order), places[codes]


def rebuild_level(spec: dict[str, Any], level: int, array: Any, load: Callable[[int], Any]) -> Any:
    """Return the values of one level of a row index that is not a range."""
    if spec["k"] == "levels":
        return make_multi([load(spec["levels"][level])], [array], [None]).get_level_values(0)
    return make_index(array, None, None)
