"""The row index of rows that are added to a table: checked, collected, joined to the table's.

A frame that is made by itself counts its rows from 0. So where table and rows both
have such a default index, the rows go on counting, as with ``ignore_index=True``. Every
other index is kept as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from omega_jupyter.store.table.arrays import plain_array
from omega_jupyter.store.table.columns.index import load_range, make_index
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.schema import Mismatch, in_categories_of, same_dtype, same_names

__all__ = ["AddedColumn", "AddedIndex", "AddedRange", "JoinedIndex", "check_names", "index_told"]


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


class AddedRange(AddedIndex):
    """A range: it goes on counting, or continues by itself.

    Parameters
    ----------
    like : pandas.RangeIndex
        The table's index, of no rows.
    numbers_rows : bool
        Whether a default range only numbers rows; False: it is what the user stores.
    """

    def __init__(self, like: Any, *, numbers_rows: bool) -> None:
        self._like = like
        self._numbers_rows = numbers_rows
        self._range: Any = None

    @property
    def kinds(self) -> list[Kind]:
        """Return the kinds of its columns."""
        return []

    def add(self, index: Any) -> list[Any]:
        """Check the index and take it."""
        import pandas as pd

        if type(index) is not pd.RangeIndex:
            raise Mismatch(
                f"its index is {index_told(index)}, there the rows are counted",
                "df.reset_index() makes a column of it, df.reset_index(drop=True) drops it",
            )
        check_names(index, self._like)
        self._range = index if self._range is None else self._behind(self._range, index)
        return []

    def join(self, reader: TableReader) -> JoinedIndex:
        """Go on from where the table ends."""
        base = load_range(reader.index_spec)
        joined = base if self._range is None else self._behind(base, self._range)
        bounds = {"start": joined.start, "stop": joined.stop, "step": joined.step}
        return JoinedIndex(reader.index_spec | bounds, [])

    def _behind(self, first: Any, second: Any) -> Any:
        import pandas as pd

        if self._numbers_rows and _is_default(first) and _is_default(second):
            return pd.RangeIndex(len(first) + len(second))
        if not len(first) or not len(second):
            return first if len(first) else second
        joined = first.append(second)
        if type(joined) is not pd.RangeIndex:
            hint = "put all of it once more, as Index(list(…)), to which any numbers can be added"
            if self._numbers_rows:
                hint = "df.reset_index(drop=True) lets the rows go on counting"
            raise Mismatch(
                f"its row numbers begin with {second.start}, there the next one is {first.stop}",
                hint,
            )
        return joined


def _is_default(index: Any) -> bool:
    return index.start == 0 and index.step == 1 and index.name is None


class AddedColumn(AddedIndex):
    """An index in one column; datetimes may have a frequency, which goes on or is lost."""

    def __init__(self, like: Any, kinds: list[Kind]) -> None:
        self._like = like
        self._kinds = kinds
        self._first: Any = None
        self._last: Any = None
        self._freq: Any = None

    @property
    def kinds(self) -> list[Kind]:
        """Return the kinds of its columns."""
        return self._kinds

    def add(self, index: Any) -> list[Any]:
        """Check the index and take it."""
        import pandas as pd

        if type(index) is pd.RangeIndex:
            index = pd.Index(np.asarray(index), name=index.name)
        if type(index) is not type(self._like) or not same_dtype(index.dtype, self._like.dtype):
            raise Mismatch(
                f"its index is {index_told(index)}, there it is {index_told(self._like)}",
                "df.set_index(…) makes an index of a column",
            )
        check_names(index, self._like)
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
        """Go on from where the table ends."""
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


def check_names(index: Any, like: Any) -> None:
    """Refuse an index whose names are not the table's."""
    if not same_names(index.names, like.names):
        raise Mismatch(
            f"its index is called {_names(index)}, there {_names(like)}",
            f"df.index.names = {list(like.names)!r}",
        )


def _names(index: Any) -> str:
    names = list(index.names)
    shown = names[0] if len(names) == 1 else names
    return "nothing" if shown is None else repr(shown)


def index_told(index: Any) -> str:
    """Return what an index is, for errors."""
    if index.nlevels > 1:
        return f"a MultiIndex of {index.nlevels} levels"
    return f"a {type(index).__name__} of {index.dtype}"
