"""The row index of rows that are added to a table: checked, collected, joined to the table's.

A frame that is made by itself counts its rows from 0. So where table and rows both
have such a default index, the rows go on counting, as with ``ignore_index=True``. Every
other index is kept as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.table.fixed import Codes, codes_dtype
from omega_jupyter.store.table.index import (
    dump_index,
    load_index,
    load_range,
    make_index,
    plain_array,
)
from omega_jupyter.store.table.kinds import Kind
from omega_jupyter.store.table.layout import Block
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.schema import Mismatch, in_categories_of, same_dtype, same_names

__all__ = ["AddedIndex", "JoinedIndex"]


class JoinedIndex:
    """The row index of a table with its added rows.

    Attributes
    ----------
    spec : dict
        For the table's description; levels are numbered as before.
    kinds : list of Kind
        Of the columns that hold it.
    levels : dict
        Number of a level to its new content, where it has more values now.
    """

    def __init__(
        self, spec: dict[str, Any], kinds: list[Kind], levels: dict[int, bytes] | None = None
    ) -> None:
        self.spec = spec
        self.kinds = kinds
        self.levels = levels or {}


class AddedIndex(ABC):
    """Collects the index of added rows, frame by frame."""

    @classmethod
    def of(
        cls, reader: TableReader, like: Any, blocks: Sequence[Block], blob: Callable[[int], bytes]
    ) -> AddedIndex:
        """Make the collector for a table.

        Parameters
        ----------
        reader : TableReader
            The table.
        like : pandas.Index
            Its index, of no rows.
        blocks : sequence of Block
            How its columns are cut.
        blob : callable
            Returns a byte string of its description by number.
        """
        spec = reader.index_spec
        kind = spec["k"]
        if kind == "range":
            return _AddedRange(like)
        if kind == "column":
            return _AddedColumn(like, [reader.kind(column) for column in reader.index_columns])
        cut = [block for block in blocks if block.first >= reader.width]
        common = [range(b.first - reader.width, b.first - reader.width + b.width) for b in cut]
        # In the order of the stored codes, which is not always that of the index.
        levels = [load_index(blob(number)) for number in spec["levels"]]
        return _AddedLevels(like, levels, common)

    @property
    @abstractmethod
    def kinds(self) -> list[Kind]:
        """The kinds of the index columns, as far as the rows are known."""

    @abstractmethod
    def add(self, index: Any) -> list[Any]:
        """Take the index of some rows; return what the index columns hold for them.

        Raises
        ------
        Mismatch
            It is of another kind, dtype or name.
        """

    @abstractmethod
    def join(self, reader: TableReader) -> JoinedIndex:
        """Return the index of a table with the rows behind its own.

        Parameters
        ----------
        reader : TableReader
            The table, which may have got rows since the first one was added.

        Raises
        ------
        Mismatch
            They can't stand one behind the other.
        """


class _AddedRange(AddedIndex):
    def __init__(self, like: Any) -> None:
        self._like = like
        self._range: Any = None

    @property
    def kinds(self) -> list[Kind]:
        return []

    def add(self, index: Any) -> list[Any]:
        import pandas as pd

        if type(index) is not pd.RangeIndex:
            raise Mismatch(
                f"its index is {_index_told(index)}, there the rows are counted",
                "df.reset_index() makes a column of it, df.reset_index(drop=True) drops it",
            )
        _check_names(index, self._like)
        self._range = index if self._range is None else _range_behind(self._range, index)
        return []

    def join(self, reader: TableReader) -> JoinedIndex:
        base = load_range(reader.index_spec)
        joined = base if self._range is None else _range_behind(base, self._range)
        bounds = {"start": joined.start, "stop": joined.stop, "step": joined.step}
        return JoinedIndex(reader.index_spec | bounds, [])


def _range_behind(first: Any, second: Any) -> Any:
    import pandas as pd

    if _is_default(first) and _is_default(second):
        return pd.RangeIndex(len(first) + len(second))
    if not len(first) or not len(second):
        return first if len(first) else second
    joined = first.append(second)
    if type(joined) is not pd.RangeIndex:
        raise Mismatch(
            f"its row numbers begin with {second.start}, there the next one is {first.stop}",
            "df.reset_index(drop=True) lets the rows go on counting",
        )
    return joined


def _is_default(index: Any) -> bool:
    return index.start == 0 and index.step == 1 and index.name is None


class _AddedColumn(AddedIndex):
    """An index in one column; datetimes may have a frequency, which goes on or is lost."""

    def __init__(self, like: Any, kinds: list[Kind]) -> None:
        self._like = like
        self._kinds = kinds
        self._first: Any = None
        self._last: Any = None
        self._freq: Any = None

    @property
    def kinds(self) -> list[Kind]:
        return self._kinds

    def add(self, index: Any) -> list[Any]:
        import pandas as pd

        if type(index) is pd.RangeIndex:
            index = pd.Index(np.asarray(index), name=index.name)
        if type(index) is not type(self._like) or not same_dtype(index.dtype, self._like.dtype):
            raise Mismatch(
                f"its index is {_index_told(index)}, there it is {_index_told(self._like)}",
                "df.set_index(…) makes an index of a column",
            )
        _check_names(index, self._like)
        if len(index) and hasattr(index, "freq"):
            self._count_on(index)
        return [in_categories_of(plain_array(index), self._like.dtype)]

    def _count_on(self, index: Any) -> None:
        if self._last is None:
            self._first, self._freq = index[0], index.freq
        elif not _goes_on(self._last, self._freq, index[0], index.freq):
            self._freq = None
        self._last = index[-1]

    def join(self, reader: TableReader) -> JoinedIndex:
        spec = reader.index_spec
        if spec.get("freq") is None or self._last is None:
            return JoinedIndex(spec, self._kinds)
        last = _last_label(reader, spec["freq"])
        # pandas.concat() keeps it in this case alone.
        if last is None:
            kept = self._freq == make_index(plain_array(self._like), None, spec["freq"]).freq
        else:
            kept = _goes_on(last[-1], last.freq, self._first, self._freq)
        return JoinedIndex(spec if kept else spec | {"freq": None}, self._kinds)


def _goes_on(last: Any, freq: Any, first: Any, other: Any) -> bool:
    return freq is not None and freq == other and bool(last + freq == first)


def _last_label(reader: TableReader, freq: str) -> Any:
    """Return the index of a table's last row; None where it has no rows."""
    groups = [rows for rows in reader.all_rows() if rows.total]
    if not groups:
        return None
    last = groups[-1]
    (array,) = reader.arrays(reader.index_columns, [last.part(last.total - 1, last.total)])
    return make_index(array, None, freq)


