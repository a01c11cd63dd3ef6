"""Indexes of pandas come back as they were: class, dtype, name, frequency, levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_index_equal

from omega_jupyter.errors import Invalid
from omega_jupyter.store.datasets import DatasetStore

DAYS = pd.date_range("2026-03-28", periods=4, freq="D", tz="Europe/Berlin", name="day")
INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(3),
    "range with steps": pd.RangeIndex(10, -10, -3, name="n"),
    "empty range": pd.RangeIndex(0),
    "integers": pd.Index([3, 1, 3]),
    "small integers": pd.Index([3, 1], dtype="int8", name=("a", 1)),
    "floats": pd.Index([1.5, np.nan, -0.0]),
    "complex": pd.Index([1j]),
    "booleans": pd.Index([True, False]),
    "text": pd.Index(["b", "a", None], dtype="str"),
    "string": pd.Index(["b", pd.NA], dtype="string"),
    "objects": pd.Index(["a", 1, None, (1, 2), 2.5], dtype=object),
    "tuples": pd.Index([("a", 1), ("b", 2)], tupleize_cols=False),
    "nullable": pd.Index([1, None], dtype="Int16"),
    "arrow": pd.Index([1, None], dtype="int64[pyarrow]"),
    "empty": pd.Index([], dtype=object),
    "days": DAYS,
    "days without frequency": DAYS.take([0, 2, 3]),
    "business days": pd.bdate_range("2026-01-01", periods=3),
    "weeks": pd.date_range("2026-01-01", periods=3, freq="W-WED"),
    "seconds": pd.DatetimeIndex(np.array(["2026-01-01", "NaT"], "M8[s]")),
    "durations": pd.timedelta_range("1h", periods=3, freq="30min"),
    "periods": pd.period_range("2026-01", periods=3, freq="M"),
    "categories": pd.CategoricalIndex(["b", "a", None], categories=["a", "b", "c"], ordered=True),
    "intervals": pd.interval_range(0, 3, closed="left", name="bin"),
    "time intervals": pd.IntervalIndex.from_breaks(DAYS),
    "levels": pd.MultiIndex.from_product([["b", "a"], [1, 2]], names=["x", None]),
    "unused levels": pd.MultiIndex.from_product([["b", "a"], [1, 2]])[:1],
    "levels of days": pd.MultiIndex.from_arrays([DAYS, [1, 2, np.nan, 1]]),
    "sparse": pd.Index(pd.arrays.SparseArray([0, 0, 1])),
}


@pytest.fixture
def datasets(shared_datasets: DatasetStore) -> DatasetStore:
    return shared_datasets


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    assert_index_equal(found, expected, exact=True, check_exact=True)
    assert found.dtype == expected.dtype
    assert list(found.names) == list(expected.names)
    assert getattr(found, "freq", None) == getattr(expected, "freq", None)
    if isinstance(expected, pd.MultiIndex):
        for level, other in zip(found.levels, expected.levels, strict=True):
            assert_same(level, other)


@pytest.mark.parametrize("name", INDEXES)
def test_index_comes_back(name: str, datasets: DatasetStore) -> None:
    metadata = datasets.put(INDEXES[name], "i")

    assert (metadata.kind, metadata.type) == ("index", f"pandas.{type(INDEXES[name]).__name__}")
    assert (metadata.shape, metadata.columns) == ((len(INDEXES[name]),), None)
    assert_same(datasets.get("i"), INDEXES[name])
    assert_same(datasets.head("i", 2), INDEXES[name][:2])


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.usefixtures("_tiny_chunks")
def test_index_comes_back_in_chunks(name: str, datasets: DatasetStore) -> None:
    datasets.put(INDEXES[name], "i")

    assert_same(datasets.get("i"), INDEXES[name])


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(10_000_000),
        pd.Index(np.arange(3_000_000) * 7),
        pd.Index([f"text {n % 1000}" for n in range(300_000)]),
        pd.MultiIndex.from_product([range(3000), list("abc"), range(50)]),
    ],
    ids=["range", "integers", "text", "levels"],
)
def test_large_index_is_kept_in_chunks(index: Any, datasets: DatasetStore) -> None:
    datasets.put(index, "large")

    assert_same(datasets.get("large"), index)
    assert_same(datasets.head("large"), index[:5])


def test_index_is_filtered_by_its_name(datasets: DatasetStore) -> None:
    datasets.put(DAYS, "i")
    datasets.put(INDEXES["levels"], "m")

    assert_same(datasets.get("i", day__gt=DAYS[1]), DAYS[2:])
    assert datasets.get("m", x="a").tolist() == [("a", 1), ("a", 2)]
    for name in ("i[a]", "i[^a]"):
        with pytest.raises(Invalid, match="has no columns"):
            datasets.get(name)


def test_index_is_read_lazily(datasets: DatasetStore) -> None:
    datasets.put(DAYS, "i")

    lazy = datasets.getl("i")

    assert len(lazy) == 4
    assert_same(lazy.value, DAYS)
    assert [len(part) for part in lazy.iter_chunks(3)] == [3, 1]


def test_index_becomes_an_array_of_others(datasets: DatasetStore) -> None:
    datasets.put(DAYS, "i")
    datasets.put(pd.RangeIndex(3), "r")
    datasets.put(INDEXES["levels"], "m")

    assert datasets.get("i", as_="arrow").equals(pa.chunked_array([pa.array(DAYS)]))
    assert datasets.get("i", as_="polars").to_list() == DAYS.to_list()
    assert datasets.get("i", as_="polars").name == "day"
    assert datasets.get("r", as_="polars").equals(pl.Series([0, 1, 2]))
    with pytest.raises(Invalid, match="2 levels"):
        datasets.get("m", as_="polars")


def test_index_is_appended_to(datasets: DatasetStore) -> None:
    index = pd.Index(["a", "b", "a"], name="k")
    datasets.put(index, "grown")
    datasets.put(index[:1], "grown", append=True)

    assert_same(datasets.get("grown"), index.append(index[:1]))


def test_subclass_is_refused(datasets: DatasetStore) -> None:
    class Own(pd.Index):
        pass

    own: Any = Own._simple_new(np.array([1]), name=None)  # type: ignore[attr-defined]  # pandas'
    assert type(own) is Own
    with pytest.raises(Invalid):
        datasets.put(own, "refused")
    assert not datasets.exists("refused")


def test_nan_and_missing_are_told_apart_in_an_arrow_index(datasets: DatasetStore) -> None:
    # pandas does not take such an index for equal to its own copy.
    values = pa.array([None, float("nan"), 1.5])
    index = pd.Index(pd.arrays.ArrowExtensionArray(values))
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=index)

    datasets.put(frame, "X")

    found = pa.array(datasets.get("X").index.array)
    assert found.type == pa.float64()
    assert str(found.to_pylist()) == "[None, nan, 1.5]"
