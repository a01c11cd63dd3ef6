"""Appends leave few parts, and write a row anew only a few times."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from omega_jupyter.store.table.compaction import MERGED_GROUPS, SETTLED_GROUPS, parts_to_merge

FULL = 65_536

SIZES: dict[str, Callable[[random.Random, int], int]] = {
    "equal": lambda rng, turn: 10,
    "random": lambda rng, turn: rng.randint(1, 1000),
    "of all sizes": lambda rng, turn: int(10 ** rng.uniform(0, 5)),
    "growing": lambda rng, turn: turn + 1,
    "shrinking": lambda rng, turn: max(1, 20_000 - turn),
    "large among small": lambda rng, turn: 10 if turn % 50 else 50_000,
}


@pytest.mark.parametrize("sizes", SIZES)
def test_parts_are_few_and_rows_are_written_a_few_times(sizes: str) -> None:
    rng, parts, written, rows, most = random.Random(0), [2 * FULL], 0, 0, 0
    for turn in range(20_000):
        added = SIZES[sizes](rng, turn)
        merged = parts_to_merge(parts, added, FULL)
        together = sum(parts[len(parts) - merged :]) + added
        parts = [*parts[: len(parts) - merged], together]
        assert merged == 0 or merged >= 3
        assert together - added <= MERGED_GROUPS * FULL
        rows += added
        written += together
        most = max(most, sum(part < FULL for part in parts))

    assert sum(parts) == 2 * FULL + rows
    assert most <= 1.2 * math.log2(rows)
    assert len(parts) <= most + rows / (4 * FULL)
    assert written / rows <= math.log2(rows) / 2


def test_large_parts_are_left_alone() -> None:
    large = SETTLED_GROUPS * FULL

    assert parts_to_merge([large] * 10, 10 * large, FULL) == 0
    assert parts_to_merge([large, 10, 10, 10], 10, FULL) == 3
    assert parts_to_merge([10, large, 10, 10], 10, FULL) == 0
    assert parts_to_merge([], 10, FULL) == 0
