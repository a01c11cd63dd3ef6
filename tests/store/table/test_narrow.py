"""Integers and times take few bytes where they are close together, and come back the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.datasets import DatasetStore

ROWS = 70_000
RNG = np.random.default_rng(5)
FAR = np.array([-(2**63), 2**63 - 1])


def stepped(step: int, count: int, base: int = 0, dtype: str = "i8") -> Any:
    return (RNG.integers(0, count, ROWS) * step + base).astype(dtype)


COLUMNS: dict[str, Any] = {
    "counter": np.arange(ROWS),
    "countdown": np.arange(ROWS)[::-1].copy(),
    "constant": np.full(ROWS, 7),
    "negative": stepped(1, 200, -100),
    "lowest of all": stepped(1, 300, -(2**63)),
    "highest of all": stepped(1, 300, 2**63 - 300),
    "from end to end": FAR[RNG.integers(0, 2, ROWS)],
    "hundreds": stepped(100, 60_000),
    "hundreds but one": np.where(np.arange(ROWS) == 60_000, 1, stepped(100, 60_000)),
    "far in the second group": np.where(np.arange(ROWS) < 66_000, 1, 2**60),
    "int16": stepped(1, 250, -(2**15), "i2"),
    "int32": stepped(7, 60_000, 0, "i4"),
    "uint64": (stepped(1, 9).astype("u8") + np.uint64(2**64 - 9)),
    "uint16": stepped(1, 200, 65_000, "u2"),
    "big-endian": stepped(1, 200).astype(">i8"),
    "seconds": pd.date_range("2026", periods=ROWS, freq="s", unit="us").to_numpy(),
    "seconds in Berlin": pd.date_range("2026", periods=ROWS, freq="s", tz="Europe/Berlin").array,
    "NaT": pd.DatetimeIndex([pd.NaT])
    .append(pd.DatetimeIndex(["2026-01-01"] * (ROWS - 1)))
    .to_numpy(),
    "only NaT": np.full(ROWS, "NaT", "M8[s]"),
    "durations": stepped(60, 1000).view("m8[s]"),
    "months": pd.period_range("1900-01", periods=ROWS, freq="h").array,
    "Int64": pd.arrays.IntegerArray(stepped(1, 90, 10), RNG.random(ROWS) < 0.2),
    "UInt32": pd.arrays.IntegerArray(stepped(1, 90, 10, "u4"), RNG.random(ROWS) < 0.2),
    "intervals": pd.arrays.IntervalArray.from_arrays(
        stepped(1, 9), np.full(ROWS, 2**40) + np.arange(ROWS)
    ),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(COLUMNS)


def test_all_come_back(frame: pd.DataFrame, shared_datasets: DatasetStore) -> None:
    shared_datasets.put(frame, "narrow")

    assert_frame_equal(shared_datasets.get("narrow"), frame, check_exact=True)


@pytest.mark.parametrize("rows", [255, 256, 257])
def test_few_rows_come_back(rows: int, frame: pd.DataFrame, shared_datasets: DatasetStore) -> None:
    part = frame.iloc[:rows].reset_index(drop=True)
    shared_datasets.put(part, "few")

    assert_frame_equal(shared_datasets.get("few"), part, check_exact=True)


@pytest.mark.parametrize("kind", ["i8", "u4", "m8[s]"])
def test_columns_that_share_a_block_come_back(kind: str, shared_datasets: DatasetStore) -> None:
    numbers = RNG.integers(0, 1000, (20_000, 12)) * np.array([1, 2, 3, 1000] * 3)
    frame = pd.DataFrame(numbers.astype("i8" if kind[0] == "m" else kind).view(kind))
    shared_datasets.put(frame, "block")

    assert_frame_equal(shared_datasets.get("block"), frame, check_exact=True)
    found = shared_datasets.get("block", columns=[7, 2])
    assert_frame_equal(found, frame[[7, 2]], check_exact=True)


def test_filters_know_the_bounds(frame: pd.DataFrame, shared_datasets: DatasetStore) -> None:
    # Of big-endian columns pandas takes no part.
    frame = frame.drop(columns="big-endian")
    shared_datasets.put(frame, "narrow")

    for name in ("counter", "countdown", "hundreds", "lowest of all", "uint64", "seconds", "Int64"):
        bound = frame[name].quantile(0.99, interpolation="nearest")
        for operator, mask in (("gt", frame[name] > bound), ("lte", frame[name] <= bound)):
            found = shared_datasets.get("narrow", **{f"{name}__{operator}": bound})
            assert_frame_equal(found, frame[mask.fillna(False).astype(bool)], check_exact=True)


def test_appended_values_may_be_far_away(shared_datasets: DatasetStore) -> None:
    near = pd.DataFrame({"n": np.arange(30_000), "at": pd.to_datetime(np.arange(30_000), unit="s")})
    far = pd.DataFrame({"n": FAR.repeat(500), "at": pd.to_datetime([None, "1900-01-01"] * 500)})
    shared_datasets.put(near, "grows")
    shared_datasets.put(far.astype({"at": near["at"].dtype}), "grows", append=True)

    found = shared_datasets.get("grows")

    expected = pd.concat([near, far.astype({"at": near["at"].dtype})], ignore_index=True)
    assert_frame_equal(found, expected, check_exact=True)


def test_they_take_few_bytes(shared_datasets: DatasetStore) -> None:
    frame = pd.DataFrame({name: COLUMNS[name] for name in ("counter", "seconds", "hundreds")})
    shared_datasets.put(frame, "small")

    document = versions(shared_datasets._url).find_one(sort=[("_id", -1)])
    assert document is not None
    assert document["segments"][0]["size"] < 0.3 * frame.memory_usage(index=False).sum()
