"""Frames come back equal, or are refused by name."""

from __future__ import annotations

import enum
from collections import namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.chunks.chunks import write_segment
from omega_jupyter.store.codecs.frame import FrameCodec
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.schema import prepare
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.names.catalog import Catalog, now
from omega_jupyter.store.payload.payload import pack_inline
from omega_jupyter.store.table.write import encode_table
from omega_jupyter.store.versions.writing import describe
from tests.store.awkward import FRAMES

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1


def assert_same(expected: pd.DataFrame, found: pd.DataFrame) -> None:
    assert_frame_equal(
        expected, found, check_exact=True, check_column_type="exact", check_index_type="exact"
    )
    assert list(found.dtypes) == list(expected.dtypes)
    assert found.attrs == expected.attrs


@pytest.mark.parametrize("name", FRAMES)
def test_small_frame_comes_back_equal(name: str, shared_datasets: DatasetStore) -> None:
    frame = FRAMES[name]()

    shared_datasets.put(frame, "X")

    assert_same(frame, shared_datasets.get("X"))
    assert_same(frame.head(3), shared_datasets.head("X", 3))


@pytest.mark.usefixtures("_tiny_chunks")
@pytest.mark.parametrize("name", FRAMES)
def test_frame_in_chunks_comes_back_equal(name: str, shared_datasets: DatasetStore) -> None:
    frame = FRAMES[name]()

    shared_datasets.put(frame, "X")

    assert_same(frame, shared_datasets.get("X"))
    assert_same(frame.head(3), shared_datasets.head("X", 3))


def test_frame_of_several_row_groups_comes_back_equal(datasets: DatasetStore) -> None:
    rows = 150_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.random(rows),
            "few": pd.array([f"k{i % 50}" for i in range(rows)], dtype="str"),
            "many": pd.array([f"k{i}" for i in range(rows)], dtype="str"),
            "objects": np.array(["a", None, "b"] * (rows // 3), dtype=object),
            "y": rng.integers(0, 9, rows),
        },
        index=pd.MultiIndex.from_product([range(rows // 10), range(10)], names=["i", "j"]),
    )

    datasets.put(frame, "X")

    assert_same(frame, datasets.get("X"))
    assert_same(frame[["y", "few"]], datasets.get("X[y,few]"))
    assert_same(frame.head(70_000), datasets.head("X", 70_000))


def test_many_categories_are_kept_beside_the_description(datasets: DatasetStore) -> None:
    categories = pd.Index([f"category {i}" for i in range(60_000)])
    frame = pd.DataFrame({"x": pd.Categorical.from_codes([5, -1, 59_999], categories)})

    datasets.put(frame, "X")

    assert_same(frame, datasets.get("X"))


def test_value_larger_than_a_document_comes_back(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"x": np.array([b"a" * 20_000_000, b"b" * 100], dtype=object)})

    datasets.put(frame, "X")

    assert_same(frame, datasets.get("X"))


def test_what_is_put_later_is_not_changed_by_what_comes_back(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": np.arange(100_000)}), "X")
    found = datasets.get("X")

    found.iloc[0, 0] = -1

    assert datasets.get("X").iloc[0, 0] == 0


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, 3], name="y"),
        pd.Series([1.5, None], index=["a", "b"], name=("t", 1)),
        pd.Series([], dtype="str"),
        pd.Series(["a", None], dtype="category", name=0),
        pd.Series(np.arange(50_000), name=None),
        pd.Series(pd.date_range("2026", periods=3, tz="UTC"), name=pd.Timestamp("2026")),
    ],
    ids=range(6),
)
def test_series_comes_back_equal(series: pd.Series[Any], datasets: DatasetStore) -> None:
    series.attrs = {"unit": "m"}

    datasets.put(series, "y")

    found = datasets.get("y")
    assert_series_equal(series, found, check_exact=True)
    assert found.attrs == series.attrs
    assert type(found.name) is type(series.name)


@pytest.mark.parametrize(
    "value",
    [Point(1, 2), Colour.RED, object(), lambda: None, np.array([object()]), [{"a": {Point(1, 2)}}]],
    ids=["named tuple", "enum", "object", "function", "array of objects", "deep inside"],
)
def test_value_that_cannot_be_kept_is_refused_by_column(
    value: object, datasets: DatasetStore
) -> None:
    column = np.empty(2, dtype=object)
    column[:] = ["a", value]

    with pytest.raises(Invalid, match="Column 'odd' holds a "):
        datasets.put(pd.DataFrame({"fine": [1, 2], "odd": column}), "X")

    assert not datasets.exists("X")


@pytest.mark.usefixtures("_tiny_chunks")
def test_refusal_in_a_later_row_group_leaves_nothing_behind(datasets: DatasetStore) -> None:
    from omega_jupyter.store.database.schema import chunks

    column = np.array(["a"] * 50, dtype=object)
    column[49] = Colour.RED

    with pytest.raises(Invalid, match=r"Column 'odd' holds a .*Colour"):
        datasets.put(pd.DataFrame({"fine": range(50), "odd": column}), "X")

    assert chunks(datasets._url).count_documents({}) == 0


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (pd.DataFrame([[1]], columns=pd.Index([Colour.RED], dtype=object)), "The column labels"),
        (pd.DataFrame([[1]], index=pd.Index([Colour.RED], dtype=object)), "The index holds"),
        (pd.DataFrame([[1]], index=pd.Index([1], name=Colour.RED)), "The index has a name"),
        (
            pd.DataFrame({"c": pd.Categorical([Colour.RED])}),
            "Column 'c' has categories of which one",
        ),
    ],
    ids=["label", "index", "name of the index", "category"],
)
def test_what_cannot_be_kept_is_refused_by_its_place(
    frame: pd.DataFrame, what: str, datasets: DatasetStore
) -> None:
    with pytest.raises(Invalid, match=what):
        datasets.put(frame, "X")


