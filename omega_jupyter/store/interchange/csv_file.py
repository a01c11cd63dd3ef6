"""CSV, read in parts as ``pandas.read_csv(path, low_memory=False)`` reads it whole.

What pandas takes a column for hangs on all of its values. So the file is read twice:
first to find that out, then with the dtypes that were found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from omega_jupyter.errors import Invalid

__all__ = ["CsvFile"]

# Text that is parsed at a time.
PART_BYTES = 16 << 20
MIN_ROWS, MAX_ROWS = 256, 65_536
_LOOKED_AT = 256 << 10

# Whole numbers that 64 bits may not hold.
_BIG_NUMBER = r"\s*[+-]?\d{19,}\s*"

# What a column can be in one part of the file.
_INT, _BIG, _FLOAT, _BOOL, _TEXT, _NONE = range(6)


class CsvFile:
    """A CSV file with a line of labels.

    Parameters
    ----------
    path : Path
        ``.csv``, or compressed as pandas knows by the name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows = 0

    def frames(self, surveyed: Callable[[int], None] = lambda rows: None) -> Iterator[Any]:
        """Read frames whose dtypes are those of the whole.

        Parameters
        ----------
        surveyed : callable
            Called with the rows that were looked at, from time to time.

        Yields
        ------
        pandas.DataFrame
            At least one, which may have no rows.

        Raises
        ------
        Invalid
            Lines have more fields than there are labels.
        """
        size = _rows_of_a_part(self._path)
        columns: list[_Column] = []
        with self._open(size) as parts:
            for part in parts:
                if not columns:
                    self._check(part)
                    columns = [_Column() for _ in part.columns]
                for column, (_, values) in zip(columns, part.items(), strict=True):
                    column.look(values)
                self.rows += len(part)
                surveyed(self.rows)
        if not self.rows:
            yield pd.read_csv(self._path)
            return
        odd = [place for place, column in enumerate(columns) if column.hangs_on_order]
        # Whole numbers beyond 64 bits: what pandas makes of them hangs on their order.
        whole = pd.read_csv(self._path, usecols=odd, low_memory=False) if odd else None
        labels = part.columns
        dtypes = {
            labels[place]: column.dtype
            for place, column in enumerate(columns)
            if column.dtype is not None and place not in odd
        }
        at = 0
        with self._open(size, dtypes) as parts:
            for frame in parts:
                for place, column in enumerate(columns):
                    if whole is not None and place in odd:
                        values = whole.iloc[at : at + len(frame), odd.index(place)]
                        frame.isetitem(place, values.array)
                    elif column.mixed:
                        frame.isetitem(place, frame.iloc[:, place].astype(object))
                at += len(frame)
                yield frame

    def _open(self, rows: int, dtypes: dict[Any, Any] | None = None) -> Any:
        return pd.read_csv(self._path, chunksize=rows, low_memory=False, dtype=dtypes)

    def _check(self, part: Any) -> None:
        if type(part.index) is not pd.RangeIndex:
            raise Invalid(
                f"The lines of {self._path.name!r} have more fields than there are labels",
                hint="put(pd.read_csv(path, index_col=0, chunksize=50_000), name) keeps them",
            )


class _Column:
    """What is known of a column after some parts of the file."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._missing = False

    def look(self, values: Any) -> None:
        """Take note of a part."""
        missing = bool(values.isna().any())
        self._missing = self._missing or missing
        self._seen.add(_seen_in(values, missing))

    @property
    def _text(self) -> bool:
        # A word among numbers, or numbers among truth values, make texts of all of them.
        some = self._seen - {_NONE}
        return _TEXT in some or (_BOOL in some and len(some) > 1)

    @property
    def hangs_on_order(self) -> bool:
        """Whether there are numbers that 64 bits don't hold: which comes first decides."""
        return _BIG in self._seen

    @property
    def mixed(self) -> bool:
        """Whether it holds True, False and NaN."""
        return not self._text and _BOOL in self._seen and self._missing

    @property
    def dtype(self) -> Any:
        """What to tell pandas; None where it finds out by itself in each part."""
        if self._text:
            return pd.Series(["text"]).dtype
        if self._seen <= {_INT} and not self._missing:
            return np.dtype("int64")
        return None if _BOOL in self._seen else np.dtype("float64")


def _seen_in(values: Any, missing: bool) -> int:
    kinds = {"i": _INT, "u": _BIG, "b": _BOOL, "f": _FLOAT}
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in kinds:
        seen = kinds[values.dtype.kind]
        return _NONE if seen == _FLOAT and missing and values.isna().all() else seen
    present = values.dropna()
    if len(present) and not isinstance(present.iloc[0], str):
        return _BOOL if isinstance(present.iloc[0], bool | np.bool_) else _BIG
    return _BIG if present.str.fullmatch(_BIG_NUMBER).any() else _TEXT


def _rows_of_a_part(path: Path) -> int:
    """Return how many lines make a part of about 16 MiB."""
    if path.suffix != ".csv":
        return MAX_ROWS // 2
    with path.open("rb") as file:
        text = file.read(_LOOKED_AT)
    lines = max(text.count(b"\n"), 1)
    return min(max(PART_BYTES * lines // max(len(text), 1), MIN_ROWS), MAX_ROWS)
