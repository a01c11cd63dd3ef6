"""Filters give pandas' own answer, and skip what can't fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pymongo import monitoring

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from tests.listener import Listener

ROWS = 13


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    numbers = rng.integers(-3, 4, ROWS)
    text = np.array(["", "a", "ab", "b", "ü", "b" * 70, "b" * 70 + "c"], dtype=object)[numbers]
    gaps = rng.random(ROWS) < 0.3
    return pd.DataFrame(
        {
            "int": np.arange(ROWS) - 5,
            "float": np.where(gaps, np.nan, numbers / 2),
            "nan": np.full(ROWS, np.nan),
            "masked": pd.arrays.IntegerArray(numbers, gaps),
            "bool": numbers > 0,
            "flag": pd.arrays.BooleanArray(numbers > 0, gaps),
            "str": pd.array(np.where(gaps, None, text), dtype="str"),
            "string": pd.array(np.where(gaps, None, text), dtype="string[python]"),
            "object": np.where(gaps, None, text),
            "mixed": np.array([1, "a", None, 2.5] * 3 + ["a"], dtype=object),
            "time": pd.DatetimeIndex(["2026-01-01", None, "2026-01-03"] * 4 + ["1969-01-01"]),
            "zoned": pd.date_range("2026", periods=ROWS, freq="D", tz="Europe/Berlin"),
            "delta": pd.to_timedelta(numbers, unit="h"),
            "period": pd.period_range("2026", periods=ROWS, freq="M"),
            "ordered": pd.Categorical(
                list("abcabcabcabc") + [None], categories=list("cba"), ordered=True
            ),
            "category": pd.Categorical(list("abcabcabcabc") + [None]),
            "arrow": pd.array(np.where(gaps, None, numbers), dtype="int32[pyarrow]"),
        },
        index=pd.Index(range(100, 100 + ROWS), name="row"),
    )


FRAME = _frame()


@pytest.fixture
def stored(datasets: DatasetStore, _tiny_chunks: None) -> DatasetStore:
    datasets.put(FRAME, "X")
    return datasets


@pytest.mark.parametrize("column", FRAME.columns)
def test_missing_values_are_those_of_pandas(column: str, stored: DatasetStore) -> None:
    missing = FRAME[column].isna()

    for filters, mask in (
        ({f"{column}__isnull": True}, missing),
        ({f"{column}__isnull": False}, ~missing),
        ({f"{column}__notnull": True}, ~missing),
    ):
        assert_frame_equal(FRAME[mask], stored.get("X", **filters))


def test_conditions_must_all_hold(stored: DatasetStore) -> None:
    found = stored.get("X[str,int]", int__between=(-2, 5), bool=True, row__lt=109)

    mask = FRAME["int"].between(-2, 5) & FRAME["bool"] & (FRAME.index < 109)
    assert_frame_equal(FRAME.loc[mask, ["str", "int"]], found)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(9, 0, -1, name="i"),
        pd.date_range("2026", periods=9, freq="D", name="i"),
        pd.MultiIndex.from_product([list("abc"), [1, 2, 3]], names=["i", "j"]),
        pd.Index(list("abcdefghi"), name="i"),
    ],
    ids=["range", "dates", "levels", "text"],
)
@pytest.mark.usefixtures("_tiny_chunks")
def test_index_is_kept_and_can_be_filtered(index: pd.Index[Any], datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"x": range(9)}, index=index)
    datasets.put(frame, "X")
    middle = index.get_level_values(0)[4]
    level = frame.index.get_level_values(0)

    for filters, mask in (
        ({"x__in": [1, 7]}, frame["x"].isin([1, 7])),
        ({"x__gte": 3, "x__lt": 6}, frame["x"].between(3, 5)),
        ({"x__gt": 99}, frame["x"] > 99),
        ({"i": middle}, level == middle),
        ({"i__lte": middle, "x__ne": 0}, (level <= middle) & (frame["x"] != 0)),
    ):
        assert_frame_equal(frame[mask], datasets.get("X", **filters))


def test_filter_on_a_small_frame_and_on_a_series(datasets: DatasetStore) -> None:
    datasets.put(FRAME, "X")
    datasets.put(FRAME["float"], "s")

    assert_frame_equal(FRAME[FRAME["float"] > 0], datasets.get("X", float__gt=0))
    assert datasets.get("s", float__gt=0).equals(FRAME["float"][FRAME["float"] > 0])


def test_label_that_looks_like_an_operator_means_the_column(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"a__gt": [1, 2], 7: [3, 4]}), "X")

    assert datasets.get("X", a__gt=2).shape == (1, 2)
    assert datasets.get("X", a__gt__lt=2).shape == (1, 2)
    assert datasets.get("X", **{"7__gte": 4}).shape == (1, 2)


def test_row_groups_that_cannot_fit_are_not_read(mongo_url: str, datasets: DatasetStore) -> None:
    rows = 600_000
    datasets.put(pd.DataFrame({"x": np.arange(rows), "y": np.zeros(rows)}), "X")
    read = _BytesRead()
    listener = SecretUrl(mongo_url)
    connect(listener).client  # noqa: B018 - connected before it is watched
    monitoring.register(read)
    from omega_jupyter.store.database.connection import forget

    forget(listener)
    try:
        found = datasets.get("X", x__gte=rows - 10)
    finally:
        monitoring._LISTENERS.command_listeners.remove(read)
        forget(listener)

    assert found["x"].tolist() == list(range(rows - 10, rows))
    assert 0 < read.documents <= 4


class _BytesRead(Listener):
    """Counts the documents of replies."""

    documents = 0

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        batch = event.reply.get("cursor", {}).get("firstBatch", [])
        self.documents += len(batch) if event.command_name == "find" else 0


def test_unknown_column_is_named(stored: DatasetStore) -> None:
    with pytest.raises(NotFound, match=r"X@1 has no column 'flaot'. Did you mean 'float'\?"):
        stored.get("X", flaot__gt=1)


def test_unknown_operator_is_named(stored: DatasetStore) -> None:
    with pytest.raises(Invalid, match=r"no filter operator 'gtt' \(int__gtt\). Did you mean 'gt'"):
        stored.get("X", int__gtt=1)


def test_filter_on_what_has_no_rows_is_refused(datasets: DatasetStore) -> None:
    datasets.put({"a": 1}, "d")

    with pytest.raises(Invalid, match="d@1 is kind 'data'"):
        datasets.get("d", a=1)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"int__between": 3}, "between needs two values, not 3"),
        ({"int__between": [1, 2, 3]}, "between needs two values"),
        ({"str__in": "abc"}, "in needs several values, not 'abc'"),
        ({"int": [1, 2]}, r"eq needs one value, not \(1, 2\)"),
        ({"str__contains": 1}, "contains needs text, not 1"),
        ({"str__startswith": ["a", 1]}, "startswith needs text"),
        ({"str__like": None}, "like needs text, not None"),
        ({"str__like": "a\\"}, "ends with a backslash"),
        ({"int__isnull": "no"}, "isnull needs True or False, not 'no'"),
    ],
    ids=str,
)
def test_value_that_the_operator_cannot_mean_is_refused(
    filters: dict[str, Any], message: str, stored: DatasetStore
) -> None:
    with pytest.raises(Invalid, match=message):
        stored.get("X", **filters)