def test_attrs_that_cannot_be_kept_are_refused(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {"f": Colour.RED}

    with pytest.raises(Invalid, match=r"Attrs holds a .*Colour"):
        datasets.put(frame, "X")


def test_subclass_of_a_frame_is_refused(datasets: DatasetStore) -> None:
    class GeoFrame(pd.DataFrame):
        pass

    with pytest.raises(Invalid, match="GeoFrame"):
        datasets.put(GeoFrame({"x": [1]}), "X")


@pytest.mark.usefixtures("_tiny_chunks")
def test_columns_are_chosen_as_pandas_does(datasets: DatasetStore) -> None:
    frame = pd.DataFrame(np.arange(12).reshape(3, 4), columns=["a", "b", "a", 5])
    datasets.put(frame, "X")

    assert_same(frame[["b", "a"]], datasets.get("X[b,a]"))
    assert_same(frame[[5, "b", "b"]], datasets.get("X", columns=[5, "b", "b"]))
    assert_same(frame[[5]], datasets.get("X[5]"))
    assert_same(frame[["b", 5]], datasets.get("X[^a]"))
    assert_same(frame[["b"]].head(2), datasets.head("X[b]", 2))


def test_columns_of_levels_are_chosen_as_pandas_does(datasets: DatasetStore) -> None:
    labels = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    frame = pd.DataFrame(np.arange(8).reshape(2, 4), columns=labels)
    datasets.put(frame, "X")

    found = datasets.get("X", columns=["b", ("a", 2)])

    assert found.columns.tolist() == [("b", 1), ("b", 2), ("a", 2)]
    assert found.to_numpy().tolist() == frame.to_numpy()[:, [2, 3, 1]].tolist()


def test_unknown_column_is_named_with_the_closest(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"amount": [1], "day": [2]}), "sales")

    with pytest.raises(NotFound, match=r"sales@1 has no column 'amuont'. Did you mean 'amount'\?"):
        datasets.get("sales[amuont]")


def test_metadata_tells_shape_and_columns(datasets: DatasetStore) -> None:
    metadata = datasets.put(FRAMES["time zones and units"](), "X")

    assert metadata.kind == "dataframe"
    assert metadata.type == "pandas.DataFrame"
    assert metadata.shape == (3, 20)
    assert metadata.columns is not None
    assert metadata.columns[4] == ("1s", "datetime64[s, Europe/Berlin]")
    assert datasets.metadata("X") == metadata


def test_parts_of_a_table_are_read_as_one(datasets: DatasetStore) -> None:
    """What an append will write: several segments, the last one in the document itself."""
    rows = 120_000
    frame = pd.DataFrame(
        {"x": np.arange(rows), "s": [f"k{i % 9}" for i in range(rows)]},
        index=pd.Index(np.arange(rows) * 2, name="i"),
    )
    first, last = frame.iloc[:-10], frame.iloc[-10:]
    url = datasets._url
    prepare(url)
    whole, tail = encode_table(first, "pandas.DataFrame"), encode_table(last, "pandas.DataFrame")
    tables = whole.body["tables"] + [tail.body["tables"][0] | {"i": 1}]
    packed = pack_inline(tail.segments[0])
    document = describe(FrameCodec(), whole) | {
        "body": whole.body | {"tables": tables, "rows": rows},
        "segments": [
            write_segment(url, whole.segments[0]).to_document(),
            {"d": packed, "h": of_inline(packed)},
        ],
        "hash": "",
        "created": now(),
    }
    Catalog(url).publish("datasets", "X", lambda latest: document)

    assert_same(frame, datasets.get("X"))
    assert_same(frame[["s"]], datasets.get("X[s]"))
    assert_same(frame[frame["x"] > rows - 5], datasets.get("X", x__gt=rows - 5))
    assert_same(frame[frame["x"] == 70_000], datasets.get("X", x=70_000))
    assert_same(frame.head(7), datasets.head("X", 7))


def test_long_doubles_come_back_only_on_their_kind_of_processor(url: SecretUrl) -> None:
    datasets = DatasetStore(url)
    frame = pd.DataFrame({"x": np.array([1, np.pi], np.longdouble)})
    datasets.put(frame, "X")

    assert_same(frame, datasets.get("X"))
    other = {"$set": {"body.columns.0.1.t.bits": 112}}
    connect(url)["omega_versions"].update_one({"name": "X"}, other)
    with pytest.raises(Invalid, match="kind of processor"):
        datasets.get("X")


def test_dtype_with_metadata_is_refused_by_the_columns_name(datasets: DatasetStore) -> None:
    noted = np.zeros(2, np.dtype("i4", metadata={"unit": "€"}))

    with pytest.raises(Invalid, match=r"Column 'noted' has a dtype with metadata \(\{'unit'"):
        datasets.put(pd.DataFrame({"x": [1, 2], "noted": pd.Series(noted, copy=False)}), "X")
