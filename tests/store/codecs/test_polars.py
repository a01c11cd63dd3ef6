"""Frames and series of polars come back as they were; other tables can become them."""

from __future__ import annotations

import datetime as dt
import decimal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal as assert_polars_equal
from polars.testing import assert_series_equal as assert_polars_series_equal

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.datasets import DatasetStore

TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
DTYPES: list[Any] = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Int128, pl.UInt128),
    *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time, pl.Null),
    *(pl.Categorical(), pl.Enum(["low", "", "high"]), pl.Decimal(12, 2)),
    *(pl.Datetime(unit) for unit in ("ms", "us", "ns")),
    *(pl.Datetime("us", zone) for zone in ("UTC", "Europe/Berlin")),
    *(pl.Duration(unit) for unit in ("ms", "us", "ns")),
    *(pl.List(pl.Int16), pl.List(pl.Categorical()), pl.List(pl.Enum(["a", "b"]))),
    *(pl.Array(pl.Float32, 2), pl.List(pl.List(pl.String))),
    pl.Struct({"a": pl.Int8, "b": pl.Struct({"c": pl.String})}),
]


@pytest.fixture
def datasets(shared_datasets: DatasetStore) -> DatasetStore:
    return shared_datasets


def values(dtype: Any) -> st.SearchStrategy[Any]:
    found: st.SearchStrategy[Any]
    if dtype.is_integer():
        bits = int(str(dtype).removeprefix("U").removeprefix("Int"))
        half = 2 ** (bits - 1)
        found = st.integers(0, 2 * half - 1) if "U" in str(dtype) else st.integers(-half, half - 1)
    elif dtype.is_float():
        found = st.floats(width=32)
    elif dtype.is_decimal():
        found = st.integers(-(10**9), 10**9).map(lambda n: decimal.Decimal(n).scaleb(-2))
    elif isinstance(dtype, pl.Enum):
        found = st.sampled_from(dtype.categories.to_list())
    elif isinstance(dtype, pl.Array):
        found = st.lists(values(dtype.inner), min_size=2, max_size=2)
    elif isinstance(dtype, pl.List):
        found = st.lists(values(dtype.inner), max_size=3)
    elif isinstance(dtype, pl.Struct):
        found = st.fixed_dictionaries({field.name: values(field.dtype) for field in dtype.fields})
    else:
        near = dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)
        found = {
            pl.Boolean: st.booleans(),
            pl.String: TEXT,
            pl.Categorical: TEXT,
            pl.Binary: st.binary(max_size=4),
            pl.Date: st.dates(),
            pl.Time: st.times(),
            pl.Null: st.none(),
            pl.Datetime: st.datetimes(*near),
            pl.Duration: st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)),
        }[type(dtype) if isinstance(dtype, pl.DataType) else dtype]
    return st.none() | found


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(0, 7))
    names = draw(st.lists(TEXT.filter(lambda name: "\0" not in name), max_size=4, unique=True))
    columns = []
    for name in names:
        dtype = draw(st.sampled_from(DTYPES))
        listed = draw(st.lists(values(dtype), min_size=rows + 1, max_size=rows + 1))
        columns.append(pl.Series(name, listed, dtype=dtype, strict=False)[1:])
    frame = pl.DataFrame(columns)
    if draw(st.booleans()):
        frame = pl.concat([frame[:2], frame[2:]], rechunk=False)
    return frame


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(frame=frames())
@pytest.mark.usefixtures("_tiny_chunks")
def test_any_frame_comes_back_equal(frame: pl.DataFrame, datasets: DatasetStore) -> None:
    metadata = datasets.put(frame, "p")

    found = datasets.get("p")
    assert (metadata.kind, metadata.type) == ("polars", "polars.DataFrame")
    assert metadata.shape == found.shape == frame.shape
    assert_polars_equal(found, frame, check_exact=True)
    assert_polars_equal(datasets.head("p", 3), frame.head(3), check_exact=True)
    for column in frame.get_columns():
        datasets.put(column, "p")
        series = datasets.get("p")
        assert type(series) is pl.Series
        assert_polars_series_equal(series, column, check_exact=True)


