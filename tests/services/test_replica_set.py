"""On a replica set the same calls go on when its primary is another one, and lose nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Unavailable
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import forget
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.replica_set import ReplicaSet
from tests.strikes import frozen


@contextmanager
def served(replica_set: ReplicaSet, folder: Path) -> Iterator[Place]:
    """A place with a worker; store, records and broker are in the set."""
    url = replica_set.url()
    place = Place.at(folder, url)
    place.start()
    try:
        yield place
    finally:
        place.close()
        forget(SecretUrl(url))


class Writer(threading.Thread):
    """Puts one version after the other, and counts those that it was told are stored."""

    def __init__(self, om: Omega) -> None:
        super().__init__()
        self._om = om
        self._over = threading.Event()
        self.said: dict[int, int] = {}  # value by version
        self.refused = 0

    def run(self) -> None:
        value = 0
        while not self._over.is_set():
            value += 1
            try:
                version = self._om.datasets.put(np.full(100, value), "counted").version
            except Unavailable:
                self.refused += 1
            else:
                self.said[version] = value

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture(scope="module")
def three() -> Iterator[ReplicaSet]:
    with ReplicaSet(3) as replica_set:
        yield replica_set


def test_what_must_last_is_not_confirmed_by_the_primary_alone(three: ReplicaSet) -> None:
    """Whatever the URL says of how to write, and where to read."""
    url = SecretUrl(f"{three.url('strict')}&readPreference=secondary&w=1")
    om = Omega(url.reveal())
    om.datasets.put(np.ones(3), "X")
    ledger = om.runtime._submitter.ledger
    ledger.submit({"_id": "warm"})
    primary = three.primary()
    others = [three.processes[port].pid for port in three.ports if port != primary]
    put = threading.Thread(target=om.datasets.put, args=(np.zeros(3), "X"))
    submit = threading.Thread(target=ledger.submit, args=({"_id": "t"},))
    with frozen(others):
        for thread in (put, submit):
            thread.start()
        wait_for(lambda: ledger.find("t") is not None)
        submit.join(0.5)
        assert submit.is_alive()
        assert put.is_alive()
    for thread in (put, submit):
        thread.join(30)
    assert om.datasets.get("X")[0] == 0
    forget(url)


def test_killed_primary_loses_nothing_that_was_said_to_be_done(
    three: ReplicaSet, tmp_path: Path
) -> None:
    with served(three, tmp_path) as place:
        om = place.om
        place.fit(0, "warm").get(60)
        writer = Writer(om)
        writer.start()
        running = place.fit(3, "running")
        place.begun(name="running")
        waiting = [place.fit(0.5, f"waits{number}") for number in range(6)]
        wait_for(lambda: len(writer.said) > 20)

        three.kill(three.primary())

        said = len(writer.said)
        wait_for(lambda: len(writer.said) > said + 20)
        writer.stop()
        assert writer.refused == 0  # an election is shorter than anybody's patience
        assert running.get(60).ref == "running@2"
        assert [task.get(60).version for task in waiting] == [2] * 6
        assert (running.attempts, place.runs("running")) == (1, (1, 1))
        for version, value in writer.said.items():
            assert om.datasets.get(f"counted@{version}")[0] == value
        assert om.store.check()


def test_step_down_of_the_only_member_is_waited_for(tmp_path: Path) -> None:
    with ReplicaSet(1) as replica_set, served(replica_set, tmp_path) as place:
        task = place.fit(2)
        place.begun()
        replica_set.step_down(4)

        began = time.monotonic()
        assert place.om.datasets.put(np.ones(3), "meanwhile").version == 1
        assert time.monotonic() - began > 1
        assert task.get(60).ref == "m@2"
        assert (task.attempts, place.runs()) == (1, (1, 1))
        assert len(place.om.runtime.workers(5)) == 1
