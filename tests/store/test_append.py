"""A table that is put in pieces equals the whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from omega_jupyter.errors import Invalid
from omega_jupyter.store import appending
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.payload import INLINE_BYTES
from omega_jupyter.store.schema import chunks, versions
from tests.store.awkward import FRAMES
from tests.store.test_frames import Colour, assert_same
from tests.store.test_frames_property import frames


def pieces_of(frame: pd.DataFrame, cuts: list[int]) -> list[pd.DataFrame]:
    places = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    return [frame.iloc[a:b] for a, b in pairwise(places)]


def put_in_pieces(datasets: DatasetStore, pieces: list[pd.DataFrame]) -> None:
    datasets.drop("X", force=True)
    datasets.put(pieces[0], "X")
    for piece in pieces[1:]:
        datasets.put(piece, "X", append=True)


def parts(datasets: DatasetStore, name: str = "X") -> list[tuple[int, bool]]:
    """Rows of each part of the newest version, and whether it is in the document."""
    newest = versions(datasets._url).find_one({"name": name}, sort=[("version", -1)])
    assert newest is not None
    return [
        (sum(table["rows"]), "d" in newest["segments"][table["i"]])
        for table in newest["body"]["tables"]
    ]


@pytest.fixture(params=["inline", "apart", "joined"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How rows are written: in the document, in chunks of their own, with those before."""
    if request.param != "inline":
        request.getfixturevalue("_tiny_chunks")
    if request.param == "joined":
        monkeypatch.setattr(appending, "INLINE_BYTES", INLINE_BYTES)
    return str(request.param)


@pytest.mark.parametrize("name", FRAMES)
def test_frame_in_pieces_equals_the_whole(
    name: str, way: str, shared_datasets: DatasetStore
) -> None:
    frame = FRAMES[name]()

    put_in_pieces(shared_datasets, pieces_of(frame, [0, 1, 1, 3]))

    assert_same(frame, shared_datasets.get("X"))
    assert_same(frame.head(3), shared_datasets.head("X", 3))
    if way == "inline":
        assert [inline for _, inline in parts(shared_datasets)] == [True]
    elif len(frame) > 3 and frame.shape[1]:
        assert not any(inline for _, inline in parts(shared_datasets))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
@given(frame=frames(), cuts=st.lists(st.integers(0, 7), max_size=4))
def test_any_frame_in_any_pieces_equals_the_whole_or_is_refused(
    frame: pd.DataFrame, cuts: list[int], way: str, shared_datasets: DatasetStore
) -> None:
    pieces = pieces_of(frame, cuts)
    try:
        shared_datasets.put(frame, "whole")
    except Invalid:
        with pytest.raises(Invalid, match="holds a"):
            put_in_pieces(shared_datasets, pieces)
        return

    put_in_pieces(shared_datasets, pieces)

    assert_same(frame, shared_datasets.get("X"))


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


def test_long_levels_are_kept_beside_the_description(datasets: DatasetStore) -> None:
    keys = [f"a long key with the number {n}" for n in range(6000)]
    pieces = [levels(*((key, 1) for key in keys[a : a + 1500])) for a in range(0, 6000, 1500)]

    put_in_pieces(datasets, pieces)

    assert_same(pd.concat(pieces), datasets.get("X"))
    assert_same(pd.concat(pieces[:3]), datasets.get("X@3"))


def test_columns_are_found_by_their_labels(datasets: DatasetStore) -> None:
    old = pd.DataFrame({"a": [1], "b": ["x"], 3: [2.5]})
    datasets.put(old, "X")

    datasets.put(old[[3, "a", "b"]], "X", append=True)

    assert_same(pd.concat([old, old], ignore_index=True), datasets.get("X"))


def test_repeated_labels_need_their_order(datasets: DatasetStore) -> None:
    old = pd.DataFrame([[1, 2.0, 3]], columns=["a", "b", "a"])
    datasets.put(old, "X")

    datasets.put(old, "X", append=True)

    assert_same(pd.concat([old, old], ignore_index=True), datasets.get("X"))
    with pytest.raises(Invalid, match="stand in another order, and labels are repeated"):
        datasets.put(old.iloc[:, [0, 2, 1]], "X", append=True)


def test_categories_without_order_are_one_type_in_any_order(
    way: str, datasets: DatasetStore
) -> None:
    old = pd.DataFrame({"c": pd.Categorical(["b", None, "a"], ["c", "b", "a"])})
    new = pd.DataFrame({"c": pd.Categorical(["a", "b", "c"], ["a", "b", "c"])})

    put_in_pieces(datasets, [old, new])

    assert_same(pd.concat([old, new], ignore_index=True), datasets.get("X"))


