"""Lazy tables tell what they are without reading, and read what is asked, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal
from pymongo import monitoring

from omega_jupyter import Q
from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.database.connection import forget
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.datasets import DatasetStore
from tests.listener import Listener
from tests.store.awkward import FRAMES

ROWS = 23
FRAME = pd.DataFrame(
    {
        "int": np.arange(ROWS),
        "float": np.where(np.arange(ROWS) % 3, np.arange(ROWS) / 2, np.nan),
        "str": pd.array([f"t{i % 4}" for i in range(ROWS)], dtype="str"),
        "object": np.array([None, "a", 1, 2.5] * ROWS, dtype=object)[:ROWS],
        "category": pd.Categorical(list("ab") * 11 + [None], categories=list("cba")),
        "masked": pd.array([None, 1, 2] * 7 + [1, 2], dtype="Int8"),
        "zoned": pd.date_range("2026", periods=ROWS, tz="Europe/Berlin"),
    }
)
INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(100, 100 - 3 * ROWS, -3, name="r"),
    "dates": pd.date_range("2026", periods=ROWS, freq="D", name="d"),
    "levels": pd.MultiIndex.from_arrays([list("ab") * 11 + ["c"], range(ROWS)], names=["l", "m"]),
    "objects": pd.Index([None, "a", 1] * 7 + ["x", "y"], dtype=object),
}


@pytest.fixture
def stored(datasets: DatasetStore, _tiny_chunks: None) -> DatasetStore:
    datasets.put(FRAME, "X")
    return datasets


class _Reads(Listener):
    """Counts how often each chunk was read."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        cursor = event.reply.get("cursor", {})
        found = cursor.get("firstBatch", []) + cursor.get("nextBatch", [])
        self.chunks += [d["_id"] for d in found if isinstance(d.get("_id"), bytes)]


@pytest.fixture
def reads(url: SecretUrl) -> Iterator[_Reads]:
    listener = _Reads()
    monitoring.register(listener)
    forget(url)
    yield listener
    monitoring._LISTENERS.command_listeners.remove(listener)
    forget(url)


def test_nothing_is_read_before_it_is_asked(reads: _Reads, stored: DatasetStore) -> None:
    lazy = stored.getl("X")

    assert lazy.shape == (ROWS, 7)
    assert len(lazy) == ROWS
    assert_index_equal(lazy.columns, FRAME.columns)
    assert_series_equal(lazy.dtypes, FRAME.dtypes)
    assert_series_equal(lazy[["str", "int"]].dtypes, FRAME[["str", "int"]].dtypes)
    assert lazy["category"].dtypes == FRAME["category"].dtypes
    assert repr(lazy) == (
        "<LazyTable X@1, 23 rows, 7 columns: int, float, str, object, category, masked, zoned>"
    )
    assert "X@1" in lazy._repr_html_()
    filtered = lazy.filter(Q(int__gt=3) | Q(str="<t1>"))[["int"]]
    assert repr(filtered) == (
        "<LazyTable X@1, filtered by Q(int__gt=3) | Q(str='<t1>'), 1 column: int>"
    )
    assert "&lt;t1&gt;" in filtered._repr_html_()
    assert repr(lazy["int"]) == "<LazyTable X@1, 23 rows, one column, 'int'>"
    assert not reads.chunks

    assert_frame_equal(lazy.head(), FRAME.head())
    assert_frame_equal(lazy.value, FRAME)


