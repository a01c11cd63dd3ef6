"""The MultiIndex of rows that are added to a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.table.added import AddedIndex, JoinedIndex, check_names, index_told
from omega_jupyter.store.table.arrays import concatenated, plain_array
from omega_jupyter.store.table.columns.codes import Codes, codes_dtype
from omega_jupyter.store.table.columns.index import make_index
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.columns.kinds import dump_index
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.schema import Mismatch, in_categories_of, same_dtype

__all__ = ["AddedLevels", "cast_codes"]


class AddedLevels(AddedIndex):
    """A MultiIndex: codes into levels, which get the values that they don't have behind theirs.

    So the codes of the rows that are there stay as they are.
    """

    def __init__(self, like: Any, levels: list[Any], common: Sequence[Sequence[int]]) -> None:
        self._like = like
        self._common = common
        self._levels = list(levels)
        self._old = levels

    @property
    def kinds(self) -> list[Kind]:
        """Return the kinds of its columns."""
        kinds: list[Kind] = [Codes.make(len(level)) for level in self._levels]
        for block in self._common:
            # The columns of a chunk are of one kind.
            kind = Codes.make(max(len(self._levels[number]) for number in block))
            for number in block:
                kinds[number] = kind
        return kinds

    def add(self, index: Any) -> list[Any]:
        """Check the index and take it."""
        import pandas as pd

        if type(index) is not pd.MultiIndex or index.nlevels != self._like.nlevels:
            raise Mismatch(
                f"its index is {index_told(index)}, there it is {index_told(self._like)}",
                "df.set_index([…]) makes levels of columns",
            )
        check_names(index, self._like)
        found = []
        for number, (level, codes) in enumerate(zip(index.levels, index.codes, strict=True)):
            known = self._levels[number]
            if type(level) is not type(known) and pd.RangeIndex not in (type(level), type(known)):
                raise self._of_level(number, level)
            if not same_dtype(level.dtype, known.dtype):
                raise self._of_level(number, level)
            self._levels[number], numbers = _with_values(known, level, np.asarray(codes))
            found.append(numbers)
        return [cast_codes(codes, kind) for codes, kind in zip(found, self.kinds, strict=True)]

    def _of_level(self, number: int, level: Any) -> Mismatch:
        name = self._like.names[number]
        told = number if name is None else repr(name)
        wanted = self._like.levels[number]
        return Mismatch(
            f"level {told} of its index is {index_told(level)}, there {index_told(wanted)}",
            "df.index.set_levels(…) changes the dtype of a level",
        )

    def join(self, reader: TableReader) -> JoinedIndex:
        """Put the new values of each level behind the old ones."""
        spec = dict(reader.index_spec)
        changed = {n for n, level in enumerate(self._levels) if len(level) > len(self._old[n])}
        # pandas sorts the levels that it makes, and slices by their order.
        unsorted = {n for n in changed if _needs_sorting(self._levels[n])}
        if unsorted:
            spec["sort"] = sorted(unsorted | set(spec.get("sort", ())))
        return JoinedIndex(spec, self.kinds, {n: dump_index(self._levels[n]) for n in changed})


def _with_values(known: Any, level: Any, codes: Any) -> tuple[Any, Any]:
    """Return a level with the used values of another one, and codes into it."""
    import pandas as pd

    if known is level or known.equals(level):
        return known, codes
    used = np.unique(codes[codes >= 0])
    ours, theirs = plain_array(known), plain_array(level)[used]
    joined = concatenated([ours, in_categories_of(theirs, known.dtype)])
    numbers, _ = pd.factorize(joined, use_na_sentinel=False)
    places = np.full(len(joined) + 1, -1)
    # From behind, so that the first place of a value is the one that stays.
    places[numbers[: len(ours)][::-1]] = np.arange(len(ours))[::-1]
    wanted = numbers[len(ours) :]
    fresh = np.flatnonzero(places[wanted] < 0)
    if len(fresh):
        _, first = np.unique(wanted[fresh], return_index=True)
        fresh = fresh[np.sort(first)]
        places[wanted[fresh]] = np.arange(len(ours), len(ours) + len(fresh))
        known = make_index(concatenated([ours, joined[len(ours) + fresh]]), known.name, None)
    mapping = np.full(len(level) + 1, -1)
    mapping[used] = places[wanted]
    return known, mapping[codes]


def _needs_sorting(level: Any) -> bool:
    if level.is_monotonic_increasing:
        return False
    try:
        level.argsort()
    except TypeError:
        # Values without an order: pandas leaves them as they come.
        return False
    return True


def cast_codes(array: Any, kind: Kind) -> Any:
    """Return codes as wide as their kind stores them; other arrays as they are."""
    if kind.code != Codes.code:
        return array
    return array.astype(codes_dtype(kind.spec["n"]), copy=False)