def example(rows: int = 10) -> pl.DataFrame:
    numbers = list(range(rows))
    return pl.DataFrame(
        {
            "n": numbers,
            "kind": pl.Series(["ab"[n % 2] for n in numbers], dtype=pl.Categorical),
            "level": pl.Series(["high"] * rows, dtype=pl.Enum(["low", "high"])),
            "day": [dt.date(2026, 1, 1) + dt.timedelta(n % 1000) for n in numbers],
            "many": [[n, None] for n in numbers],
            "text": [None if n % 3 == 0 else f"text {n}" for n in numbers],
        }
    )


def test_part_of_a_frame_is_a_frame(datasets: DatasetStore) -> None:
    frame = example(150_000)
    datasets.put(frame, "p")

    assert_polars_equal(datasets.get("p"), frame)
    assert_polars_equal(datasets.get("p[kind,n]"), frame.select("kind", "n"))
    assert_polars_equal(datasets.get("p[^many]"), frame.drop("many"))
    assert_polars_equal(datasets.head("p", 3), frame.head(3))
    assert_polars_equal(datasets.get("p", n__gte=149_990), frame.filter(pl.col("n") >= 149_990))
    assert_polars_equal(
        datasets.get("p[n]", kind="b", level="high", n__lt=9),
        frame.filter(pl.col("kind") == "b", pl.col("n") < 9).select("n"),
    )
    assert_polars_equal(
        datasets.get("p", text__isnull=True, day__lt=dt.date(2026, 1, 9)),
        frame.filter(pl.col("text").is_null(), pl.col("day") < dt.date(2026, 1, 9)),
    )
    with pytest.raises(NotFound, match="no column 'missing'"):
        datasets.get("p", missing=1)


def test_frame_is_read_lazily(datasets: DatasetStore) -> None:
    frame = example(5000)
    datasets.put(frame, "p")

    lazy = datasets.getl("p", n__lt=3000)

    assert (len(lazy), list(lazy.columns)) == (3000, frame.columns)
    assert_polars_equal(lazy.head(3), frame.head(3))
    assert_polars_equal(pl.concat(lazy.iter_chunks(1000)), frame.head(3000))
    assert_polars_equal(lazy[["day", "n"]].value, frame.head(3000).select("day", "n"))
    assert_polars_series_equal(lazy["kind"].value, frame.head(3000)["kind"])
    datasets.put(frame["kind"], "p")
    assert_polars_series_equal(datasets.getl("p").value, frame["kind"])


def test_metadata_names_the_dtypes_of_polars(datasets: DatasetStore) -> None:
    metadata = datasets.put(example(), "p")
    columns = metadata.columns

    assert metadata.environment == {"polars": pl.__version__}
    assert columns is not None
    assert [column.dtype for column in columns[:4]] == [
        "Int64",
        "Categorical",
        "Enum(categories=['low', 'high'])",
        "Date",
    ]


def test_frames_without_columns_keep_their_rows(datasets: DatasetStore) -> None:
    for frame in (pl.DataFrame(), example().select([])):
        datasets.put(frame, "p")
        assert datasets.get("p").shape == frame.shape


WIDE = pl.DataFrame(
    {
        "n": range(6),
        "int": pl.Series([None, 0, (1 << 127) - 1, -(1 << 127), 1 << 64, -1], dtype=pl.Int128),
        "uint": pl.Series([(1 << 128) - 1, None, 0, 1, 1 << 64, 7], dtype=pl.UInt128),
        "text": pl.Series(list("abcabc"), dtype=pl.Categorical),
    }
)


