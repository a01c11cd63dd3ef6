"""A table that is put in pieces equals the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from tests.store.awkward import FRAMES
from tests.store.table.test_frames import Colour, assert_same
from tests.store.table.test_frames_property import frames


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
