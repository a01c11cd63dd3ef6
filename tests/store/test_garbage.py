"""Garbage goes, and nothing that somebody needs."""

from __future__ import annotations

import threading
from datetime import timedelta

import numpy as np
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.store import garbage
from omega_jupyter.store.chunks import write_segment
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.garbage import Collected, collect, collect_if_due
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.payload import Buffers
from omega_jupyter.store.schema import chunks, prepare, versions

NONE = timedelta(0)
LARGE = np.zeros(100_000)


def test_nothing_to_collect(url: SecretUrl) -> None:
    assert collect(url) == Collected()


def test_what_is_stored_stays(url: SecretUrl, datasets: DatasetStore) -> None:
    for _ in range(3):
        datasets.put(LARGE, "a")
    datasets.put(LARGE, ".staged/x")

    collect(url, dropped_grace=NONE, orphan_grace=NONE)
    collect(url, dropped_grace=NONE, orphan_grace=NONE)

    for name in ("a@1", "a@2", "a@3", ".staged/x"):
        assert len(datasets.get(name)) == len(LARGE)


def test_dropped_object_goes_after_its_grace_time(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "a")
    datasets.put(LARGE, "a")
    datasets.put(LARGE, "b")
    held = datasets.metadata("a")
    datasets.drop("a")

    assert collect(url) == Collected()
    assert len(datasets.get_version(held)) == len(LARGE)
    done = collect(url, dropped_grace=NONE)

    assert (done.versions, done.segments) == (2, 2)
    assert chunks(url).count_documents({}) == 1
    assert collect(url, dropped_grace=NONE) == Collected()
    assert datasets.put(1, "a").version == 4


def test_object_that_was_put_again_stays(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "a")
    datasets.drop("a")
    datasets.put(LARGE, "a")

    done = collect(url, dropped_grace=NONE)

    assert done.versions == 1
    assert len(datasets.get("a")) == len(LARGE)


def test_chunks_of_no_version_wait_for_their_writer(url: SecretUrl) -> None:
    prepare(url)
    write_segment(url, Buffers([LARGE]))

    assert collect(url) == Collected()
    assert collect(url, orphan_grace=timedelta(hours=1)) == Collected()
    versions(url).update_one({"_id": "garbage"}, [{"$set": {"seen": _long_ago(url)}}])
    done = collect(url)

    assert (done.segments, done.chunks) == (1, 1)
    assert chunks(url).count_documents({}) == 0
    assert (versions(url).find_one({"_id": "garbage"}) or {})["seen"] == {}


def _long_ago(url: SecretUrl) -> dict[str, object]:
    from datetime import UTC, datetime

    state = versions(url).find_one({"_id": "garbage"}) or {}
    return {segment: datetime(2020, 1, 1, tzinfo=UTC) for segment in state["seen"]}


def test_chunks_whose_version_comes_later_stay(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "a")
    hidden = versions(url).find_one_and_delete({"name": "a"}) or {}
    collect(url)
    versions(url).insert_one(hidden)

    collect(url, orphan_grace=NONE)

    assert len(datasets.get("a")) == len(LARGE)


def test_many_segments_are_looked_at_in_several_runs(
    url: SecretUrl, datasets: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "SEGMENTS_A_RUN", 2)
    prepare(url)
    datasets.put(LARGE, "a")
    for _ in range(4):
        write_segment(url, Buffers([LARGE]))

    found = sum(collect(url, orphan_grace=NONE).segments for _ in range(4))

    assert found == 4
    assert len(datasets.get("a")) == len(LARGE)


def test_old_staged_objects_and_results_go(
    url: SecretUrl, datasets: DatasetStore, models: ModelStore
) -> None:
    from sklearn.linear_model import LinearRegression

    datasets.put(LARGE, ".staged/x")
    datasets.put(1, ".results/y")
    datasets.put(1, ".other/z")
    datasets.put(1, "staged")
    models.put(LinearRegression(), ".staged/m")
    datasets.put(1, ".staged/gone")
    datasets.drop(".staged/gone")

    assert collect(url) == Collected()
    done = collect(url, internal_age=NONE)

    assert done.chunks == 1
    assert datasets.list(hidden=True) == [".other/z", "staged"]
    assert models.list(hidden=True) == []
    assert versions(url).count_documents({"name": {"$regex": "^.(staged|results)/"}}) == 0


def test_one_process_collects_in_ten_minutes(url: SecretUrl) -> None:
    assert collect_if_due(url) == Collected()
    assert collect_if_due(url) is None
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


def test_server_that_is_down_does_not_fail_the_caller() -> None:
    assert collect_if_due(SecretUrl("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50")) is None
