"""Tables and arrays of pyarrow come back as they were, and in part as pandas would choose."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from pandas.testing import assert_frame_equal

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.datasets import DatasetStore
from tests.store.codecs.arrow_values import tables

WORDS = [f"word {n}" for n in range(5000)]


@pytest.fixture
def datasets(shared_datasets: DatasetStore) -> DatasetStore:
    return shared_datasets


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    found.validate(full=True)
    if isinstance(expected, pa.Table | pa.RecordBatch):
        assert found.schema.equals(expected.schema, check_metadata=True)
        assert found.num_rows == expected.num_rows
        pairs = list(zip(found.columns, expected.columns, strict=True))
    else:
        pairs = [(found, expected)]
    for column, other in pairs:
        assert column.type.equals(other.type, check_metadata=True)
        # NaN is not equal to itself, whatever is around it.
        assert column.equals(other) or str(column.to_pylist()) == str(other.to_pylist())


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=tables())
@pytest.mark.usefixtures("_tiny_chunks")
def test_any_table_comes_back_equal(table: Any, datasets: DatasetStore) -> None:
    metadata = datasets.put(table, "t")

    assert metadata.kind == "arrow"
    assert metadata.shape == table.shape
    assert_same(datasets.get("t"), table)
    assert_same(datasets.head("t", 3), table.slice(0, 3))


def example(rows: int = 10) -> Any:
    schema = pa.schema(
        [
            pa.field("n", pa.int64(), nullable=False, metadata={"unit": "€"}),
            pa.field("text", pa.string_view()),
            pa.field("day", pa.date32()),
            pa.field("nested", pa.list_(pa.struct({"a": pa.float32()}))),
            pa.field("kind", pa.dictionary(pa.int8(), pa.string(), ordered=True)),
        ],
        metadata={"source": "crm"},
    )
    numbers = list(range(rows))
    columns = [
        numbers,
        [None if n % 3 == 0 else f"text {n}" for n in numbers],
        [dt.date(2026, 1, 1) + dt.timedelta(n) for n in numbers],
        [[{"a": n / 2}] * (n % 3) for n in numbers],
        ["low" if n % 2 else "high" for n in numbers],
    ]
    made = [
        pa.array(values).dictionary_encode().cast(field.type)
        if pa.types.is_dictionary(field.type)
        else pa.array(values, field.type)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(made, schema=schema)


@pytest.mark.parametrize("rows", [0, 3, 200_000])
def test_each_class_comes_back(rows: int, datasets: DatasetStore) -> None:
    table = example(rows)
    batch = table.combine_chunks().to_batches()[0] if rows else table.schema.empty_table()
    for obj in (table, batch, table["text"], table["kind"], table["n"].combine_chunks()):
        metadata = datasets.put(obj, "t")

        assert_same(datasets.get("t"), obj)
        assert metadata.type in ("pyarrow.Table", "pyarrow.RecordBatch") or (
            metadata.type in ("pyarrow.ChunkedArray", "pyarrow.Array")
            and (metadata.shape, metadata.columns) == ((rows,), None)
        )


def test_tables_without_columns_keep_their_rows(datasets: DatasetStore) -> None:
    table = pa.table({"a": [1, 2]}).select([])
    for obj in (table, table.to_batches()[0], pa.table({}), pa.record_batch([], names=[])):
        datasets.put(obj, "t")

        assert_same(datasets.get("t"), obj)


def test_metadata_names_arrow_types(datasets: DatasetStore) -> None:
    columns = datasets.put(example(), "t").columns

    assert columns is not None
    assert [column.dtype for column in columns][:3] == ["int64", "string_view", "date32[day]"]


def test_part_of_a_table_is_a_table(datasets: DatasetStore) -> None:
    table = example(100_000)
    datasets.put(table, "t")

    assert_same(datasets.get("t[kind,n]"), table.select(["kind", "n"]))
    assert_same(datasets.get("t[^nested]"), table.drop_columns("nested"))
    assert_same(datasets.head("t", 3), table.slice(0, 3))
    assert_same(datasets.get("t", n__gte=99_990), table.slice(99_990))
    assert_same(datasets.get("t[day]", text="text 5"), table.slice(5, 1).select(["day"]))
    assert datasets.get("t", kind="low", n__lt=10)["n"].to_pylist() == [1, 3, 5, 7, 9]
    assert datasets.get("t", text__isnull=True, n__lt=5)["n"].to_pylist() == [0, 3]
    with pytest.raises(NotFound, match="no column 'missing'"):
        datasets.get("t[missing]")
    with pytest.raises(NotFound, match="no column 'missing'"):
        datasets.get("t", missing=1)


def test_table_is_read_lazily(datasets: DatasetStore) -> None:
    table = example(5000)
    datasets.put(table, "t")

    lazy = datasets.getl("t", n__lt=3000)

    assert_same(pa.concat_tables(lazy.iter_chunks(1000)), table.slice(0, 3000))
    assert_same(lazy["text"].value, table["text"].slice(0, 3000))
    assert_same(lazy[["text"]].head(2), table.select(["text"]).slice(0, 2))


def test_filters_mean_what_pandas_means_by_them(datasets: DatasetStore) -> None:
    values = pa.array([1.5, float("nan"), None, -1.0, 3.0])
    table = pa.table({"x": values, "row": range(5)})
    datasets.put(table, "t")
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)

    for name, mask in {
        "x__gt": frame["x"] > 0,
        "x__ne": frame["x"] != 0,
        "x__lte": frame["x"] <= 0,
    }.items():
        found = datasets.get("t", **{name: 0})
        assert found["row"].to_pylist() == frame["row"][mask.fillna(False)].tolist()
    found = datasets.get("t", x__isnull=True)
    assert found["row"].to_pylist() == frame["row"][frame["x"].isna()].tolist()


def test_columns_of_one_name_are_told_apart(datasets: DatasetStore) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"]), pa.array([2.5])], ["a", "a", "b"])
    datasets.put(table, "t")

    assert_same(datasets.get("t"), table)
    assert_same(datasets.get("t[b,a]"), table.select([2, 0, 1]))


def test_names_with_zero_bytes_are_kept(datasets: DatasetStore) -> None:
    for obj in (pa.table({"a\0b": [{"\0": "x"}, {"\0": None}]}), pa.array([{"\0": ""}, None])):
        datasets.put(obj, "t")
        assert_same(datasets.get("t"), obj)


def test_large_dictionaries_are_kept_once(datasets: DatasetStore) -> None:
    codes = np.random.default_rng(0).integers(0, len(WORDS), 200_000)
    column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int16()), pa.array([*WORDS, "no"]))
    table = pa.table({"a": column, "b": column})

    datasets.put(table, "t")

    assert_same(datasets.get("t"), table)
    assert_same(datasets.head("t", 2), table.slice(0, 2))
    assert datasets.get("t", a="word 7").num_rows == int((codes == 7).sum())


def test_dictionaries_of_several_chunks_are_joined(datasets: DatasetStore) -> None:
    first = pa.array(WORDS).dictionary_encode()
    second = pa.array(["new", "word 3", None, *WORDS]).dictionary_encode()
    column = pa.chunked_array([first, second])

    datasets.put(column, "t")

    found = datasets.get("t")
    assert found.type == column.type
    assert found.cast(pa.string()).equals(column.cast(pa.string()))


def test_stream_is_stored_as_one_table(datasets: DatasetStore) -> None:
    table = example(5000)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=999))

    metadata = datasets.put(reader, "t")

    assert (metadata.type, metadata.shape) == ("pyarrow.Table", (5000, 5))
    assert_same(datasets.get("t"), table)
    datasets.put(pa.RecordBatchReader.from_batches(table.schema, []), "t")
    assert_same(datasets.get("t"), table.slice(0, 0))


def test_rows_are_appended(datasets: DatasetStore) -> None:
    table = example(3000)
    datasets.put(table.slice(0, 1000), "rows")
    datasets.put(table.slice(1000, 5), "rows", append=True)
    datasets.put(table.slice(1005).to_batches()[0], "rows", append=True)

    assert_same(datasets.get("rows"), table)
    assert_same(datasets.get("rows", n__gte=1004), table.slice(1004))


def test_rows_of_other_types_are_refused(datasets: DatasetStore) -> None:
    datasets.put(pa.table({"a": pa.array(["x"], pa.string_view()), "b": [1]}), "typed")

    for other in (pa.large_string(), pa.string()):
        rows = pa.table({"a": pa.array(["x"], other), "b": [1]})
        with pytest.raises(Invalid, match=r"column 'a' is .*string, there it is string_view"):
            datasets.put(rows, "typed", append=True)
    with pytest.raises(Invalid, match="'b'"):
        datasets.put(pa.table({"a": pa.array(["x"], pa.string_view())}), "typed", append=True)
    with pytest.raises(Invalid, match="kind 'arrow'"):
        datasets.put(pd.DataFrame({"a": ["x"], "b": [1]}), "typed", append=True)
    assert datasets.metadata("typed").version == 1


def test_rows_with_new_words_are_refused_where_the_dictionary_is_large(
    datasets: DatasetStore,
) -> None:
    datasets.put(pa.table({"a": pa.array(WORDS).dictionary_encode()}), "words")
    datasets.put(
        pa.table({"a": pa.array(["word 9", None]).dictionary_encode()}), "words", append=True
    )

    assert datasets.get("words")["a"].to_pylist()[-3:] == [WORDS[-1], "word 9", None]
    with pytest.raises(Invalid, match="Column 'a' has values that are not in the dictionary"):
        datasets.put(pa.table({"a": pa.array(["new"]).dictionary_encode()}), "words", append=True)


def test_scalars_are_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="can't be kept"):
        datasets.put(pa.scalar(1), "refused")


def test_arrays_have_no_columns(datasets: DatasetStore) -> None:
    datasets.put(pa.array([3, 1, 2]), "t")

    assert datasets.head("t", 2).to_pylist() == [3, 1]
    for action in (lambda: datasets.get("t[a]"), lambda: datasets.get("t[^a]")):
        with pytest.raises(Invalid, match="has no columns"):
            action()


FRAME = pd.DataFrame(
    {
        "n": [1, 2],
        "x": [1.5, None],
        "text": ["a", None],
        "when": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin"),
        "kind": pd.Categorical(["b", "a"]),
        "nullable": pd.array([1, None], "Int8"),
        "price": [decimal.Decimal("1.50"), None],
    }
)


def test_frame_as_arrow(datasets: DatasetStore) -> None:
    datasets.put(FRAME, "f")

    found = datasets.get("f", as_="arrow")

    assert found.equals(pa.Table.from_pandas(FRAME, preserve_index=False))
    assert datasets.get("f[n]", as_="arrow", n__gt=1).to_pydict() == {"n": [2]}
    assert_frame_equal(datasets.get("f", as_="pandas"), FRAME)


def test_index_goes_to_arrow_as_pandas_puts_it_there(datasets: DatasetStore) -> None:
    frame = FRAME.set_index(["n", "text"])
    datasets.put(frame, "f")

    found = datasets.get("f", as_="arrow")

    assert found.equals(pa.Table.from_pandas(frame))
    assert_frame_equal(found.to_pandas(), frame)


def test_arrow_as_pandas_has_arrow_dtypes(datasets: DatasetStore) -> None:
    table = example()
    datasets.put(table, "t")

    found = datasets.get("t", as_="pandas")

    assert [dtype.pyarrow_dtype for dtype in found.dtypes] == table.schema.types
    for name in found:
        assert pa.chunked_array(pa.array(found[name].array)).equals(table[name])
    datasets.put(table["n"], "t")
    series = datasets.get("t", as_="pandas")
    assert (type(series), series.name) == (pd.Series, None)
    assert series.tolist() == list(range(10))


def test_series_as_arrow_is_an_array(datasets: DatasetStore) -> None:
    datasets.put(pd.Series([1, 2], name="n"), "s")

    assert datasets.get("s", as_="arrow").equals(pa.chunked_array([[1, 2]]))
    datasets.put(pd.Series([1, 2], index=["a", "b"]), "s")
    with pytest.raises(Invalid, match="s@2 has a row index"):
        datasets.get("s", as_="arrow")


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (pd.DataFrame({1: [1]}), "label 1 is not text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "label 'a' is repeated"),
        (pd.DataFrame({"a": [1, "x"]}), "column 'a'"),
        (pd.DataFrame({"a": [(1, 2)]}), "column 'a'"),
        (pd.DataFrame({"z": [1j]}), "column z"),
        (pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}), "column s"),
    ],
    ids=["label", "repeated", "mixed", "tuples", "complex", "sparse"],
)
def test_what_arrow_would_change_is_refused(
    frame: pd.DataFrame, named: str, datasets: DatasetStore
) -> None:
    datasets.put(frame, "refused")

    with pytest.raises(Invalid, match="can't become an Arrow table") as error:
        datasets.get("refused", as_="arrow")
    assert named in str(error.value)


def test_only_tables_are_converted(datasets: DatasetStore) -> None:
    datasets.put(np.arange(3), "a")
    datasets.put(FRAME, "f")

    with pytest.raises(Invalid, match="a@1 is kind 'array', no table"):
        datasets.get("a", as_="arrow")
    with pytest.raises(Invalid, match="'pandas', 'polars', 'arrow'"):
        datasets.get("f", as_="numpy")
