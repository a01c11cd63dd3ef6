"""The row index of a table goes on as its kind asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omega_jupyter.store.datasets import DatasetStore
from tests.store.append.test_append import pieces_of, put_in_pieces
from tests.store.table.test_frames import assert_same


def test_counted_rows_go_on_counting(datasets: DatasetStore) -> None:
    for _ in range(3):
        datasets.put(pd.DataFrame({"x": [1, 2]}), "X", append=True)

    assert_same(pd.DataFrame({"x": [1, 2] * 3}), datasets.get("X"))
    assert type(datasets.get("X").index) is pd.RangeIndex


def test_rows_that_count_on_by_themselves_are_as_good(datasets: DatasetStore) -> None:
    whole = pd.DataFrame({"x": range(9)}, index=pd.RangeIndex(100, 82, -2, name="r"))

    put_in_pieces(datasets, pieces_of(whole, [4, 5]))

    assert_same(whole, datasets.get("X"))


def test_any_other_index_is_kept_as_pandas_would(datasets: DatasetStore) -> None:
    old = pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 3]))
    new = pd.DataFrame({"x": [3, 4]})
    datasets.put(old, "X")

    datasets.put(new, "X", append=True)

    assert_same(pd.concat([old, new]), datasets.get("X"))


@pytest.mark.parametrize(
    ("start", "freq", "kept"),
    [("2026-01-04", "D", "D"), ("2026-01-05", "D", None), ("2026-01-04", "2D", None)],
)
def test_frequency_goes_on_or_is_lost_as_in_pandas(
    start: str, freq: str, kept: str | None, way: str, datasets: DatasetStore
) -> None:
    old = pd.DataFrame({"x": range(3)}, index=pd.date_range("2026", periods=3, tz="Asia/Tokyo"))
    days = pd.date_range(start, periods=3, freq=freq, tz="Asia/Tokyo")
    new = pd.DataFrame({"x": range(3)}, index=days)

    put_in_pieces(datasets, [old, new])

    found = datasets.get("X")
    assert_same(pd.concat([old, new]), found)
    assert (None if found.index.freq is None else found.index.freqstr) == kept


def levels(*tuples: tuple[Any, ...]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(tuples, names=["k", "n"])
    return pd.DataFrame({"x": np.arange(len(tuples))}, index=index)


def test_levels_get_new_values(way: str, datasets: DatasetStore) -> None:
    pieces = [
        levels(("b", 1), ("c", 2)),
        levels(("a", 2), ("d", 1)),
        levels(("c", 1)),
        levels(*((f"k{n}", n % 3) for n in range(200))),
    ]

    put_in_pieces(datasets, pieces)

    whole, found = pd.concat(pieces), datasets.get("X")
    assert_same(whole, found)
    assert found.index.equals(whole.index)
    # pandas takes slices by the order of codes: this would find nothing, silently.
    assert_same(whole.sort_index().loc["a":"b"], found.sort_index().loc["a":"b"])
    with pytest.raises(pd.errors.UnsortedIndexError):
        found.loc["a":"c"]
    assert_same(whole[whole["x"] > 1], datasets.get("X", x__gt=1))
    assert datasets.get("X", k="c").index.tolist() == [("c", 2), ("c", 1)]
    assert_same(pd.concat(pieces[:2]), datasets.get("X@2"))
    datasets.put(levels((None, 3), ("e", 7)), "X", append=True)
    assert datasets.get("X").index[-2:].equals(levels((None, 3), ("e", 7)).index)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pieces=st.lists(
        st.lists(st.tuples(st.none() | st.sampled_from("abcxyz"), st.integers(-2, 2)), max_size=6),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.usefixtures("_tiny_chunks")
def test_any_levels_are_joined_as_pandas_does(
    pieces: list[list[tuple[str | None, int]]], shared_datasets: DatasetStore
) -> None:
    made = []
    for piece in pieces:
        texts, numbers = [text for text, _ in piece], [number for _, number in piece]
        arrays = [pd.array(texts, dtype="str"), np.array(numbers, "i8")]
        index = pd.MultiIndex.from_arrays(arrays, names=["k", "n"])
        made.append(pd.DataFrame({"x": np.arange(len(piece))}, index=index))

    put_in_pieces(shared_datasets, made)

    whole, found = pd.concat(made), shared_datasets.get("X")
    assert_same(whole, found)
    assert found.index.is_monotonic_increasing == whole.index.is_monotonic_increasing


def test_long_levels_are_kept_beside_the_description(datasets: DatasetStore) -> None:
    keys = [f"a long key with the number {n}" for n in range(6000)]
    pieces = [levels(*((key, 1) for key in keys[a : a + 1500])) for a in range(0, 6000, 1500)]

    put_in_pieces(datasets, pieces)

    assert_same(pd.concat(pieces), datasets.get("X"))
    assert_same(pd.concat(pieces[:3]), datasets.get("X@3"))
