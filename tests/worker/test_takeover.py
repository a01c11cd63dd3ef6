"""A worker that was thought to be gone comes back: nothing is published twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.collection import Collection

from omega_jupyter.runtime import records
from omega_jupyter.store.database.connection import Document, connect
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree, tree
from tests.sleeper import Sleeper, publishes, wake
from tests.strikes import frozen


@pytest.fixture(scope="module")
def place(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with a worker on each of two machines."""
    place = Place.at(tmp_path_factory.mktemp("takeover"), f"{mongod}/takeover")
    for host in ("one", "two"):
        place.start(module="tests.elsewhere", ELSEWHERE=host)
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(records, "LEASE_SECONDS", elsewhere.LEASE_SECONDS)
        yield place
    place.close()


def messages(place: Place) -> Collection[Document]:
    return connect(place.om.broker_url)["omega_queue"]


def test_claim_that_a_crash_of_mongod_forgot_is_harmless(place: Place) -> None:
    """It is not journaled: the task may run twice at once then, and is published once."""
    task = place.fit(600)
    place.begun()
    first = place.worker_of(task)
    forgotten = ("taken", "worker", "process", "started", "heartbeat", "history")
    changes = {"$set": {"state": "QUEUED", "attempts": 0}, "$unset": dict.fromkeys(forgotten, "")}
    free = {"until": task.record["submitted"], "owner": None, "deliveries": 0}
    with frozen(tree(first.pid)):  # it might take the message again itself, and go on
        records.records(place.om.mongo_url).update_one({"_id": task.id}, changes)
        messages(place).update_one({"task": task.id}, {"$set": free})
        place.begun(2)
    wait_for(lambda: f"{task.id}, which is not ours" in place.log_of(first))
    assert messages(place).count_documents({"task": task.id}) == 1
    wake(place.folder / "m")

    assert task.get(60).ref == "m@2"
    assert (task.attempts, place.worker_of(task) is first) == (1, False)
    assert len(place.om.models.versions("m")) == 2


def test_frozen_worker_publishes_nothing_twice_and_leaves_the_message_to_the_other(
    place: Place,
) -> None:
    om = place.om
    running = place.fit(600, "running")
    place.begun(name="running")
    first = place.worker_of(running)
    second = next(one for one in place.workers if one is not first)
    # Short ones do not wait behind it: a worker takes no more than it can run.
    assert [place.fit(0, f"short{n}").get(60).version for n in range(4)] == [2] * 4

    om.models.put(Sleeper(0, str(place.folder / "p"), (), 5), "p")
    with frozen(tree(second.pid)):  # so that the first one gets it, too
        publishing = om.runtime.model("p").fit("X")
        wait_for(lambda: publishes(place.folder / "p"))
    with frozen(tree(first.pid)):
        wait_for(lambda: (running.attempts, publishing.attempts) == (2, 2))
        place.begun(2, name="running")
    assert publishing.get(30).ref == "p@2"
    assert len(om.models.versions("p")) == 2
    assert om.models.get("p").fitted_

    wait_for(lambda: f"{running.id}, which is not" in place.log_of(first))
    assert (running.state, messages(place).count_documents({"task": running.id})) == ("STARTED", 1)
    kill_tree(second)
    place.begun(3, name="running")
    wake(place.folder / "running")
    assert running.get(60).ref == "running@2"
    assert (running.attempts, len(om.models.versions("running"))) == (3, 2)
    assert om.store.check()
