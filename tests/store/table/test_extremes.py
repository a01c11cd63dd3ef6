"""The bounds of texts are those that Arrow finds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from omega_jupyter.store.table.columns.extremes import lowest_and_highest

ROWS = 5000
RNG = np.random.default_rng(7)


def texts(letters: str, longest: int, beginning: str = "") -> list[str]:
    drawn = RNG.integers(0, len(letters), (ROWS, longest))
    lengths = RNG.integers(0, longest + 1, ROWS)
    return [
        beginning + "".join(letters[n] for n in row[:length])
        for row, length in zip(drawn, lengths, strict=True)
    ]


MANY = {
    "short": texts("ab\0", 5),
    "letters of several bytes": texts("aü\U0010ffff\ud7ff", 4),
    "beginning alike": texts("ab\0z", 20, "https://example.org/"),
    "long and alike": texts("ab", 3, "x" * 80),
    "zero bytes": texts("\0", 30),
    "equal": ["same"] * ROWS,
    "empty": [""] * ROWS,
    "the last one": ["m"] * (ROWS - 2) + ["", "z"],
    "keys": [f"key-{n:08d}" for n in RNG.permutation(ROWS)],
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("start", [0, 17])
def test_bounds_are_those_of_arrow(name: str, start: int) -> None:
    array = pa.array(MANY[name], pa.large_string())[start:]
    expected = pc.min_max(array)

    low, high = lowest_and_highest(array)

    assert (low, high) == (expected["min"], expected["max"])
