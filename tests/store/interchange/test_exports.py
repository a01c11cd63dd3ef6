"""Tables are written to files so that other programs read them equal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.interchange import arrow_form
from omega_jupyter.store.query import Q
from tests.store.awkward import FRAMES
from tests.store.interchange.test_imports import READERS, each_format, numbered
from tests.store.table.test_frames import assert_same

# What files lose of these is said in the documentation.
_LOSES = {"no duplicate labels allowed"}


@pytest.mark.usefixtures("_tiny_parts")
@each_format
@pytest.mark.parametrize("name", [name for name in FRAMES if name not in _LOSES])
def test_frame_comes_back_from_a_file_or_is_refused(
    name: str, suffix: str, shared_datasets: DatasetStore, tmp_path: Path
) -> None:
    frame, path = FRAMES[name](), tmp_path / f"X.{suffix}"
    shared_datasets.put(frame, "X")

    try:
        shared_datasets.export("X", path)
    except Invalid as error:
        refusal = error.message
    else:
        refusal = None
    if refusal is not None:
        assert "would not come back equal from such a file: " in refusal
        assert list(tmp_path.iterdir()) == []
        return

    back = READERS[suffix](path)
    assert_frame_equal(frame, back, check_exact=True, check_freq=False, check_column_type=False)
    shared_datasets.import_(path, "Y")
    assert_frame_equal(back, shared_datasets.get("Y"), check_exact=True)


def test_parts_of_a_table_are_exported(datasets: DatasetStore, tmp_path: Path) -> None:
    frame = numbered(200_000)
    datasets.put(frame, "sales/X", attributes={"a": 1})
    datasets.put(frame.iloc[::-1], "sales/X")
    path = tmp_path / "X.parquet"

    assert datasets.export("sales/X[s,n]@1", str(path)) == path
    assert_same(frame[["s", "n"]], pd.read_parquet(path))
    datasets.export("sales/X@1", path, Q(n__lt=70_000) | Q(n__gte=199_990), c="c1")
    wanted = frame[((frame["n"] < 70_000) | (frame["n"] >= 199_990)) & (frame["c"] == "c1")]
    assert_frame_equal(wanted, pd.read_parquet(path), check_exact=True)
    datasets.export("sales/X", path, version=1, columns=["x"], n=5)
    assert_frame_equal(frame.loc[[5], ["x"]], pd.read_parquet(path), check_exact=True)
    datasets.export("sales/X", tmp_path / "X.csv", n__lt=3)
    assert (tmp_path / "X.csv").read_text().splitlines()[:2] == [
        "n,x,s,c",
        "2,0.2857142857142857,k2,c2",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["X.csv", "X.parquet"]


def test_tables_of_polars_and_arrow_are_exported(datasets: DatasetStore, tmp_path: Path) -> None:
    rows = 100_000
    frame = pl.DataFrame(
        {
            "n": range(rows),
            "s": [f"k{n % 70}" for n in range(rows)],
            "list": [[n, None] for n in range(rows)],
        }
    ).with_columns(c=pl.col("s").cast(pl.Categorical), when=pl.lit(0).cast(pl.Datetime("us")))
    table = frame.drop("c").to_arrow()
    datasets.put(frame, "p")
    datasets.put(table, "a")

    datasets.export("p", tmp_path / "p.parquet")
    datasets.export("p", tmp_path / "p.feather")
    datasets.export("a", tmp_path / "a.parquet")
    datasets.export("a", tmp_path / "a.feather")

    assert_polars_equal(frame, pl.read_parquet(tmp_path / "p.parquet"))
    assert_polars_equal(frame, pl.read_ipc(tmp_path / "p.feather"))
    assert pq.read_table(tmp_path / "a.parquet").equals(table)
    assert pa.ipc.open_file(str(tmp_path / "a.feather")).read_all().equals(table)
    datasets.put(pl.DataFrame({"t": [1]}, schema={"t": pl.Duration("ms")}), "d")
    datasets.export("d", tmp_path / "d.csv")
    datasets.put(pa.table({"t": pa.array([1], pa.timestamp("s"))}), "s")
    with pytest.raises(Invalid, match=r"'t' is timestamp\[s\] and becomes timestamp\[ms\]"):
        datasets.export("s", tmp_path / "s.parquet")


def test_series_is_exported_as_its_column(datasets: DatasetStore, tmp_path: Path) -> None:
    series = pd.Series([1.5, None], name="y", index=pd.Index(["a", "b"], name="k"))
    datasets.put(series, "y")

    datasets.export("y", tmp_path / "y.parquet")
    datasets.export("y", tmp_path / "y.csv")

    assert_frame_equal(series.to_frame(), pd.read_parquet(tmp_path / "y.parquet"))
    assert (tmp_path / "y.csv").read_text() == "k,y\na,1.5\nb,\n"


@pytest.mark.usefixtures("_tiny_parts")
@each_format
def test_value_that_would_change_is_found_far_behind(
    suffix: str, datasets: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_form, "SAMPLE_ROWS", 2)
    path = tmp_path / f"X.{suffix}"
    path.write_text("what was there")
    odd = np.array([b"a", b"b", None, b"c", float("nan"), b"d"], dtype=object)
    fine = np.array([True, True, True, False, None, True], dtype=object)
    datasets.put(pd.DataFrame({"fine": pd.Series(fine)}), "fine")
    datasets.put(pd.DataFrame({"fine": pd.Series(fine), "odd": pd.Series(odd)}), "X")

    with pytest.raises(Invalid, match="column 'odd' holds Python objects that become others"):
        datasets.export("X", path)

    assert path.read_text() == "what was there"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    datasets.export("fine", path)
    assert_same(datasets.get("fine"), READERS[suffix](path))


def test_what_is_no_table_is_not_exported(datasets: DatasetStore, tmp_path: Path) -> None:
    datasets.put(np.arange(3), "n")

    with pytest.raises(Invalid, match="n@1 is kind 'array'; tables and series are exported"):
        datasets.export("n", tmp_path / "n.csv")
    with pytest.raises(NotFound):
        datasets.export("m", tmp_path / "n.csv")


def test_file_that_cannot_be_written_is_named(datasets: DatasetStore, tmp_path: Path) -> None:
    datasets.put(numbered(3), "X")
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(Invalid, match="ends in none of"):
        datasets.export("X", tmp_path / "X.xlsx")
    with pytest.raises(Invalid, match="There is no folder"):
        datasets.export("X", tmp_path / "none" / "X.csv")
    with pytest.raises(Invalid, match=r"folder.csv' can't be written: Is a directory"):
        datasets.export("X", tmp_path / "folder.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.csv"]


MEMORY = """
import sys
from pathlib import Path
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.interchange import csv_file

