"""What rows must be like to stand in one table: labels, their order, dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omega_jupyter.store.table.arrays import column_arrays
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = ["Mismatch", "TableSchema", "in_categories_of", "same_dtype", "same_names"]

NAMED = 5
_CATEGORIES_SHOWN = 6


class Mismatch(Exception):
    """Rows that don't fit a table.

    Parameters
    ----------
    reason : str
        What differs, in words that follow a colon.
    hint : str
        What to do about it.
    """

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class TableSchema:
    """The columns of a table that more rows are added to.

    Parameters
    ----------
    like : pandas.DataFrame
        With the table's labels and dtypes; its rows do not matter.
    """

    def __init__(self, like: Any) -> None:
        self._labels = like.columns
        self._dtypes = list(like.dtypes)
        self._attrs = typed.dumps(like.attrs)

    def arrays(self, frame: Any) -> list[Any]:
        """Return the columns of further rows, in the table's order and with its categories.

        Parameters
        ----------
        frame : pandas.DataFrame
            With the same labels, each once where they stand in another order.

        Raises
        ------
        Mismatch
            A column is missing, new, or of another dtype; all are named. Nothing is
            converted: what pandas would make of two dtypes is not what was put.
        """
        # As pandas.concat() does: a column belongs where its label is.
        frame = self._in_order(frame)
        self._check_attrs(frame)
        wrong = [
            f"column {label!r} is {_told(found, wanted)}, there it is {_told(wanted, found)}"
            for label, found, wanted in zip(self._labels, frame.dtypes, self._dtypes, strict=True)
            if not same_dtype(found, wanted)
        ]
        if wrong:
            raise Mismatch(_listed(wrong), _dtype_hint(self._dtypes, list(frame.dtypes)))
        return [
            in_categories_of(array, dtype)
            for array, dtype in zip(column_arrays(frame), self._dtypes, strict=True)
        ]

    def _in_order(self, frame: Any) -> Any:
        wanted, found = self._labels, frame.columns
        if found.nlevels != wanted.nlevels:
            raise Mismatch(
                f"its columns have {_levels(found)}, there they have {_levels(wanted)}",
                "df.columns = … sets the labels",
            )
        if not same_names(found.names, wanted.names):
            raise Mismatch(
                f"its columns are called {list(found.names)}, there {list(wanted.names)}",
                f"df.columns.names = {list(wanted.names)}",
            )
        if found.equals(wanted):
            return frame
        missing = wanted[~wanted.isin(found)].unique()
        extra = found[~found.isin(wanted)].unique()
        reasons = [f"column {label!r} is missing" for label in missing]
        reasons += [f"column {label!r} is not there" for label in extra]
        if reasons:
            hint = "add what is missing, as df[label] = …" if len(missing) else ""
            hint = hint or f"leave it out: df.drop(columns={list(extra)[:NAMED]!r})"
            raise Mismatch(_listed(reasons), hint)
        if not (wanted.is_unique and found.is_unique and len(wanted) == len(found)):
            raise Mismatch(
                "its columns stand in another order, and labels are repeated",
                "give them in the order in which they are stored",
            )
        return frame.iloc[:, found.get_indexer(wanted)]

    def _check_attrs(self, frame: Any) -> None:
        """Refuse notes that would be lost: a table has one set of them."""
        if not frame.attrs:
            return
        try:
            same = typed.dumps(frame.attrs) == self._attrs
        except Refused:
            same = False
        if not same:
            raise Mismatch("its attrs differ from those that are stored", "df.attrs = {}")


def same_dtype(found: Any, wanted: Any) -> bool:
    """Say whether two dtypes are one, whatever the order of categories without order."""
    return bool(found == wanted)


def same_names(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Say whether the names of two indexes are equal, types too."""
    try:
        return typed.dumps(list(found)) == typed.dumps(list(wanted))
    except Refused:
        return False


def in_categories_of(array: Any, dtype: Any) -> Any:
    """Return a categorical with the categories in the order of an equal dtype."""
    import pandas as pd

    if not isinstance(dtype, pd.CategoricalDtype) or array.categories.equals(dtype.categories):
        return array
    return pd.Categorical(array, dtype=dtype)


def _told(dtype: Any, other: Any) -> str:
    """Return a dtype as text that tells it from the other one."""
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype):
        shown = ", ".join(map(repr, dtype.categories[:_CATEGORIES_SHOWN]))
        more = ", …" if len(dtype.categories) > _CATEGORIES_SHOWN else ""
        order = "ordered " if dtype.ordered else ""
        return f"a category of {order}[{shown}{more}]"
    if isinstance(dtype, pd.StringDtype) and isinstance(other, pd.StringDtype):
        return f"{dtype} ({dtype.storage}, missing: {dtype.na_value})"
    return str(dtype) if str(dtype) != str(other) else repr(dtype)


def _dtype_hint(wanted: list[Any], found: list[Any]) -> str:
    import pandas as pd

    wrong = [(w, f) for w, f in zip(wanted, found, strict=True) if not same_dtype(f, w)]
    if all(isinstance(dtype, pd.CategoricalDtype) for dtype in wrong[0]):
        return (
            "a table's categories are fixed: put it once more, whole, with all of them, "
            "or keep text instead"
        )
    return "df.astype(om.datasets.head(name, 0).dtypes) converts what can be converted"


def _levels(labels: Any) -> str:
    return f"{labels.nlevels} levels" if labels.nlevels > 1 else "one level"


def _listed(reasons: list[str]) -> str:
    more = len(reasons) - NAMED
    shown = "; ".join(reasons[:NAMED])
    return f"{shown}; and {more} more" if more > 0 else shown
