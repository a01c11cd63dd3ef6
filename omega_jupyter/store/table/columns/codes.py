"""Columns of positions in a list: categoricals, and the levels of a MultiIndex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.table.columns.fixed import (
    FixedCollector,
    pack_fixed,
    pack_values,
)
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.table.columns.narrow import Narrowed
from omega_jupyter.store.table.columns.unsound import unsound

__all__ = ["Category", "Codes", "check_codes", "codes_dtype"]


class _CodesCollector(FixedCollector):
    """Takes codes of any width: later segments may need wider ones."""

    def _narrowed(self, piece: Piece, data: bytes | memoryview) -> Narrowed | None:
        return None

    def _stored(self, piece: Piece, data: bytes | memoryview) -> Any:
        cells = piece.width * piece.rows
        return np.dtype(f"<i{len(data) // cells if cells else 1}")


class Codes(Kind):
    """Positions in a list, -1 for none: the levels of a MultiIndex."""

    code = "l"

    @classmethod
    def make(cls, count: int) -> Codes:
        """Describe codes into a list of so many values."""
        return cls({"n": count})

    def row_bytes(self, array: Any) -> float:
        """Return the width of a code."""
        return float(array.dtype.itemsize)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the codes."""
        return pack_fixed(arrays, start, stop)

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect codes of the width that pandas uses for so many values."""
        return _CodesCollector(codes_dtype(self.spec["n"]), columns, rows)


class Category(Codes):
    """Categoricals: codes, and the categories in a blob."""

    code = "c"

    def __init__(self, spec: Spec, dtype: Any) -> None:
        super().__init__(spec)
        self._dtype = dtype

    @classmethod
    def of(cls, array: Any, number: int) -> Category:
        """Describe a categorical, whose categories are in the blob of that number."""
        spec = {"b": number, "n": len(array.categories), "o": bool(array.ordered)}
        return cls(spec, array.dtype)

    @classmethod
    def read(cls, spec: Spec, categories: Any) -> Category:
        """Take the categories: a pandas.Index."""
        import pandas as pd

        return cls(spec, pd.CategoricalDtype(categories, spec["o"]))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the codes."""
        return pack_fixed([array.codes for array in arrays], start, stop)

    def row_bytes(self, array: Any) -> float:
        """Return the width of a code."""
        return float(array.codes.dtype.itemsize)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare the codes of ordered categories."""
        if not self.spec["o"] or not rows:
            return None
        codes = np.frombuffer(data, f"<i{len(data) // (width * rows)}").reshape(width, rows)
        bounds = []
        for column in codes:
            present = column[column >= 0]
            low, high = (present.min(), present.max()) if len(present) else (-1, -1)
            bounds.append(Bounds(low, high, rows - len(present)))
        return bounds

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column of codes."""
        return pack_values(values, np.dtype("<i8"))

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect codes and make categoricals of them."""
        return _CategoryCollector(self._dtype, self.spec["n"], columns, rows)


class _CategoryCollector(_CodesCollector):
    def __init__(self, dtype: Any, count: int, columns: int, rows: int) -> None:
        super().__init__(codes_dtype(count), columns, rows)
        self._dtype = dtype

    def finish(self) -> list[Any]:
        import pandas as pd

        count = len(self._dtype.categories)
        make = pd.Categorical.from_codes
        # pandas' own validation looks for missing values, too.
        return [
            make(check_codes(codes, count), dtype=self._dtype, validate=False)
            for codes in self.values
        ]

    def matrix(self) -> Any:
        return None


def check_codes(codes: Any, count: int) -> Any:
    """Return codes, which must stay within a list of so many values: pandas would not look.

    Raises
    ------
    Invalid
        They don't, so that what they mean would be read from memory that is not theirs.
    """
    if len(codes) and (codes.min() < -1 or codes.max() >= count):
        raise unsound("codes point beyond the values that there are")
    return codes


def codes_dtype(count: int) -> Any:
    """Return the integer type that pandas uses for positions among so many values."""
    for width, limit in ((1, 1 << 7), (2, 1 << 15), (4, 1 << 31)):
        if count < limit:
            return np.dtype(f"<i{width}")
    return np.dtype("<i8")
