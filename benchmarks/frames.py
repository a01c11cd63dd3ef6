"""The frames that are stored: numbers, mixed, wide and small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["FRAMES", "Sample", "sample"]

ROWS = 1_000_000


@dataclass(frozen=True)
class Sample:
    """A frame and what is asked of it.

    Attributes
    ----------
    name : str
        A, B, C or D.
    frame, sorted : pandas.DataFrame
        As it is made, and sorted by its first column.
    two : list of str
        The first and the last column.
    first, random : str
        A column that `sorted` is sorted by; one whose highest values are anywhere.
    above_first, above_random : float
        What 1 % of the rows are above.
    tail : pandas.DataFrame
        The last 1 % of the rows, to be appended.
    """

    name: str
    frame: pd.DataFrame
    sorted: pd.DataFrame
    two: list[str]
    first: str
    above_first: float
    random: str
    above_random: float
    tail: pd.DataFrame

    @property
    def title(self) -> str:
        """Name, shape and size."""
        rows, columns = self.frame.shape
        size = self.frame.memory_usage(index=False).sum() / 2**20
        return f"{self.name}: {rows:,} × {columns} {DESCRIBED[self.name]}, {size:,.1f} MiB"

    @property
    def is_small(self) -> bool:
        """Whether one call is too short to be timed alone."""
        return len(self.frame) < 1000


def sample(name: str) -> Sample:
    """Make a frame."""
    frame = FRAMES[name]()
    columns = list(frame.columns)
    first, random = columns[0], columns[3]
    return Sample(
        name=name,
        frame=frame,
        sorted=frame.sort_values(first, ignore_index=True),
        two=[first, columns[-1]],
        first=first,
        above_first=float(frame[first].quantile(0.99)),
        random=random,
        above_random=float(frame[random].quantile(0.99)),
        tail=frame.iloc[-max(1, len(frame) // 100) :].reset_index(drop=True),
    )


def numbers() -> pd.DataFrame:
    """Return frame A: a million rows of ten floats."""
    values = np.random.default_rng(0).random((ROWS, 10))
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(10)])


def mixed() -> pd.DataFrame:
    """Return frame B: a million rows of numbers, text, time, category and missing values."""
    rng = np.random.default_rng(1)
    low = pd.array([f"city {i}" for i in range(100)], dtype="str")
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "small": rng.integers(0, 100, ROWS, dtype=np.int32),
            "count": rng.integers(0, 10_000, ROWS),
            "x": rng.random(ROWS),
            "price": rng.random(ROWS).round(2),
            "single": rng.random(ROWS, dtype=np.float32),
            "city": low[rng.integers(0, 100, ROWS)],
            "key": pd.array([f"key-{i:08d}" for i in rng.permutation(ROWS)], dtype="str"),
            "at": pd.date_range("2020", periods=ROWS, freq="s", tz="Europe/Berlin", unit="us"),
            "kind": pd.Categorical.from_codes(rng.integers(0, 5, ROWS), list("abcde")),
            "flag": pd.arrays.BooleanArray(rng.random(ROWS) < 0.5, rng.random(ROWS) < 0.1),
        }
    )


def wide() -> pd.DataFrame:
    """Return frame C: ten thousand rows of a thousand floats."""
    values = np.random.default_rng(2).random((10_000, 1000))
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(1000)])


def small() -> pd.DataFrame:
    """Return frame D: as small as the iris data."""
    values = np.random.default_rng(3).random((150, 5))
    return pd.DataFrame(values, columns=list("abcde"))


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "A": numbers,
    "B": mixed,
    "C": wide,
    "D": small,
}
DESCRIBED = {
    "A": "float64",
    "B": "numbers, text, times, categories, missing values",
    "C": "float64",
    "D": "float64",
}