csv_file.PART_BYTES = 1 << 20

def work(name, suffix):
    datasets.export(name, folder / f"{name}.{suffix}")
    datasets.import_(folder / f"{name}.{suffix}", "again")
    # Not that of resource.getrusage(), which a process takes over from the one that started it.
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) // 1024

datasets, folder = DatasetStore(SecretUrl(sys.argv[1])), Path(sys.argv[2])
for suffix, small, large in (
    ("parquet", "middle", "large"),
    ("feather", "middle", "large"),
    ("csv", "small", "middle"),
):
    before = work(small, suffix)
    print(work(large, suffix) - before)
"""


def test_memory_does_not_grow_with_the_file(
    datasets: DatasetStore, url: SecretUrl, tmp_path: Path
) -> None:
    """A child's highest memory for 100 MB, above that for 24 MB (CSV: 24 and 5 MB)."""
    values = np.random.default_rng(0).random((1_250_000, 10)).round(3)
    frame = pd.DataFrame(values, columns=[f"c{n}" for n in range(10)])
    datasets.put(frame[:66_000], "small")
    datasets.put(frame[:300_000], "middle")
    datasets.put(frame, "large")

    shown = subprocess.run(
        [sys.executable, "-c", MEMORY, url.reveal(), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    parquet, feather, csv = map(int, shown.split())
    assert max(parquet, feather) < 45, shown
    assert csv < 20, shown
