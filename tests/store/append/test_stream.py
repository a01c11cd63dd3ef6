"""Frames that come one after the other are stored as one table."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid
from omega_jupyter.store.append import frames
from omega_jupyter.store.append.frames import FrameStream
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from tests.store.append.test_append import parts, pieces_of
from tests.store.append.test_append_index import levels
from tests.store.awkward import FRAMES
from tests.store.table.test_frames import Colour, assert_same


@pytest.fixture(params=["held", "streamed"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether all frames are in memory before the first one is written."""
    if request.param == "streamed":
        request.getfixturevalue("_tiny_chunks")
        monkeypatch.setattr(frames, "HELD_ROWS", 1)
    return str(request.param)


def numbered(rows: int, start: int = 0) -> pd.DataFrame:
    values = np.arange(start, start + rows)
    texts = pd.array([f"k{n % 7}" for n in values], dtype="str")
    return pd.DataFrame({"x": values * 0.5, "s": texts, "n": values})


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_a_stream_equal_the_whole(
    name: str, way: str, shared_datasets: DatasetStore
) -> None:
    frame = FRAMES[name]()

    shared_datasets.put(iter(pieces_of(frame, [0, 1, 3, 3])), "X")

    assert_same(frame, shared_datasets.get("X"))
    assert_same(frame.head(3), shared_datasets.head("X", 3))


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_a_stream_are_appended(
    name: str, way: str, shared_datasets: DatasetStore
) -> None:
    frame = FRAMES[name]()
    first, *others = pieces_of(frame, [2, 3, 3])
    shared_datasets.put(first, "X")

    shared_datasets.put(iter(others), "X", append=True)

    assert_same(frame, shared_datasets.get("X"))


def test_stream_is_one_part_of_full_row_groups(datasets: DatasetStore) -> None:
    sizes = [1000, 30_000, 1, 0, 150_000, 17]
    pieces = [numbered(size) for size in sizes]

    metadata = datasets.put((piece for piece in pieces), "X", attributes={"a": 1})

    assert metadata.ref == "X@1"
    assert metadata.shape == (181_018, 3)
    assert metadata.attributes == {"a": 1}
    assert metadata.inputs == {}
    assert parts(datasets) == [(181_018, False)]
    newest = versions(datasets._url).find_one({"name": "X"})
    assert newest is not None
    assert newest["body"]["tables"][0]["rows"] == [65_536, 65_536, 49_946]
    whole = pd.concat(pieces, ignore_index=True)
    assert_same(whole, datasets.get("X"))
    assert_same(whole[whole["n"] == 149_999], datasets.get("X", n=149_999))
    assert_same(whole.head(40_000), datasets.head("X", 40_000))


def test_small_stream_is_kept_in_the_document(datasets: DatasetStore) -> None:
    datasets.put([numbered(10), numbered(10)], "X")

    assert parts(datasets) == [(20, True)]
    assert_same(pd.concat([numbered(10)] * 2, ignore_index=True), datasets.get("X"))


def test_levels_grow_with_the_stream(way: str, datasets: DatasetStore) -> None:
    pieces = [levels(*((f"k{n}", turn) for n in range(turn, turn + 90))) for turn in (9, 3, 200)]

    datasets.put(iter(pieces), "X")
    datasets.put(iter(pieces[::-1]), "X", append=True)

    assert_same(pd.concat(pieces + pieces[::-1]), datasets.get("X"))
    assert_same(pd.concat(pieces), datasets.get("X@1"))


def test_series_are_streamed_too(way: str, datasets: DatasetStore) -> None:
    series = pd.Series(np.arange(9.0), name="y", index=pd.date_range("2026", periods=9))

    datasets.put((series[n : n + 2] for n in range(0, 9, 2)), "y")

    assert_series_equal(series, datasets.get("y"), check_exact=True)


def test_readers_of_pandas_are_streams(datasets: DatasetStore, tmp_path: Path) -> None:
    frame = numbered(100_000)
    frame.to_csv(tmp_path / "X.csv", index=False)
    connection = sqlite3.connect(":memory:")
    frame.to_sql("X", connection, index=False)

    with pd.read_csv(tmp_path / "X.csv", chunksize=7000) as reader:
        datasets.put(reader, "csv")
    # SQLite answers the thread alone in which it was opened.
    datasets.put(pd.read_sql("select * from X", connection, chunksize=9000), "sql")
    connection.close()

    assert_same(frame, datasets.get("csv"))
    assert_same(frame, datasets.get("sql"))


def test_frame_that_does_not_fit_is_told_by_its_number(way: str, datasets: DatasetStore) -> None:
    pieces = [numbered(5), numbered(5), numbered(5).astype({"n": float}), numbered(5)]

    with pytest.raises(
        Invalid, match=r"Frame 3 can't be added to the first frame: column 'n' is float64, there"
    ):
        datasets.put(iter(pieces), "X")
    with pytest.raises(Invalid, match="Frame 2 is a Series, the first one is a DataFrame"):
        datasets.put(iter([numbered(5), numbered(5)["x"]]), "X")
    datasets.put(numbered(5), "Y")
    before = chunks(datasets._url).count_documents({})
    with pytest.raises(Invalid, match="Frame 3 can't be added to Y@1: column 'n' is float64"):
        datasets.put(iter(pieces), "Y", append=True)

    assert not datasets.exists("X")
    assert datasets.metadata("Y").version == 1
    assert chunks(datasets._url).count_documents({}) == before


