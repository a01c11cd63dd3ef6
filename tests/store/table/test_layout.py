"""A frame lies in memory as it was put, where that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.query import Q

ROWS = [10, 20_000]


# Without copy=False pandas lays a matrix out column by column itself.
def matrix(rows: int, order: Any = "C", dtype: str = "f8") -> Any:
    values = np.random.default_rng(0).random((rows, 8)) * 100
    return np.asarray(values.astype(dtype), order=order)


def as_put(frame: pd.DataFrame, datasets: DatasetStore) -> pd.DataFrame:
    found: pd.DataFrame = datasets.get_version(datasets.put(frame, "X"), as_put=True)
    assert_frame_equal(found, frame, check_exact=True)
    return found


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?"])
def test_frame_of_a_row_major_matrix_stays_row_major(
    rows: int, dtype: str, datasets: DatasetStore
) -> None:
    found = as_put(pd.DataFrame(matrix(rows, dtype=dtype), copy=False), datasets)

    assert found.to_numpy().flags.c_contiguous
    assert not found.to_numpy().flags.f_contiguous


@pytest.mark.parametrize("rows", ROWS)
def test_frame_of_a_column_major_matrix_stays_column_major(
    rows: int, datasets: DatasetStore
) -> None:
    found = as_put(pd.DataFrame(matrix(rows, "F"), copy=False), datasets)

    assert found.to_numpy().flags.f_contiguous


def test_layout_keeps_all_else(datasets: DatasetStore) -> None:
    index = pd.date_range("2026", periods=10, name="day")
    labels = pd.Index(list("abcdefgh"), name="n")
    frame = pd.DataFrame(matrix(10), index=index, columns=labels, copy=False)
    frame.attrs = {"unit": "m"}
    frame = frame.set_flags(allows_duplicate_labels=False)

    found = as_put(frame, datasets)

    assert found.to_numpy().flags.c_contiguous
    assert found.attrs == frame.attrs
    assert not found.flags.allows_duplicate_labels
    assert found.index.freq == index.freq


def test_sums_are_equal_to_the_last_bit(datasets: DatasetStore) -> None:
    frame = pd.DataFrame(matrix(20_000), copy=False)

    found = as_put(frame, datasets)

    assert (found.to_numpy().sum(axis=0) == frame.to_numpy().sum(axis=0)).all()


def test_frames_of_mixed_columns_and_parts_are_read_as_well(datasets: DatasetStore) -> None:
    as_put(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), datasets)
    frame = pd.DataFrame(matrix(10), columns=list("abcdefgh"), copy=False)
    metadata = datasets.put(frame, "X")

    some = datasets.get_version(metadata, columns=["b", "a"], as_put=True)
    few = datasets.get_version(metadata, as_put=True, where=Q(a__gt=50))

    assert_frame_equal(some, frame[["b", "a"]], check_exact=True)
    assert_frame_equal(few, frame[frame["a"] > 50], check_exact=True)
