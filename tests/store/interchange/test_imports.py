"""Files of other programs are read as pandas reads them whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.append import frames
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.wording.progress import Progress
from tests.store.awkward import FRAMES
from tests.store.table.test_frames import assert_same

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "parquet": pd.read_parquet,
    "feather": pd.read_feather,
}
each_format = pytest.mark.parametrize("suffix", READERS)


def numbered(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": np.arange(rows),
            "x": np.arange(rows) / 7,
            "s": pd.array([f"k{n % 9}" for n in range(rows)], dtype="str"),
            "c": pd.Categorical([f"c{n % 3}" for n in range(rows)]),
        }
    )


def write_arrow(table: pa.Table, path: Path, rows: int = 3) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows)
        return
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True, compression="lz4")
    with pa.ipc.new_file(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


@pytest.mark.usefixtures("_tiny_parts")
def test_table_that_changes_under_an_import_says_to_import_once_more(
    datasets: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "HELD_ROWS", 1)
    path = tmp_path / "X.parquet"
    numbered(9).to_parquet(path)
    table = pd.read_parquet(path)
    datasets.put(table, "X")

    def change(_: Progress) -> None:
        if datasets.metadata("X").version == 1:
            datasets.put(table.astype({"n": float}), "X")

    with pytest.raises(Conflict, match="'X' was changed by another writer") as caught:
        datasets.import_(path, "X", append=True, notify=change)

    assert caught.value.hint == "nothing of them is stored: import X.parquet once more"
    assert datasets.metadata("X").version == 2
    assert chunks(datasets._url).count_documents({}) == 0
    # Then it is told what does not fit.
    with pytest.raises(Invalid, match="column 'n' is int64, there it is float64"):
        datasets.import_(path, "X", append=True)


@pytest.mark.usefixtures("_tiny_parts")
@each_format
@pytest.mark.parametrize("name", FRAMES)
def test_file_is_read_as_pandas_reads_it(
    name: str, suffix: str, shared_datasets: DatasetStore, tmp_path: Path
) -> None:
    path = tmp_path / f"X.{suffix}"
    try:
        write_arrow(pa.Table.from_pandas(FRAMES[name]()), path)
        expected = READERS[suffix](path)
    except (TypeError, ValueError, NotImplementedError, UserWarning):
        return  # pandas can't write or read it

    shared_datasets.import_(path, "X")

    found = shared_datasets.get("X")
    assert_frame_equal(expected, found, check_exact=True, check_index_type="exact")
    assert list(found.dtypes) == list(expected.dtypes)


@pytest.mark.usefixtures("_tiny_parts")
@pytest.mark.parametrize("statistics", [True, False])
@each_format
def test_dtypes_hang_on_values_far_behind(
    suffix: str, statistics: bool, datasets: DatasetStore, tmp_path: Path
) -> None:
    texts = [["b", "a"], ["b", "c"], ["d", None], ["a", "d"]]
    coded = [pa.array(part, pa.string()).dictionary_encode() for part in texts]
    table = pa.table(
        {
            "whole": pa.array(range(8), pa.int16()),
            "missing": pa.array([*range(7), None], pa.int64()),
            "flag": pa.array([True] * 7 + [None]),
            "small": pa.array([None, *range(7)], pa.uint8()),
            "coded": pa.chunked_array(coded),
            "null": pa.nulls(8),
            "day": pa.array([None] * 7 + [1], pa.date32()),
        }
    )
    path = tmp_path / f"X.{suffix}"
    if suffix == "parquet":
        pq.write_table(table, path, row_group_size=2, write_statistics=statistics)
    else:
        write_arrow(table.unify_dictionaries(), path, 2)

    datasets.import_(path, "X")

    expected = READERS[suffix](path)
    assert_frame_equal(expected, datasets.get("X"), check_exact=True)
    assert expected["missing"].dtype == "float64"
    assert list(expected["coded"].cat.categories) == ["b", "a", "c", "d"]


@pytest.mark.usefixtures("_tiny_parts")
@each_format
def test_index_of_the_file_is_the_tables(
    suffix: str, datasets: DatasetStore, tmp_path: Path
) -> None:
    path = tmp_path / f"X.{suffix}"
    integers = pa.Table.from_pandas(pd.DataFrame({"x": range(5)}, index=pd.Index([1, 2, 3, 4, 5])))
    place = integers.schema.get_field_index("__index_level_0__")
    missing = integers.set_column(place, "__index_level_0__", pa.array([1, 2, 3, 4, None]))
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", None])
    for table in (
        integers,
        missing.replace_schema_metadata(integers.schema.metadata),
        pa.Table.from_pandas(pd.DataFrame({"x": range(4)}, index=index)),
        pa.Table.from_pandas(pd.DataFrame({"x": range(4)}, index=pd.RangeIndex(9, 1, -2))),
    ):
        write_arrow(table, path, 2)

        datasets.import_(path, "X")

        assert_frame_equal(READERS[suffix](path), datasets.get("X"), check_index_type="exact")


def test_large_file_is_imported_and_appended_to(datasets: DatasetStore, tmp_path: Path) -> None:
    frame, path = numbered(150_000), tmp_path / "X.parquet"
    frame.to_parquet(path)
    seen: list[Progress] = []

    metadata = datasets.import_(path, "X", attributes={"from": "here"}, notify=seen.append)
    datasets.import_(path, "X", append=True)

    assert metadata.shape == (150_000, 4)
    assert metadata.attributes == {"from": "here"}
    assert_same(pd.concat([frame, frame], ignore_index=True), datasets.get("X"))
    assert [(p.what, p.total, p.unit) for p in seen] == [("import X.parquet", 150_000, "rows")] * 3
    assert [p.done for p in seen] == [65_536, 131_072, 150_000]
    with pytest.raises(Conflict, match="stored already"):
        datasets.import_(path, "X", if_exists="fail")


def test_rows_that_do_not_fit_are_told_by_their_file(
    datasets: DatasetStore, tmp_path: Path
) -> None:
    numbered(70_000).astype({"n": float}).to_parquet(tmp_path / "X.parquet")
    datasets.put(numbered(5), "X")

    with pytest.raises(
        Invalid,
        match=r"What is in rows 1 to 65,536 of X\.parquet can't be added to X@1: column 'n' is",
    ):
        datasets.import_(tmp_path / "X.parquet", "X", append=True)


TOKENS = ["1", "-3", "007", "1.5", "1e5", "inf", "True", "False", "abc", "NA", "", " 4", "-0.0"]
TOKENS += ["18446744073709551615", "9223372036854775808", "99999999999999999999", "2020-01-01"]
TOKENS += ['"a,b"', "1_0", '"two\nlines"']


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4, unique=True).flatmap(
        lambda few: st.lists(st.tuples(st.sampled_from(few), st.sampled_from(few)), max_size=7)
    )
)
@example(rows=[("1", ""), ("18446744073709551615", ""), ("", "True"), ("NA", "")])
@example(rows=[("1", "1")] * 3 + [("x", "1.5")])
@pytest.mark.usefixtures("_tiny_parts")
def test_csv_is_read_as_pandas_reads_it_whole(
    rows: list[tuple[str, str]], shared_datasets: DatasetStore, tmp_path: Path
) -> None:
    path = tmp_path / "X.csv"
    path.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows))

    shared_datasets.import_(path, "X")

    expected, found = pd.read_csv(path, low_memory=False), shared_datasets.get("X")
    assert_frame_equal(expected, found, check_exact=True)
    for column in expected:
        assert list(map(type, expected[column])) == list(map(type, found[column]))


@pytest.mark.usefixtures("_tiny_parts")
def test_csv_has_labels_of_any_kind(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_text('a,a,"b,c",,1\n' + "1,x,2,,3\n" * 3 + "y,2,0.5,,z\n")

    datasets.import_(path, "X")

    assert_frame_equal(pd.read_csv(path), datasets.get("X"))


def test_csv_with_fields_that_have_no_label_is_refused(
    datasets: DatasetStore, tmp_path: Path
) -> None:
    path = tmp_path / "X.csv"
    path.write_text("a,b\n1,2,3\n")

    with pytest.raises(Invalid, match="have more fields than there are labels"):
        datasets.import_(path, "X")


def test_csv_tells_how_far_it_is(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    numbered(100_000).to_csv(path, index=False)
    seen: list[Progress] = []

    datasets.import_(path, "X", notify=seen.append)

    looking = [p for p in seen if "looking for dtypes" in p.what]
    assert (looking[-1].done, looking[-1].total) == (100_000, None)
    assert (seen[-1].done, seen[-1].total) == (100_000, 100_000)
    frame = numbered(100_000).astype({"c": "str"})
    assert_frame_equal(frame, datasets.get("X"), check_exact=True)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.csv", "There is no file"),
        ("X.xlsx", "'X.xlsx' ends in none of .parquet, .feather, .csv"),
        ("bad.parquet", r"bad.parquet' can't be read: "),
        ("bad.feather", r"bad.feather' can't be read: "),
        ("bad.csv", r"bad.csv' can't be read: line 2 is not UTF-8, at b'\\xff'"),
        ("long.csv", r"long.csv' can't be read: .*Expected 2 fields in line 3, saw 3"),
        ("empty.csv", r"empty.csv' can't be read: No columns"),
    ],
)
def test_file_that_cannot_be_read_is_named(
    name: str, told: str, datasets: DatasetStore, tmp_path: Path
) -> None:
    for bad in ("X.xlsx", "bad.parquet", "bad.feather"):
        (tmp_path / bad).write_bytes(b"PAR1 nothing of the kind")
    (tmp_path / "bad.csv").write_bytes(b"a,b\n1,\xff\xfe\n")
    (tmp_path / "long.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "empty.csv").touch()

    with pytest.raises((Invalid, NotFound), match=told):
        datasets.import_(tmp_path / name, "X")

    assert not datasets.exists("X")
