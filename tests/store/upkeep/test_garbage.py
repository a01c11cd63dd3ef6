"""Garbage goes after its grace time, and never what a version needs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from bson import ObjectId

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store.chunks.chunks import write_segment
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.lease import reading
from omega_jupyter.store.database.schema import leases, prepare
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.payload.payload import Buffers
from omega_jupyter.store.upkeep import housekeeping, segments
from omega_jupyter.store.upkeep.garbage import Collected, collect
from omega_jupyter.store.upkeep.housekeeping import collect_if_due
from omega_jupyter.store.wording.progress import Progress

LARGE = np.random.default_rng(0).random(100_000)
NOW = timedelta(0)


def stored(url: SecretUrl) -> set[bytes]:
    return {chunk["_id"][:12] for chunk in connect(url)["omega_chunks"].find({}, {"_id": 1})}


def write(url: SecretUrl) -> ObjectId:
    """Write chunks, and publish nothing yet."""
    prepare(url)
    return write_segment(url, Buffers([b"x" * 3_000_000])).id


def abandon(url: SecretUrl) -> ObjectId:
    """Write chunks that nothing will ever refer to, as a killed writer does."""
    segment = write(url)
    leases(url).update_many({}, {"$set": {"until": datetime(2026, 1, 1)}})
    return segment


def test_what_is_needed_stays(datasets: DatasetStore, url: SecretUrl) -> None:
    for factor in (1, 2):
        datasets.put(LARGE * factor, "X")
    datasets.put(LARGE, "Y")

    for _ in range(2):
        assert collect(url, grace=NOW, internal_age=NOW) == Collected()

    np.testing.assert_array_equal(datasets.get("X@1"), LARGE)
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 2)


def test_dropped_object_stays_for_its_readers_and_then_goes(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    for factor in (1, 2):
        datasets.put(LARGE * factor, "X")
    datasets.put(LARGE, "Y")
    reading = datasets.metadata("X")
    datasets.drop("X")

    assert collect(url) == Collected()
    np.testing.assert_array_equal(datasets.get_version(reading), LARGE * 2)

    done = collect(url, grace=NOW)
    assert (done.versions, done.segments) == (2, 2)
    assert len(stored(url)) == 1
    np.testing.assert_array_equal(datasets.get("Y"), LARGE)
    with pytest.raises(NotFound):
        datasets.get_version(reading)


def test_reader_in_flight_is_not_broken_by_collectors(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    frame = pd.DataFrame({"x": np.arange(300_000), "y": 0.5})
    datasets.put(frame, "X")
    datasets.keep("X", 1)
    parts = iter(datasets.getl("X").iter_chunks(50_000))
    read = [next(parts)]

    datasets.put(frame + 1, "X")
    read.append(next(parts))
    collect(url)
    read.append(next(parts))
    datasets.drop("X")
    datasets.put(frame + 2, "X")
    for part in parts:
        collect(url)
        read.append(part)

    pd.testing.assert_frame_equal(pd.concat(read), frame)
    assert collect(url, grace=NOW).segments == 2


def test_what_was_put_after_a_drop_stays_and_goes_on_counting(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")
    datasets.drop("X")
    datasets.put(LARGE * 2, "X")

    assert collect(url, grace=NOW).versions == 1
    assert collect(url, grace=NOW) == Collected()

    np.testing.assert_array_equal(datasets.get("X@3"), LARGE * 2)
    datasets.drop("X")
    collect(url, grace=NOW)
    assert datasets.put(1, "X").version == 5


def test_chunks_of_no_version_go_when_their_writer_is_dead(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")
    written = write(url)

    # However old they are: they belong to a put that is still going on.
    assert collect(url, grace=NOW) == Collected()
    assert written.binary in stored(url)

    leases(url).update_many({}, {"$set": {"until": datetime(2026, 1, 1)}})
    done = collect(url)
    assert (done.versions, done.segments) == (0, 1)
    assert 3_000_000 < done.bytes < 3_001_000
    assert written.binary not in stored(url)
    np.testing.assert_array_equal(datasets.get("X"), LARGE)


def test_dry_run_tells_what_would_go(datasets: DatasetStore, url: SecretUrl) -> None:
    for factor in (1, 2):
        datasets.put(LARGE * factor, "X")
    datasets.drop("X")
    datasets.put(LARGE, "Y")
    abandon(url)
    before = stored(url)

    planned = collect(url, grace=NOW, dry_run=True)

    assert planned.dry_run
    assert stored(url) == before
    told: list[Progress] = []
    done = collect(url, grace=NOW, notify=told.append)
    assert (planned.versions, planned.segments) == (done.versions, done.segments) == (2, 3)
    assert planned.bytes == done.bytes
    assert [note.what for note in told] == [f"{n} sets of chunks" for n in (1, 2, 3)]
    assert told[-1].done == done.bytes


def test_what_is_dropped_stays_while_somebody_exports(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")

    with reading(url):
        datasets.drop("X")
        assert collect(url, grace=NOW) == Collected()

    assert collect(url, grace=NOW).segments == 1


def test_many_orphans_are_collected_run_by_run(
    url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "BATCH", 1)
    monkeypatch.setattr(housekeeping, "BATCHES_A_RUN", 2)
    for _ in range(5):
        abandon(url)

    done = [housekeeping._collect_some(url).segments for _ in range(3)]

    assert done == [2, 2, 1]
    assert stored(url) == set()


def test_internal_objects_go_when_they_are_old(datasets: DatasetStore, url: SecretUrl) -> None:
    for name in (".staged/a/X", ".results/b", "staged/X", "results"):
        datasets.put(LARGE, name, task=name)

    assert collect(url) == Collected()
    assert collect(url, internal_age=NOW).segments == 2
    assert datasets.list(hidden=True) == ["results", "staged/X"]
    assert len(stored(url)) == 2


def test_collecting_is_due_once_for_all_processes(url: SecretUrl) -> None:
    housekeeping._due.clear()
    assert collect_if_due(url) == Collected()
    assert collect_if_due(url) is None

    # Another process has a clock of its own, and asks the server.
    housekeeping._due.clear()
    assert collect_if_due(url) is None


def test_one_of_many_collects(url: SecretUrl) -> None:
    prepare(url)
    start = threading.Barrier(8)
    won = []

    def claim() -> None:
        start.wait()
        won.append(housekeeping._claim(url))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False] * 7 + [True]


def test_collecting_waits_while_the_server_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = SecretUrl("mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=50")

    assert collect_if_due(gone) is None
    assert "put off" in caplog.text


def test_collectors_own_notes_are_no_object(datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(1, "X")
    collect(url)

    assert datasets.list(hidden=True) == ["X"]
