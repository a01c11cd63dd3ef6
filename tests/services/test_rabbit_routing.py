"""Who works where, on RabbitMQ: which does not tell, so they are asked, and nobody waits long."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from omega_jupyter.errors import QueueWarning, Unavailable, VersionMismatch
from omega_jupyter.runtime import roster
from omega_jupyter.runtime.runtime import OmegaRuntime
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree
from tests.rabbit_server import SERVER, RabbitServer

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture(scope="module")
def place(
    mongod: str, rabbitmq: RabbitServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A place with a worker that has an old scikit-learn."""
    place = Place.at(tmp_path_factory.mktemp("routing"), f"{mongod}/rabbit_routing", rabbitmq.url)
    place.om.datasets.put(np.arange(6.0).reshape(3, 2), "X")
    place.om.models.put(LinearRegression().fit(np.eye(2), [0, 1]), "fitted")
    place.start(1, module="tests.elsewhere", ELSEWHERE="old", ELSEWHERE_SKLEARN="1.0.2")
    yield place
    place.close()


def in_time(call: Callable[[], object]) -> object:
    """Return what a call returns, which must not take long, also on a busy machine."""
    began = time.monotonic()
    try:
        return call()
    finally:
        assert time.monotonic() - began < 3


def told(runtime: OmegaRuntime) -> list[tuple[str, ...]]:
    return [worker.queues for worker in runtime.workers()]


def counted(runtime: OmegaRuntime) -> list[tuple[str, int | None, int]]:
    return [(queue.name, queue.waiting, queue.workers) for queue in runtime.queues()]


def test_queue_without_a_worker_and_other_versions_are_warned_of_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MEET_SECONDS", 30.0)  # who is busy answers later
    runtime = place.om.runtime
    with pytest.warns(QueueWarning, match="'gpu'.*--queues gpu"):
        task = runtime.require("gpu").model("fitted").predict("X")
    assert (task.queue, task.state, task.cancel()) == ("gpu", "QUEUED", "never started")

    with pytest.warns(VersionMismatch, match=r"the worker omega-\d+@\S+ has 1\.0\.2"):
        runtime.model("fitted").predict("X").get(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runtime.model("fitted").predict("X").get(30)


def test_who_has_pinged_leaves_nothing_open(place: Place) -> None:
    om = place.om
    program = f"""
from omega_jupyter.omega import Omega
om = Omega({om.mongo_url.reveal()!r}, {om.broker_url.reveal()!r}, queue={om.config.queue!r})
print([om.runtime.ping() for _ in range(2)])
"""
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "ResourceWarning" not in ended.stderr


def test_who_works_is_told_within_a_second_also_when_one_has_just_died(place: Place) -> None:
    runtime, queue = place.om.runtime, place.om.config.queue
    with pytest.raises(Unavailable, match="No worker of the queue"):
        in_time(runtime.require("nobody").ping)  # nobody listens, and that is known
    workers = [place.start(1), *place.workers[:-1]]
    for alive in (2, 1):
        # Who is busy may answer too late, once.
        wait_for(lambda n=alive: in_time(lambda: told(runtime)) == [(queue,)] * n)
        wait_for(lambda n=alive: in_time(lambda: counted(runtime)) == [(queue, 0, n)])
        assert in_time(runtime.ping)
        kill_tree(workers.pop())
    assert in_time(runtime.workers) == []
    with pytest.raises(Unavailable, match="No worker of the queue"):
        in_time(runtime.ping)