def test_what_is_put_later_does_not_change_it(stored: DatasetStore) -> None:
    lazy = stored.getl("X")
    stored.put(FRAME.tail(3), "X")

    assert len(lazy) == ROWS
    assert_frame_equal(lazy.value, FRAME)
    assert len(stored.getl("X")) == 3
    assert len(stored.getl("X@1")) == len(stored.getl("X", version=-2)) == ROWS


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.usefixtures("_tiny_chunks")
def test_chunks_are_slices_of_the_value(index: str, reads: _Reads, datasets: DatasetStore) -> None:
    frame = FRAME.set_axis(INDEXES[index], axis=0)
    datasets.put(frame, "X")
    lazy = datasets.getl("X")
    some = frame[frame["int"].between(4, 9) | (frame["str"] == "t1")]

    for table, expected in (
        (lazy, frame),
        (lazy.filter(Q(int__between=(4, 9)) | Q(str="t1")), some),
    ):
        for size in (1, 3, 4, 7, ROWS, 100):
            reads.chunks.clear()
            found = list(table.iter_chunks(size))
            assert len(reads.chunks) == len(set(reads.chunks)) > 0
            assert len(found) == -(-len(expected) // size)
            for number, chunk in enumerate(found):
                part = expected.iloc[number * size : (number + 1) * size]
                assert_frame_equal(chunk, part, check_exact=True)
        assert_frame_equal(table.value, expected, check_exact=True)
        assert_frame_equal(table.head(4), expected.head(4), check_exact=True)
        assert table.shape == expected.shape


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.usefixtures("_tiny_chunks")
def test_any_frame_can_be_lazy(name: str, shared_datasets: DatasetStore) -> None:
    frame = FRAMES[name]()
    shared_datasets.put(frame, "awkward")
    lazy = shared_datasets.getl("awkward")

    assert_frame_equal(lazy.value, frame)
    assert_index_equal(lazy.columns, frame.columns, exact=True)
    assert list(lazy.dtypes) == list(frame.dtypes)
    assert lazy.shape == frame.shape
    assert_frame_equal(lazy.head(1), frame.head(1))
    for at, chunk in zip(range(0, len(frame), 3), lazy.iter_chunks(3), strict=False):
        assert_frame_equal(chunk, frame.iloc[at : at + 3])


def test_no_rows_are_one_chunk(stored: DatasetStore) -> None:
    lazy = stored.getl("X", int__gt=99)
    stored.put(FRAME[:0], "none")

    assert [len(chunk) for chunk in lazy.iter_chunks()] == [0]
    assert_frame_equal(pd.concat(lazy.iter_chunks()), FRAME[:0])
    assert_frame_equal(pd.concat(stored.getl("none").iter_chunks()), FRAME[:0])


def test_what_is_done_to_a_frame_does_not_reach_the_next(stored: DatasetStore) -> None:
    lazy = stored.getl("X")
    for columns in (lazy.value.columns, lazy.head().columns, lazy.columns):
        columns.name = "changed"

    assert_frame_equal(lazy.value, FRAME)
    assert lazy.columns.name is None


def test_chunks_are_on_their_own(stored: DatasetStore) -> None:
    for chunk in stored.getl("X[int,float]").iter_chunks(1):
        chunk["int"] = -1
        chunk.loc[:, "float"] = 0.0

    assert_frame_equal(stored.getl("X").value, FRAME)


def test_filter_reads_only_what_it_names(reads: _Reads, stored: DatasetStore) -> None:
    lazy = stored.getl("X", int__gte=20)
    reads.chunks.clear()

    assert len(lazy) == 3
    # A chunk of bounds, and of 12 row groups two with one column.
    assert len(reads.chunks) == 3
    assert len(lazy) == 3
    assert len(reads.chunks) == 3


def test_filters_and_columns_are_combined(stored: DatasetStore) -> None:
    lazy = stored.getl("X", Q(int__lt=20), int__gt=2)
    expected = FRAME[FRAME["int"].between(3, 19)]

    assert_frame_equal(lazy.value, expected)
    assert_frame_equal(lazy.filter(~Q(str="t1")).value, expected[expected["str"] != "t1"])
    # Also by a column that is not among the chosen ones.
    found = lazy[["str", "float"]].filter(masked=2)["str"]
    assert_series_equal(found.value, expected.loc[expected["masked"].eq(2), "str"])
    assert_frame_equal(lazy.filter().value, expected)
    assert_frame_equal(
        stored.getl("X[^int,str]", int=3).value, FRAME[3:4].drop(columns=["int", "str"])
    )


def test_columns_are_those_of_pandas(stored: DatasetStore) -> None:
    lazy = stored.getl("X")

    assert_series_equal(lazy["float"].value, FRAME["float"])
    assert_series_equal(lazy["float"].head(3), FRAME["float"].head(3))
    assert_series_equal(pd.concat(lazy["object"].iter_chunks(5)), FRAME["object"])
    assert lazy["float"].shape == (ROWS,)
    assert_frame_equal(lazy[["zoned", "int"]].value, FRAME[["zoned", "int"]])
    assert_frame_equal(lazy[["zoned", "int"]][["int"]].value, FRAME[["int"]])
    assert_frame_equal(lazy[pd.Index(["int"])].value, FRAME[["int"]])
    assert_frame_equal(lazy[[]].value, FRAME[[]])


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", "a"],
        [0, 1, "x"],
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", "y"]),
        pd.MultiIndex.from_tuples([("a", ""), ("b", 1), ("b", 2)]),
    ],
    ids=["duplicates", "numbers", "levels", "empty level"],
)
@pytest.mark.usefixtures("_tiny_chunks")
def test_labels_mean_what_they_mean_in_pandas(labels: Any, datasets: DatasetStore) -> None:
    frame = pd.DataFrame(np.arange(9).reshape(3, 3), columns=labels)
    datasets.put(frame, "X")
    lazy = datasets.getl("X")

    for label in dict.fromkeys([*frame.columns, *frame.columns.get_level_values(0)]):
        expected = frame[label]
        found = lazy[label]
        if isinstance(expected, pd.Series):
            assert_series_equal(found.value, expected)
            assert list(found.columns) == [expected.name]
        else:
            assert_frame_equal(found.value, expected)
            assert_index_equal(found.columns, expected.columns)
            assert_frame_equal(found[[found.columns[0]]].value, expected[[expected.columns[0]]])
        assert_frame_equal(lazy[[label]].value, frame[[label]])
        assert_frame_equal(datasets.get("X", columns=[label]), frame[[label]])
        assert_frame_equal(datasets.get(f'X["{label}"]'), frame[[label]])
        assert_frame_equal(datasets.getl(f'X["{label}"]').value, frame[[label]])
        assert_frame_equal(datasets.head(f'X["{label}"]', 1), frame[[label]].head(1))
        rest = datasets.get(f'X[^"{label}"]')
        assert_frame_equal(rest, frame.loc[:, ~frame.columns.isin(frame[[label]].columns)])