def test_value_that_cannot_be_kept_is_refused_and_leaves_nothing(
    way: str, datasets: DatasetStore
) -> None:
    column = np.array(["a", "b"], dtype=object)
    datasets.put(pd.DataFrame({"odd": pd.Series(column, dtype=object)}), "X")
    before = chunks(datasets._url).count_documents({})
    column[1] = Colour.RED

    with pytest.raises(Invalid, match=r"Column 'odd' holds a .*Colour"):
        datasets.put(pd.DataFrame({"odd": pd.Series(column, dtype=object)}), "X", append=True)

    assert chunks(datasets._url).count_documents({}) == before
    assert [m.version for m in datasets.versions("X")] == [1]


def test_series_is_appended_to(datasets: DatasetStore) -> None:
    series = pd.Series([1.5, None, 2.0], index=["a", "b", "a"], name=("y", 1))
    datasets.put(series[:1], "y", append=True)

    metadata = datasets.put(series[1:], "y", append=True)

    assert metadata.shape == (3,)
    assert metadata.type == "pandas.Series"
    assert_series_equal(series, datasets.get("y"), check_exact=True)
    with pytest.raises(Invalid, match=r"'series'; rows of kind"):
        datasets.put(series.to_frame(), "y", append=True)
    with pytest.raises(Invalid, match=r"column .* is missing"):
        datasets.put(series.rename("z"), "y", append=True)


def test_append_to_what_was_dropped_begins_anew(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"a": [1]}), "X")
    datasets.drop("X")

    metadata = datasets.put(pd.DataFrame({"b": ["x"]}), "X", append=True)

    assert metadata.version == 3
    assert_same(pd.DataFrame({"b": ["x"]}), datasets.get("X"))


def test_append_and_refusal_of_what_exists_exclude_each_other(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="append=True adds"):
        datasets.put(pd.DataFrame({"a": [1]}), "X", append=True, if_exists="fail")


def test_task_that_runs_twice_appends_once(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"a": np.arange(50_000)})
    datasets.put(frame, "X")

    first = datasets.put(frame, "X", append=True, task="t")
    stored = chunks(datasets._url).count_documents({})
    again = datasets.put(frame, "X", append=True, task="t")

    assert again == first
    assert len(datasets.get("X")) == 100_000
    assert chunks(datasets._url).count_documents({}) == stored


def test_notes_stay_and_origin_is_told(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"a": [1]})
    datasets.put(frame, "X", attributes={"unit": "m", "by": "me"})

    metadata = datasets.put(
        frame, "X", append=True, attributes={"by": "you"}, inputs={"raw": "Y@2"}
    )

    assert metadata.attributes == {"unit": "m", "by": "you"}
    assert metadata.inputs == {"base": "X@1", "raw": "Y@2"}
    assert metadata.shape == (2, 1)
    assert metadata.columns == datasets.metadata("X@1").columns


def test_no_rows_change_nothing(way: str, datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"a": [1, 2], "s": ["x", None]})
    pieces = [frame[:0], frame, frame[:0]]

    put_in_pieces(datasets, pieces)

    assert_same(frame, datasets.get("X"))
    assert_same(frame[frame["a"] > 1], datasets.get("X", a__gt=1))
    assert len(datasets.versions("X")) == 3


@pytest.mark.usefixtures("_tiny_chunks")
def test_filters_leave_out_parts_by_their_zone_maps(datasets: DatasetStore) -> None:
    whole = pd.DataFrame({"x": np.arange(40), "s": [f"k{n // 10}" for n in range(40)]})

    put_in_pieces(datasets, pieces_of(whole, [7, 20, 21]))

    assert_same(whole[whole["x"] > 30], datasets.get("X", x__gt=30))
    assert_same(whole[whole["s"] == "k1"], datasets.get("X", s="k1"))
    few = whole[(whole["x"] < 3) & whole["s"].isin(["k0", "k3"])]
    assert_same(few, datasets.get("X", x__lt=3, s__in=["k0", "k3"]))


def test_old_versions_stay_as_they_were(datasets: DatasetStore) -> None:
    whole = pd.DataFrame({"x": np.arange(60_000), "s": [f"k{n}" for n in range(60_000)]})
    pieces = pieces_of(whole, [50_000, 50_010, 55_000, 59_999])

    put_in_pieces(datasets, pieces)

    for version in range(1, 6):
        assert_same(pd.concat(pieces[:version]), datasets.get(f"X@{version}"))
    assert datasets.versions("X")[0].shape == (50_000, 2)


def test_many_small_appends_leave_few_parts(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": np.arange(20_000), "s": "a text"}), "X")
    rows = pd.DataFrame({"x": np.arange(300), "s": "a text"})

    for _ in range(60):
        datasets.put(rows, "X", append=True)

    found = datasets.get("X")
    assert len(found) == 38_000
    assert (found["x"].to_numpy()[20_000:] == np.tile(np.arange(300), 60)).all()
    assert len(parts(datasets)) < 8
    assert sum(inline for _, inline in parts(datasets)) <= 1
    newest = versions(datasets._url).find_one({"name": "X"}, sort=[("version", -1)])
    assert newest is not None
    assert len(newest["segments"]) == len(parts(datasets))
