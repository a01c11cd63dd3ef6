"""The network is cut between a worker and MongoDB: what runs ends once, and truly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime import records
from omega_jupyter.store.database.connection import connect, forget
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.proxy import Cut, Proxy
from tests.sleeper import Sleeper, publishes, wake

HOW = pytest.mark.parametrize("how", ["reset", "silence"])


@pytest.fixture
def mongo_proxy(mongod: str) -> Iterator[Proxy]:
    with Proxy(Path(unquote(mongod.removeprefix("mongodb://")))) as proxy:
        yield proxy


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
        place.om.models.put(Sleeper(0, str(tmp_path / "p"), (), 2), "p")
        publishing = place.om.runtime.model("p").fit("X")
        wait_for(lambda: publishes(tmp_path / "p"))
        ids = [running.id, publishing.id]
        known = connect(SecretUrl(mongo_url))[records.TASKS]
        silent = {"_id": {"$in": ids}, **records.stale(records.LEASE_SECONDS)}
        with mongo_proxy.cut(how):
            wait_for(lambda: known.count_documents(silent) == 2)
            wake(tmp_path / "running")
            place.begun(1, 1, name="running")

        assert [task.get(60).ref for task in (running, publishing)] == ["running@2", "p@2"]
        assert [running.attempts, place.runs("running")] == [1, (1, 1)]
        assert [len(place.om.models.versions(name)) for name in ("running", "p")] == [2, 2]
        assert place.fit(0, "next").get(60).ref == "next@2"
        assert place.om.store.check()
    finally:
        place.close()
        forget(url)