class _AddedLevels(AddedIndex):
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
        kinds: list[Kind] = [Codes.make(len(level)) for level in self._levels]
        for block in self._common:
            # The columns of a chunk are of one kind.
            kind = Codes.make(max(len(self._levels[number]) for number in block))
            for number in block:
                kinds[number] = kind
        return kinds

    def add(self, index: Any) -> list[Any]:
        import pandas as pd

        if type(index) is not pd.MultiIndex or index.nlevels != self._like.nlevels:
            raise Mismatch(
                f"its index is {_index_told(index)}, there it is {_index_told(self._like)}",
                "df.set_index([…]) makes levels of columns",
            )
        _check_names(index, self._like)
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
            f"level {told} of its index is {_index_told(level)}, there {_index_told(wanted)}",
            "df.index.set_levels(…) changes the dtype of a level",
        )

    def join(self, reader: TableReader) -> JoinedIndex:
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


def concatenated(arrays: Sequence[Any]) -> Any:
    """Join arrays of one dtype, of numpy or pandas."""
    if len(arrays) == 1:
        return arrays[0]
    first = arrays[0]
    if isinstance(first, np.ndarray):
        # By itself, numpy would change the order of bytes; codes may differ in width.
        same = all(array.dtype == first.dtype for array in arrays)
        return np.concatenate(arrays, dtype=first.dtype if same else None)
    # pandas' interface for extension arrays; concat() would ask dtypes for a common one.
    return type(first)._concat_same_type(arrays)


def cast_codes(array: Any, kind: Kind) -> Any:
    """Return codes as wide as their kind stores them; other arrays as they are."""
    if kind.code != Codes.code:
        return array
    return array.astype(codes_dtype(kind.spec["n"]), copy=False)


def _check_names(index: Any, like: Any) -> None:
    if not same_names(index.names, like.names):
        raise Mismatch(
            f"its index is called {_names(index)}, there {_names(like)}",
            f"df.index.names = {list(like.names)!r}",
        )


def _names(index: Any) -> str:
    names = list(index.names)
    shown = names[0] if len(names) == 1 else names
    return "nothing" if shown is None else repr(shown)


def _index_told(index: Any) -> str:
    if index.nlevels > 1:
        return f"a MultiIndex of {index.nlevels} levels"
    return f"a {type(index).__name__} of {index.dtype}"
