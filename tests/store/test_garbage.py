"""Garbage goes after its grace time, and never what a version needs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import numpy as np
import pytest
from bson import ObjectId

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store import garbage
from omega_jupyter.store.chunks import delete_segment, write_segment
from omega_jupyter.store.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.garbage import Collected, collect, collect_if_due
from omega_jupyter.store.payload import Buffers
from omega_jupyter.store.schema import prepare

LARGE = np.random.default_rng(0).random(100_000)
NOW = timedelta(0)


def segments(url: SecretUrl) -> set[bytes]:
    return {chunk["_id"][:12] for chunk in connect(url)["omega_chunks"].find({}, {"_id": 1})}


def abandon(url: SecretUrl) -> ObjectId:
    """Write chunks that nothing will ever refer to, as a killed writer does."""
    prepare(url)
    return write_segment(url, Buffers([b"x" * 3_000_000])).id


def notes(url: SecretUrl) -> dict[str, datetime]:
    state = connect(url)["omega_versions"].find_one({"_id": "garbage"})
    return state["seen"] if state else {}


def test_what_is_needed_stays(datasets: DatasetStore, url: SecretUrl) -> None:
    for factor in (1, 2):
        datasets.put(LARGE * factor, "X")
    datasets.put(LARGE, "Y")

    for _ in range(2):
        assert collect(url, dropped_grace=NOW, orphan_grace=NOW, internal_age=NOW) == Collected()

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

    done = collect(url, dropped_grace=NOW)
    assert (done.versions, done.segments) == (2, 2)
    assert len(segments(url)) == 1
    np.testing.assert_array_equal(datasets.get("Y"), LARGE)
    with pytest.raises(NotFound):
        datasets.get_version(reading)


def test_what_was_put_after_a_drop_stays_and_goes_on_counting(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")
    datasets.drop("X")
    datasets.put(LARGE * 2, "X")

    assert collect(url, dropped_grace=NOW).versions == 1
    assert collect(url, dropped_grace=NOW) == Collected()

    np.testing.assert_array_equal(datasets.get("X@3"), LARGE * 2)
    datasets.drop("X")
    collect(url, dropped_grace=NOW)
    assert datasets.put(1, "X").version == 5


def test_chunks_of_no_version_go_a_grace_time_after_they_were_noticed(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")
    orphan = abandon(url)

    # However old they are, the first run only notes them: they may belong to a running put.
    assert collect(url, orphan_grace=timedelta(hours=1)).segments == 0
    assert collect(url, orphan_grace=timedelta(hours=1)).segments == 0
    assert orphan.binary in segments(url)

    done = collect(url, orphan_grace=NOW)
    assert (done.segments, done.chunks) == (1, 3)
    assert orphan.binary not in segments(url)
    np.testing.assert_array_equal(datasets.get("X"), LARGE)


def test_chunks_that_are_published_after_they_were_noticed_stay(
    datasets: DatasetStore, url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = datasets._catalog.publish

    def late(*args: object, **options: object) -> object:
        collect(url)
        return publish(*args, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(datasets._catalog, "publish", late)

    datasets.put(LARGE, "X")

    assert collect(url, orphan_grace=NOW) == Collected()
    np.testing.assert_array_equal(datasets.get("X"), LARGE)


def test_many_orphans_are_collected_run_by_run(
    url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "SEGMENTS_A_RUN", 2)
    for _ in range(5):
        abandon(url)

    done = [collect(url, orphan_grace=NOW).segments for _ in range(3)]

    assert done == [2, 2, 1]
    assert segments(url) == set()


def test_notes_of_chunks_that_are_gone_are_forgotten(
    url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "SEGMENTS_A_RUN", 2)
    orphans = [abandon(url) for _ in range(3)]
    for _ in range(2):
        collect(url)
    assert set(notes(url)) == {str(orphan) for orphan in orphans}

    for orphan in orphans[1:]:
        delete_segment(url, orphan)
    for _ in range(2):
        collect(url)

    assert list(notes(url)) == [str(orphans[0])]


def test_internal_objects_go_when_they_are_old(datasets: DatasetStore, url: SecretUrl) -> None:
    for name in (".staged/a/X", ".results/b", "staged/X", "results"):
        datasets.put(LARGE, name)

    assert collect(url) == Collected()
    assert collect(url, internal_age=NOW).segments == 2
    assert datasets.list(hidden=True) == ["results", "staged/X"]
    assert len(segments(url)) == 2


def test_collecting_is_due_once_for_all_processes(url: SecretUrl) -> None:
    garbage._due.clear()
    assert collect_if_due(url) == Collected()
    assert collect_if_due(url) is None

    # Another process has a clock of its own, and asks the server.
    garbage._due.clear()
    assert collect_if_due(url) is None


def test_one_of_many_collects(url: SecretUrl) -> None:
    prepare(url)
    start = threading.Barrier(8)
    won = []

    def claim() -> None:
        start.wait()
        won.append(garbage._claim(url))

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