def test_value_that_cannot_be_kept_is_refused(way: str, datasets: DatasetStore) -> None:
    odd = numbered(4).astype({"s": object})
    pieces = [odd, odd.copy(), odd.copy()]
    pieces[2].loc[3, "s"] = Colour.RED

    with pytest.raises(Invalid, match=r"Column 's' holds a .*Colour"):
        datasets.put(iter(pieces), "X")

    assert not datasets.exists("X")
    assert chunks(datasets._url).count_documents({}) == 0


def test_error_of_the_stream_leaves_nothing(way: str, datasets: DatasetStore) -> None:
    seen = []

    def broken() -> Iterator[pd.DataFrame]:
        yield numbered(5)
        yield numbered(5)
        seen.append(datasets.exists("X"))
        raise KeyError("the source is broken")

    with pytest.raises(KeyError, match="the source is broken"):
        datasets.put(broken(), "X")

    assert seen == [False]
    assert not datasets.exists("X")
    assert chunks(datasets._url).count_documents({}) == 0


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (iter([]), "There are no frames"),
        (iter([1, 2]), "stored frame by frame, and this one gives a int"),
        ((n for n in ["a"]), "this one gives a str"),
        (iter([np.arange(3)]), "this one gives a ndarray"),
        (map(object, []), "There are no frames"),
    ],
    ids=range(5),
)
def test_iterator_of_something_else_is_refused(
    stream: Any, told: str, datasets: DatasetStore
) -> None:
    with pytest.raises(Invalid, match=told):
        datasets.put(stream, "X")

    assert not datasets.exists("X")


def test_taken_name_is_refused_before_the_first_frame(datasets: DatasetStore) -> None:
    datasets.put(1, "X")
    taken = iter([numbered(5)])

    with pytest.raises(Conflict, match="stored already"):
        datasets.put(taken, "X", if_exists="fail")

    assert len(next(taken)) == 5


def test_task_that_runs_twice_reads_one_stream(datasets: DatasetStore) -> None:
    datasets.put(iter([numbered(5)]), "X", task="t")
    again = iter([numbered(5)])

    assert datasets.put(again, "X", task="t").version == 1
    assert len(next(again)) == 5


def test_stream_waits_for_its_turn_and_is_read_once(way: str, datasets: DatasetStore) -> None:
    """Others append while it is read: what was written is used behind theirs."""
    datasets.put(numbered(3), "X")

    def slow() -> Iterator[pd.DataFrame]:
        for turn in range(5):
            datasets.put(numbered(2, 100 * turn), "X", append=True)
            yield numbered(4, 1000 * turn)

    metadata = datasets.put(slow(), "X", append=True)

    assert metadata.version == 7
    pieces = [numbered(3), *(numbered(2, 100 * n) for n in range(5))]
    pieces += [numbered(4, 1000 * n) for n in range(5)]
    assert_same(pd.concat(pieces, ignore_index=True), datasets.get("X"))


def test_stream_for_another_table_is_refused(datasets: DatasetStore, monkeypatch: Any) -> None:
    monkeypatch.setattr(frames, "HELD_ROWS", 1)
    datasets.put(numbered(3), "X")

    def slow() -> Iterator[pd.DataFrame]:
        yield numbered(4)
        datasets.put(numbered(3)[["n", "x", "s"]], "X")
        yield numbered(4)

    with pytest.raises(Conflict, match="'X' was changed by another writer") as caught:
        datasets.put(slow(), "X", append=True)

    assert "make the iterator anew" in str(caught.value.hint)

    assert datasets.metadata("X").version == 2
    assert chunks(datasets._url).count_documents({}) == 0


def test_one_frame_is_never_a_stream_however_large() -> None:
    """It can be checked and packed again, where another writer was faster."""
    assert FrameStream([numbered(100_000)], "datasets", single=True).ended
    assert not FrameStream([numbered(100_000)], "datasets").ended


MEMORY = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.append.frames import FrameStream

def frames():
    for turn in range(turns):
        values = rng.random((50_000, 10))
        yield pd.DataFrame(values, columns=list("abcdefghij")).assign(s=f"turn {turn}")

def peak():
    # Not that of resource.getrusage(), which a process takes over from the one that started it.
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) // 1024

rng = np.random.default_rng(0)
datasets = DatasetStore(SecretUrl(sys.argv[1]))
turns = 5
datasets.put(frames(), "X")
before = peak()
turns = 60
print(datasets.put(frames(), "X").shape)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_stream(url: SecretUrl) -> None:
    """A child's highest memory for 300 MB, above that for 25 MB."""
    shown = subprocess.run(
        [sys.executable, "-c", MEMORY, url.reveal()], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert shown[0] == "(3000000, 11)"
    assert int(shown[1]) < 40
