"""Rows that don't fit a table are refused, with all that differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.errors import Invalid
from omega_jupyter.store.datasets import DatasetStore
from tests.store.table.test_frames import assert_same

BASE = pd.DataFrame(
    {
        "n": [1, 2],
        "f": [0.5, None],
        "t": pd.to_datetime(["2026-01-01", None]).tz_localize("UTC"),
        "c": pd.Categorical(["a", "b"]),
        "s": ["x", None],
    }
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda df: df.drop(columns="n"), "column 'n' is missing"),
        (lambda df: df.assign(more=1), "column 'more' is not there"),
        (lambda df: df.assign(n=df["n"] * 1.5), "column 'n' is float64, there it is int64"),
        (lambda df: df.assign(n=[1, None], f=["a", "b"]), "column 'f' is str, there it is float64"),
        (
            lambda df: df.assign(t=df["t"].dt.tz_convert("Europe/Berlin")),
            r"'t' is datetime64\[us, Europe/Berlin\], there it is datetime64\[us, UTC\]",
        ),
        (lambda df: df.assign(t=df["t"].dt.as_unit("ns")), r"datetime64\[ns, UTC\], there"),
        (
            lambda df: df.assign(c=pd.Categorical(["a", "z"])),
            r"'c' is a category of \['a', 'z'\], there it is a category of \['a', 'b'\]",
        ),
        (lambda df: df.assign(c=df["c"].cat.as_ordered()), r"of ordered \['a', 'b'\], there"),
        (
            lambda df: df.assign(s=df["s"].astype(pd.StringDtype("python", na_value=np.nan))),
            r"'s' is str \(python, missing: nan\), there it is str \(pyarrow, missing: nan\)",
        ),
        (lambda df: df.assign(s=df["s"].astype(object)), "'s' is object, there it is str"),
        (lambda df: df.set_index("n"), "column 'n' is missing"),
        (lambda df: df.rename_axis("i"), "its index is called 'i', there nothing"),
        (lambda df: df.rename_axis(columns="c"), "its columns are called"),
        (lambda df: df.set_axis(pd.MultiIndex.from_product([[1], range(5)]), axis=1), "2 levels"),
    ],
    ids=range(14),
)
def test_rows_that_do_not_fit_are_refused_by_column(
    change: Callable[[pd.DataFrame], pd.DataFrame], told: str, datasets: DatasetStore
) -> None:
    datasets.put(BASE, "X")

    with pytest.raises(Invalid, match=f"The rows can't be added to X@1: .*{told}") as error:
        datasets.put(change(BASE), "X", append=True)

    assert error.value.hint
    assert_same(BASE, datasets.get("X"))
    assert [m.version for m in datasets.versions("X")] == [1]


def test_range_that_is_stored_itself_does_not_go_on_by_itself(datasets: DatasetStore) -> None:
    datasets.put(pd.RangeIndex(3), "i")

    with pytest.raises(Invalid, match="begin with 0, there the next one is 3"):
        datasets.put(pd.RangeIndex(3), "i", append=True)

    datasets.put(pd.RangeIndex(3, 5), "i", append=True)
    assert datasets.get("i").equals(pd.RangeIndex(5))


def test_all_that_does_not_fit_is_told_at_once(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({f"c{n}": [n] for n in range(8)})
    datasets.put(frame, "X")

    with pytest.raises(Invalid, match=r"'c0' is float64.*'c4' is float64.*; and 3 more"):
        datasets.put(frame.astype(float), "X", append=True)


@pytest.mark.parametrize(
    "index",
    [pd.RangeIndex(5, 7), pd.RangeIndex(2, 6, 2), pd.Index([2, 3]), pd.Index(["a", "b"])],
    ids=["a gap", "another step", "integers", "text"],
)
def test_rows_that_do_not_count_on_are_refused(index: Any, datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": [1, 2]}), "X")

    with pytest.raises(Invalid, match=r"can't be added to X@1: its (row numbers|index)") as error:
        datasets.put(pd.DataFrame({"x": [1, 2]}, index=index), "X", append=True)

    assert "reset_index" in str(error.value)
    assert datasets.metadata("X").version == 1


@pytest.mark.parametrize("value", [np.arange(3), [1, 2], "text", {"a": 1}], ids=repr)
def test_what_has_no_rows_is_refused(value: object, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="has no rows that can be appended"):
        datasets.put(value, "n", append=True)

    assert not datasets.exists("n")


def test_rows_are_not_appended_to_something_else(datasets: DatasetStore) -> None:
    datasets.put(np.arange(3), "n")

    with pytest.raises(Invalid, match="n@1 is kind 'array'; rows of kind 'dataframe'"):
        datasets.put(pd.DataFrame({"a": [1]}), "n", append=True)


def test_attrs_are_those_of_the_table(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": ("m", 2)}
    datasets.put(frame, "X")

    datasets.put(frame, "X", append=True)
    datasets.put(pd.DataFrame({"a": [1]}), "X", append=True)

    assert datasets.get("X").attrs == frame.attrs
    frame.attrs = {"unit": "km"}
    with pytest.raises(Invalid, match="its attrs differ") as error:
        datasets.put(frame, "X", append=True)
    assert "df.attrs = {}" in str(error.value)


def test_labels_stay_unique_where_that_is_wanted(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"a": [1]}, index=["k"]).set_flags(allows_duplicate_labels=False)
    datasets.put(frame, "X")

    with pytest.raises(Invalid, match="allows no duplicate labels"):
        datasets.put(frame, "X", append=True)

    counted = frame.reset_index(drop=True)
    datasets.put(counted, "Y")
    datasets.put(counted, "Y", append=True)
    assert len(datasets.get("Y")) == 2
    assert not datasets.get("Y").flags.allows_duplicate_labels
