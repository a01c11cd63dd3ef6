"""On RabbitMQ, too, a worker that was thought to be gone publishes nothing when it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_jupyter.runtime import records
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree, tree
from tests.rabbit_server import SERVER, RabbitServer
from tests.sleeper import Sleeper, publishes, wake
from tests.strikes import frozen

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)


def test_frozen_worker_publishes_nothing_twice_and_leaves_the_message_to_the_other(
    mongo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LEASE_SECONDS", elsewhere.LEASE_SECONDS)
    with RabbitServer() as rabbitmq:
        place = Place.at(tmp_path, mongo_url, rabbitmq.url)
        try:
            taken_over(place)
        finally:
            place.close()


def taken_over(place: Place) -> None:
    om = place.om
    first = place.start(module="tests.elsewhere", ELSEWHERE="one")
    running = place.fit(600, "running")
    place.begun(name="running")
    om.models.put(Sleeper(0, str(place.folder / "p"), (), 600), "p")
    publishing = om.runtime.model("p").fit("X")
    wait_for(lambda: publishes(place.folder / "p"))
    second = place.start(module="tests.elsewhere", ELSEWHERE="two")
    with frozen(tree(first.pid)):
        wait_for(lambda: (running.attempts, publishing.attempts) == (2, 2))
        place.begun(2, name="running")
        wake(place.folder / "p")
    assert publishing.get(60).ref == "p@2"

    wait_for(lambda: f"{running.id}, which is not ours" in place.log_of(first))
    assert (running.state, place.worker_of(running)) == ("STARTED", second)
    kill_tree(second)
    place.begun(3, name="running")
    wake(place.folder / "running")
    assert running.get(60).ref == "running@2"
    assert running.attempts == 3
    assert [len(om.models.versions(name)) for name in ("running", "p")] == [2, 2]
    assert om.models.get("p").fitted_
    assert om.store.check()