def test_series_is_lazy_too(stored: DatasetStore) -> None:
    series = FRAME["float"].rename("x")
    stored.put(series, "s")
    stored.put(pd.Series([1, 2, 3]), "t")
    lazy = stored.getl("s")

    assert repr(lazy) == "<LazyTable s@1, 23 rows, one column, 'x'>"
    assert lazy.shape == (ROWS,)
    assert lazy.dtypes == "float64"
    assert_series_equal(lazy.value, series)
    assert_series_equal(lazy.filter(x__gt=3).value, series[series > 3])
    assert_series_equal(pd.concat(lazy.iter_chunks(4)), series)
    assert_series_equal(lazy.head(2), series.head(2))
    assert_series_equal(stored.getl("t").value, pd.Series([1, 2, 3]))
    with pytest.raises(Invalid, match="s@1 is one column here: 'x'"):
        lazy["x"]


@pytest.mark.parametrize("index", INDEXES)
def test_index_is_lazy_too(index: str, stored: DatasetStore) -> None:
    put = INDEXES[index]
    stored.put(put, "i")
    lazy = stored.getl("i")

    assert lazy.shape == (ROWS,)
    assert list(lazy.columns) == list(put.names)
    assert_index_equal(lazy.value, put)
    assert_index_equal(lazy.head(2), put[:2])
    parts = list(lazy.iter_chunks(4))
    assert_index_equal(parts[0].append(parts[1:]), put)
    assert f"<LazyTable i@1, 23 rows, one column, {put.names[0]!r}" in repr(lazy)


def test_other_libraries_tables_are_lazy_too(stored: DatasetStore) -> None:
    table = pa.table({"a": [1, None, 3], "b": ["x", "y", None]})
    frame = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    stored.put(table, "t")
    stored.put(frame, "p")
    stored.put(frame["b"], "s")

    assert stored.getl("t").value.equals(table)
    assert stored.getl("t", a__gt=1)["b"].value.to_pylist() == [None]
    assert pa.concat_tables(stored.getl("t").iter_chunks(2)).equals(table)
    assert stored.getl("p").value.equals(frame)
    assert stored.getl("p")["b"].value.equals(frame["b"])
    assert stored.getl("p")[["b"]].head(2).equals(frame[["b"]].head(2))
    assert pl.concat(stored.getl("p").iter_chunks(2)).equals(frame)
    assert stored.getl("s").shape == (3,)
    assert pl.concat(stored.getl("s").iter_chunks(2)).equals(frame["b"])


def test_a_removed_version_is_read_until_its_chunks_go(
    url: SecretUrl, stored: DatasetStore
) -> None:
    lazy = stored.getl("X")
    parts = lazy.iter_chunks(4)
    next(parts)
    stored.drop("X")

    assert_frame_equal(lazy.value, FRAME)
    chunks(url).delete_many({})
    with pytest.raises(NotFound, match="X@1 is no longer whole: it was dropped"):
        list(parts)
    with pytest.raises(NotFound, match="X@1 is no longer whole"):
        len(lazy.filter(int__gt=3))


@pytest.mark.parametrize(
    ("value", "kind"), [({"a": 1}, "data"), (np.arange(6).reshape(3, 2), "array")]
)
def test_what_has_no_rows_is_refused(value: Any, kind: str, datasets: DatasetStore) -> None:
    datasets.put(value, "v")

    with pytest.raises(Invalid, match=rf"v@1 is kind '{kind}'.*\n.*om.datasets.get\('v@1'\)"):
        datasets.getl("v")


def test_mistakes_are_named_at_once(stored: DatasetStore) -> None:
    lazy = stored.getl("X")

    with pytest.raises(NotFound, match=r"X@1 has no column 'flaot'\. Did you mean 'float'"):
        lazy["flaot"]
    with pytest.raises(NotFound, match="no column 'flaot'"):
        lazy[["int", "flaot"]]
    with pytest.raises(NotFound, match="no column 'flaot'"):
        lazy.filter(flaot__gt=1)
    with pytest.raises(NotFound, match="no column 'flaot'"):
        stored.getl("X[flaot]")
    with pytest.raises(NotFound, match="Y"):
        stored.getl("Y")
    with pytest.raises(Invalid, match="no filter operator 'gtt'"):
        lazy.filter(~Q(int__gtt=1))
    with pytest.raises(Invalid, match="chunksize=0 is not a number of rows"):
        lazy.iter_chunks(0)
    with pytest.raises(Invalid, match="not negative"):
        lazy.head(-1)
    with pytest.raises(Invalid, match="Columns are chosen in brackets"):
        lazy[:3]
    with pytest.raises(Invalid, match="Columns are chosen in brackets"):
        lazy[FRAME["int"] > 3]
    with pytest.raises(TypeError, match="not iterable"):
        list(lazy)  # type: ignore[call-overload]  # what is tested
