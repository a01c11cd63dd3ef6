"""Whoever is killed, at whatever moment: the old version or the new one, and no damage."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.schema import chunks, leases, prepare, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.store import Store
from tests.mongo_server import wait_for
from tests.store import doomed

KILLS = 6
OPERATIONS = ("put", "append", "put_model", "drop", "rename")


class Writers:
    """Starts a writer that is forked from a process which has imported everything."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.getcwd()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.doomed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def start(self, url: SecretUrl, seed: int, operation: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{url.reveal()} {seed} {operation}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    writers = Writers()
    yield writers
    writers.close()


def stored(url: SecretUrl) -> set[bytes]:
    return {chunk["_id"][:12] for chunk in chunks(url).find({}, {"_id": 1})}


def needed(url: SecretUrl) -> set[bytes]:
    return {segment.binary for segment in versions(url).distinct("segments.s")}


def nothing_arrives_any_more(url: SecretUrl) -> bool:
    """Whether the server has done what the killed process had still sent."""
    database = connect(url)
    inside = {"active": True, "ns": {"$regex": f"^{database.name}[.]"}}
    pipeline = [{"$currentOp": {"allUsers": True}}, {"$match": inside}]
    return not list(database.client["admin"].aggregate(pipeline))


def assert_whole(url: SecretUrl) -> None:
    """What readers find is of one write each."""
    datasets, models = DatasetStore(url), ModelStore(url)
    for name in datasets.list():
        history = datasets.versions(name)
        found = datasets.get(name)
        if name == "log":
            assert list(found["part"]) == list(np.repeat(np.arange(len(history)), doomed.PART))
            assert list(found["row"]) == list(range(doomed.PART)) * len(history)
        elif name == "frame":
            assert found.to_numpy().min() == found.to_numpy().max() == float(found.columns.name)
            assert found.shape == (3_000, 150)
        else:
            assert found.shape == (doomed.ROWS,)
            assert found.min() == found.max()
    for name in models.list():
        found = models.get(name)
        assert set(found.coef_) == {found.intercept_}
    assert len(datasets.list("moving/*")) <= 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_writer_leaves_the_old_or_the_new(
    operation: str, url: SecretUrl, writers: Writers
) -> None:
    prepare(url)
    store = Store(url)
    numbers = random.Random()
    left_over = 0
    versions_before = 0
    for _ in range(KILLS):
        seed = numbers.randrange(1_000_000)
        moment = random.Random(seed).uniform(0, 0.25)
        pid = writers.start(url, seed, operation)
        threading.Event().wait(moment)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: nothing_arrives_any_more(url))
        print(f"killed {operation} of seed {seed} after {moment:.3f} s")  # noqa: T201

        assert_whole(url)
        report = store.check()
        assert report, report
        # Nothing that was there is lost.
        assert report.versions >= versions_before or operation == "drop"
        versions_before = report.versions
        # A minute later, in short.
        leases(url).delete_many({})
        left_over += len(stored(url) - needed(url))
        store.gc(grace=timedelta(0))
        assert stored(url) == needed(url)
        assert_whole(url)

    print(f"{left_over} segments had to be collected")  # noqa: T201