@pytest.mark.parametrize("chunks", [True, False])
def test_integers_of_128_bits_come_back(
    chunks: bool, shared_datasets: DatasetStore, request: pytest.FixtureRequest
) -> None:
    if chunks:
        request.getfixturevalue("_tiny_chunks")
    for obj in (WIDE, WIDE.clear(), WIDE["int"], WIDE.select("uint")):
        shared_datasets.put(obj, "wide")
        found = shared_datasets.get("wide")
        assert type(found) is type(obj)
        assert found.equals(obj)
        assert str(found.head(0)) == str(obj.head(0))
    shared_datasets.put(WIDE, "wide")
    shared_datasets.put(WIDE, "wide", append=True)

    found = shared_datasets.get("wide")
    assert found.schema == WIDE.schema
    assert found.equals(pl.concat([WIDE, WIDE]))
    assert shared_datasets.get("wide", int__gt=0)["n"].to_list() == [2, 4] * 2
    large = decimal.Decimal((1 << 127) - 1)
    assert shared_datasets.get("wide[n]", int__gte=large)["n"].to_list() == [2, 2]
    assert shared_datasets.getl("wide")["uint"].head(1).to_list() == [(1 << 128) - 1]
    assert shared_datasets.get("wide", as_="arrow")["int"].to_pylist()[2] == large
    assert shared_datasets.get("wide", as_="pandas")["int"][2] == large


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_integers_of_128_bits_are_not_exported_to_what_polars_can_not_read(
    suffix: str, shared_datasets: DatasetStore, tmp_path: Path
) -> None:
    shared_datasets.put(WIDE, "wide")

    with pytest.raises(Invalid, match="column 'int' has 128 bits"):
        shared_datasets.export("wide", tmp_path / f"wide.{suffix}")
    shared_datasets.export("wide", tmp_path / "wide.csv")

    assert [file.name for file in tmp_path.iterdir()] == ["wide.csv"]
    assert str((1 << 128) - 1) in (tmp_path / "wide.csv").read_text()


@pytest.mark.parametrize("dtype", [pl.Object, pl.List(pl.Int128)], ids=str)
def test_what_arrow_has_no_type_for_is_refused(dtype: Any, datasets: DatasetStore) -> None:
    frame = pl.DataFrame({"^n$": [1], "wrong": pl.Series([None], dtype=dtype)})

    with pytest.raises(Invalid, match="Column 'wrong' has the dtype"):
        datasets.put(frame, "refused")
    with pytest.raises(Invalid, match="Column 'wrong' has the dtype"):
        datasets.put(frame["wrong"], "refused")
    with pytest.raises(Invalid, match="zero byte in its name"):
        datasets.put(pl.DataFrame({"a\0b": [1]}), "refused")
    assert not datasets.exists("refused")


def test_rows_are_appended(datasets: DatasetStore) -> None:
    frame = example(3000).with_columns(pl.col("text").cast(pl.Categorical))
    datasets.put(frame[:1000], "rows")
    datasets.put(frame[1000:], "rows", append=True)
    datasets.put((frame[at : at + 700] for at in range(0, 3000, 700)), "streamed")

    for name in ("rows", "streamed"):
        assert_polars_equal(datasets.get(name), frame)
    assert datasets.get("rows", text="text 1001")["n"].to_list() == [1001]


def test_rows_of_other_dtypes_are_refused(datasets: DatasetStore) -> None:
    frame = example().select("kind", "level")
    datasets.put(frame, "typed")

    for dtype in (pl.String, pl.Enum(["high", "low"]), pl.Categorical):
        with pytest.raises(Invalid, match="column 'level' is "):
            datasets.put(frame.cast({"level": dtype}), "typed", append=True)
    with pytest.raises(Invalid, match="column 'kind' is String, there it is Categorical"):
        datasets.put(frame.cast({"kind": pl.String}), "typed", append=True)
    with pytest.raises(Invalid, match="Frame 2 can't be added to the first frame: column 'level'"):
        datasets.put([frame, frame.cast({"level": pl.String})], "other")
    assert not datasets.exists("other")
    assert datasets.metadata("typed").version == 1


def test_queries_are_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="LazyFrame is a query") as error:
        datasets.put(example().lazy(), "refused")
    assert "collect()" in str(error.value)
    with pytest.raises(Invalid, match="can't be kept"):
        datasets.put(pl.col("a"), "refused")


def test_polars_as_arrow_and_pandas(datasets: DatasetStore) -> None:
    frame = example()
    datasets.put(frame, "p")

    table = datasets.get("p", as_="arrow")
    converted = datasets.get("p", as_="pandas")

    assert table.schema.equals(frame.to_arrow().schema, check_metadata=True)
    assert_polars_equal(pl.DataFrame(pl.from_arrow(table)), frame)
    assert [dtype.pyarrow_dtype for dtype in converted.dtypes] == table.schema.types
    assert converted["text"].isna().tolist() == frame["text"].is_null().to_list()
    datasets.put(frame["day"], "p")
    series = datasets.get("p", as_="pandas")
    assert (series.name, series.tolist()) == ("day", frame["day"].to_list())
    assert datasets.get("p", as_="arrow").equals(pa.chunked_array(frame["day"].to_arrow()))


