"""The network is cut between a worker and MongoDB, or RabbitMQ: what runs ends once, and truly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Unavailable
from omega_jupyter.runtime import app, records
from omega_jupyter.store.database.connection import connect, forget
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree
from tests.proxy import Cut, Proxy
from tests.rabbit_server import SERVER, RabbitServer
from tests.sleeper import Sleeper, publishes, wake

HOW = pytest.mark.parametrize("how", ["reset", "silence"])


@pytest.fixture
def mongo_proxy(mongod: str) -> Iterator[Proxy]:
    with Proxy(Path(unquote(mongod.removeprefix("mongodb://")))) as proxy:
        yield proxy


@pytest.fixture
def rabbit_proxy() -> Iterator[tuple[RabbitServer, Proxy]]:
    if not SERVER.exists():
        pytest.skip("RabbitMQ is not installed (Debian: rabbitmq-server)")
    with RabbitServer() as rabbitmq, Proxy(rabbitmq.port) as proxy:
        yield rabbitmq, proxy


@pytest.fixture(autouse=True)
def _given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LEASE_SECONDS", elsewhere.LEASE_SECONDS)


@HOW
def test_worker_that_was_cut_off_from_mongodb_publishes_once(
    mongo_url: str, mongo_proxy: Proxy, tmp_path: Path, how: Cut
) -> None:
    """MongoDB has the messages, too; the client is cut off with the worker."""
    database = mongo_url.rpartition("/")[2]
    url = SecretUrl(f"mongodb://127.0.0.1:{mongo_proxy.port}/{database}")
    place = Place.at(tmp_path, url.reveal())
    try:
        place.start(module="tests.elsewhere", ELSEWHERE="one")
        running = place.fit(600, "running")
        place.begun(name="running")
        place.om.models.put(Sleeper(0, str(tmp_path / "p"), (), 600), "p")
        publishing = place.om.runtime.model("p").fit("X")
        wait_for(lambda: publishes(tmp_path / "p"))
        ids = [running.id, publishing.id]
        known = connect(SecretUrl(mongo_url))[records.TASKS]
        silent = {"_id": {"$in": ids}, **records.stale(records.LEASE_SECONDS)}
        with mongo_proxy.cut(how):
            wait_for(lambda: known.count_documents(silent) == 2)
            wake(tmp_path / "running")
            wake(tmp_path / "p")
            place.begun(1, 1, name="running")

        assert [task.get(60).ref for task in (running, publishing)] == ["running@2", "p@2"]
        assert [running.attempts, place.runs("running")] == [1, (1, 1)]
        assert [len(place.om.models.versions(name)) for name in ("running", "p")] == [2, 2]
        assert place.fit(0, "next").get(60).ref == "next@2"
        assert place.om.store.check()
    finally:
        place.close()
        forget(url)


@HOW
def test_worker_that_was_cut_off_from_rabbitmq_goes_on_and_publishes_once(
    mongo_url: str, rabbit_proxy: tuple[RabbitServer, Proxy], tmp_path: Path, how: Cut
) -> None:
    rabbitmq, proxy = rabbit_proxy
    place = Place.at(tmp_path, mongo_url, rabbitmq.url)
    through = rabbitmq.url.replace(str(rabbitmq.port), str(proxy.port))
    try:
        place.start(module="tests.elsewhere", ELSEWHERE="one", OMEGA_BROKER_URL=through)
        running = place.fit(600, "running")
        place.begun(name="running")
        place.om.models.put(Sleeper(0, str(tmp_path / "p"), (), 600), "p")
        publishing = place.om.runtime.model("p").fit("X")
        wait_for(lambda: publishes(tmp_path / "p"))
        other = place.start(module="tests.elsewhere", ELSEWHERE="two")
        with proxy.cut(how):
            # RabbitMQ has given the messages to the other one, which finds out whose they are.
            for task in (running, publishing):
                wait_for(lambda task=task: f"Put back: task {task.id}" in place.log(1))
            wake(tmp_path / "running")
            wake(tmp_path / "p")
            assert [task.get(60).ref for task in (running, publishing)] == ["running@2", "p@2"]

        for task, name in ((running, "running"), (publishing, "p")):
            assert (task.attempts, place.runs(name)) == (1, (1, 1))
            assert len(place.om.models.versions(name)) == 2
        kill_tree(other)
        assert place.fit(0, "next").get(60).ref == "next@2"
        assert place.om.store.check()
    finally:
        place.close()


def test_silent_rabbitmq_holds_neither_a_call_nor_the_end_of_a_worker(
    mongo_url: str,
    rabbit_proxy: tuple[RabbitServer, Proxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rabbitmq, proxy = rabbit_proxy
    monkeypatch.setattr(app, "ANSWER_SECONDS", 1)
    through = rabbitmq.url.replace(str(rabbitmq.port), str(proxy.port))
    place = Place.at(tmp_path, mongo_url, through)
    try:
        worker = place.start()
        running = place.fit(600, "running")
        place.begun(name="running")
        with proxy.cut("silence"):
            with pytest.raises(Unavailable, match="broker"):
                place.fit(0, "next")
            worker.terminate()
            wake(tmp_path / "running")
            assert worker.wait(60) == 0
        assert [(task.id, task.state) for task in place.om.runtime.tasks()] == [
            (running.id, "SUCCESS")
        ]
    finally:
        place.close()
