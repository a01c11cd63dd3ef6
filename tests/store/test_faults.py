"""A server that goes away in the middle leaves nothing half."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymongo import errors
from pymongo.collection import Collection

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError, Unavailable
from omega_jupyter.store.chunks.chunks import write_segment
from omega_jupyter.store.database.connection import forget
from omega_jupyter.store.database.schema import chunks, leases, prepare, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.payload.payload import Buffers
from omega_jupyter.store.store import Store
from omega_jupyter.store.versions.publication import insert_version
from tests.mongo_server import MongoServer, wait_for


@pytest.fixture
def server() -> Iterator[MongoServer]:
    with MongoServer() as server:
        yield server
        forget(SecretUrl(server.url()))


def test_server_that_is_killed_during_puts_keeps_whole_versions(server: MongoServer) -> None:
    store = DatasetStore(SecretUrl(server.url()))
    store.put(pd.DataFrame({"x": np.zeros(200_000), "y": 0}), "X")
    published = [1]
    done = threading.Event()

    def write() -> None:
        value = 0
        while not done.is_set():
            value += 1
            try:
                frame = pd.DataFrame({"x": np.full(200_000, float(value)), "y": value})
                published.append(store.put(frame, "X").version)
            except OmegaError:
                continue

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            before = len(published)
            wait = threading.Event()
            while len(published) < before + 2:
                wait.wait(0.005)
            server.kill()
            server.start()
    finally:
        done.set()
        writer.join()

    history = store.versions("X")
    assert [m.version for m in history] == list(range(1, len(history) + 1))
    assert set(published) <= {m.version for m in history}
    for metadata in history:
        frame = store.get_version(metadata)
        assert len(frame) == 200_000
        assert frame["x"].nunique() == 1
        assert (frame["x"] == frame["y"]).all()


class Forgotten(Buffers):
    """Bytes of which the server forgets some while the rest is written."""

    def __init__(self, url: SecretUrl, size: int) -> None:
        super().__init__([bytes(size)])
        self._url = url

    def pack(self, group: int, block: int) -> bytes:
        if group == 6:
            assert chunks(self._url).delete_one({}).deleted_count
        return super().pack(group, block)


def test_chunks_that_a_crash_took_are_missed_before_the_publication(url: SecretUrl) -> None:
    prepare(url)
    written = write_segment(url, Forgotten(url, 9 << 20))

    with pytest.raises(Unavailable, match="lost a part"):
        insert_version(url, {"name": "x", "segments": [written.to_document()]})

    assert versions(url).count_documents({}) == 0


def test_server_that_restarts_amid_all_kinds_of_work_leaves_nothing_half(
    server: MongoServer, tmp_path: Path
) -> None:
    url = SecretUrl(server.url())
    datasets, store = DatasetStore(url), Store(url)
    rows = 20_000
    added = [0]
    done = threading.Event()
    ended: dict[str, int] = {}

    def again(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            while not done.is_set():
                try:
                    work()
                except OmegaError:
                    # In our words, and nothing half: see below.
                    continue
                ended[work.__name__] = ended.get(work.__name__, 0) + 1

        return run

    number = iter(range(1, 1_000_000))

    def append() -> None:
        value = next(number)
        part = pd.DataFrame({"part": np.full(rows, value)})
        datasets.put(part, "log", append=True)
        added.append(value)

    def read() -> None:
        found = datasets.get("log")["part"].to_numpy()
        assert len(found) % rows == 0
        assert (found.reshape(-1, rows) == found[::rows, None]).all()

    def replace() -> None:
        datasets.put(np.full(rows, next(number)), "X")
        datasets.drop("X")

    def collect() -> None:
        store.gc(grace=timedelta(0))

    def check() -> None:
        assert store.check()

    def export() -> None:
        store.export(tmp_path / "store.omega")

    datasets.put(pd.DataFrame({"part": np.zeros(rows, int)}), "log")
    works = (append, read, replace, collect, check, export)
    failed: list[BaseException] = []
    monitor = threading.excepthook
    threading.excepthook = lambda caught: failed.append(caught.exc_value or SystemExit())
    threads = [threading.Thread(target=again(work), name=work.__name__) for work in works]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            ended.clear()
            wait_for(lambda: len(ended) == len(works))
            server.kill()
            server.start()
    finally:
        done.set()
        for thread in threads:
            thread.join()
        threading.excepthook = monitor

    assert failed == []
    parts = datasets.get("log")["part"].to_numpy()[::rows].tolist()
    # What was acknowledged is there, once; what was not may have been published or not.
    assert set(added) <= set(parts)
    assert parts == sorted(set(parts))
    assert store.check()
    leases(url).delete_many({})
    store.gc(grace=timedelta(0))
    stored = {chunk["_id"][:12] for chunk in chunks(url).find({}, {"_id": 1})}
    assert stored == {segment.binary for segment in versions(url).distinct("segments.s")}
    if (tmp_path / "store.omega").exists():
        assert Store(SecretUrl(server.url("other"))).import_(tmp_path / "store.omega").versions
        forget(SecretUrl(server.url("other")))


@pytest.mark.parametrize("arrived", [True, False])
def test_publication_whose_answer_is_lost_is_published_once(
    arrived: bool, datasets: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Collection.insert_one
    lost = []

    def lose_the_answer(self: object, document: object, *args: object) -> object:
        if lost:
            return insert(self, document, *args)  # type: ignore[arg-type]  # as they came
        lost.append(document)
        if arrived:
            insert(self, document, *args)  # type: ignore[arg-type]
        raise errors.AutoReconnect("connection closed")

    datasets.put(0, "n")
    # Only a real network could lose an answer at this very moment.
    monkeypatch.setattr(Collection, "insert_one", lose_the_answer)

    metadata = datasets.put(np.ones(50_000), "n")

    assert lost
    assert metadata.version == 2
    assert len(datasets.versions("n")) == 2
    assert datasets.get("n").all()


def test_publication_that_nobody_knows_of_keeps_its_chunks(
    datasets: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.put(0, "n")

    def lose(*args: object) -> None:
        raise errors.AutoReconnect("connection closed")

    monkeypatch.setattr(Collection, "insert_one", lose)

    with pytest.raises(Unavailable):
        datasets.put(np.ones(50_000), "n")

    assert chunks(datasets._url).count_documents({}) == 1
    assert versions(datasets._url).count_documents({"name": "n"}) == 1