FRAME = pd.DataFrame(
    {
        "n": [1, 2],
        "x": [1.5, None],
        "text": ["a", None],
        "when": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin"),
        "second": np.array(["2026-01-01", "NaT"], "M8[s]"),
        "kind": pd.Categorical(["b", "a"]),
        "nullable": pd.array([1, None], "Int8"),
        "price": [decimal.Decimal("1.50"), None],
        "day": [dt.date(2026, 1, 1), None],
    }
)


def test_frame_as_polars(datasets: DatasetStore) -> None:
    datasets.put(FRAME, "f")

    found = datasets.get("f", as_="polars")

    assert_polars_equal(found, pl.from_pandas(FRAME))
    assert found["x"].to_list() == [1.5, None]
    assert datasets.get("f[n]", as_="polars", n__gt=1)["n"].to_list() == [2]
    datasets.put(FRAME["text"], "s")
    assert_polars_series_equal(datasets.get("s", as_="polars"), pl.Series("text", ["a", None]))


def test_arrow_as_polars(datasets: DatasetStore) -> None:
    table = pa.table({"a": [1, None], "b": [[b"x"], []], "c": [{"d": 1.5}, None]})
    datasets.put(table, "t")

    assert_polars_equal(datasets.get("t", as_="polars"), pl.DataFrame(pl.from_arrow(table)))
    datasets.put(table["a"], "t")
    assert datasets.get("t", as_="polars").to_list() == [1, None]


@pytest.mark.parametrize(
    ("obj", "named"),
    [
        (FRAME.set_index("n"), "has a row index"),
        (FRAME.set_axis(["a", "b"]), "has a row index"),
        (pd.DataFrame({"a": [1]}, index=pd.RangeIndex(1, 2)), "has a row index"),
        (pd.Series([1], index=["a"]), "has a row index"),
        (pd.DataFrame({("a", 1): [1]}), "label ('a', 1) is not text"),
        (pd.DataFrame({"p": pd.period_range("2026", periods=1, freq="Y")}), "column 'p'"),
        (pd.DataFrame({"c": pd.Categorical([1])}), "column 'c'"),
        (pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))}), "column 'm'"),
        (pa.table({"t": pa.array([2**62], pa.timestamp("s"))}), "column 't'"),
        (pa.Table.from_arrays([pa.array([1])] * 2, ["a", "a"]), "a"),
    ],
    ids=["index", "labels", "range", "series", "tuple", "period", "category", "map", "second"]
    + ["repeated"],
)
def test_what_polars_would_change_is_refused(obj: Any, named: str, datasets: DatasetStore) -> None:
    datasets.put(obj, "refused")

    with pytest.raises(Invalid, match=r"can't (become|hold)") as error:
        datasets.get("refused", as_="polars")
    assert named in str(error.value)


def test_without_polars_everything_else_works(url: SecretUrl) -> None:
    """A process in which polars can't be imported, as where it is not installed."""
    DatasetStore(url).put(example(), "p")
    script = f"""
        import sys
        sys.modules["polars"] = None
        import pandas as pd
        from omega_jupyter.config import SecretUrl
        from omega_jupyter.errors import Invalid
        from omega_jupyter.store.datasets import DatasetStore

        datasets = DatasetStore(SecretUrl({str(url.reveal())!r}))
        datasets.put(pd.DataFrame({{"a": [1]}}), "f")
        print(datasets.get("p", as_="arrow").num_rows, len(datasets.get("f")))
        for action in (lambda: datasets.get("p"), lambda: datasets.get("f", as_="polars")):
            try:
                action()
            except Invalid as error:
                print(error)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )

    assert ended.stderr == ""
    assert ended.stdout.startswith("10 1\npolars is not installed here\n  → pip install polars")
    assert ended.stdout.count("pip install polars") == 2


def test_polars_is_imported_only_for_polars() -> None:
    script = """
        import sys
        import pandas as pd
        from omega_jupyter.store.codecs import inline

        inline.decode(inline.encode(pd.DataFrame({"a": [1]})))
        print("polars" in sys.modules)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "False\n"
