"""A worker that was thought to be gone comes back: nothing is published twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from bson import Timestamp

from omega_jupyter.runtime import records
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.database.connection import connect
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree
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


def tree(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children())]


def messages(place: Place, task: OmegaTask) -> int:
    return connect(place.om.broker_url)["omega_queue"].count_documents({"task": task.id})


def test_claim_that_a_crash_of_mongod_forgot_is_harmless(place: Place) -> None:
    """It is not journaled: the task may run twice at once then, and is published once."""
    task = place.fit(600)
    place.begun()
    forgotten = ("taken", "worker", "process", "started", "heartbeat", "history")
    changes = {"$set": {"state": "QUEUED", "attempts": 0}, "$unset": dict.fromkeys(forgotten, "")}
    first = task.worker
    records.records(place.om.mongo_url).update_one({"_id": task.id}, changes)
    free = {"until": task.record["submitted"], "owner": None, "deliveries": 0}
    queue = connect(place.om.broker_url)
    queue["omega_queue"].update_one({"task": task.id}, {"$set": free})
    notice = {"at": Timestamp(0, 0), "queue": place.om.config.queue}
    queue["omega_queue_notify"].insert_one(notice)
    place.begun(2)
    wake(place.folder / "m")

    assert task.get(60).ref == "m@2"
    assert (task.attempts, task.worker != first) == (1, True)
    assert len(place.om.models.versions("m")) == 2


def test_frozen_worker_publishes_nothing_twice_and_leaves_the_message_to_the_other(
    place: Place,
) -> None:
    om = place.om
    running = place.fit(600, "running")
    place.begun(name="running")
    first = next(one for one in place.workers if f"-{one.pid}@" in str(running.worker))
    second = next(one for one in place.workers if one is not first)
    # Short ones do not wait behind it: a worker takes no more than it can run.
    assert [place.fit(0, f"short{n}").get(10).version for n in range(4)] == [2] * 4

    om.models.put(Sleeper(0, str(place.folder / "p"), (), 5), "p")
    with frozen(tree(second.pid)):  # so that the first one gets it, too
        publishing = om.runtime.model("p").fit("X")
        wait_for(lambda: publishes(place.folder / "p"))
    with frozen(tree(first.pid)):
        wait_for(lambda: (running.attempts, publishing.attempts) == (2, 2), 30)
        place.begun(2, name="running")
    assert publishing.get(30).ref == "p@2"
    assert len(om.models.versions("p")) == 2
    assert om.models.get("p").fitted_

    wait_for(lambda: "is not ours any more" in place.log(place.workers.index(first)))
    assert (running.state, messages(place, running)) == ("STARTED", 1)
    kill_tree(second)
    place.begun(3, name="running")
    wake(place.folder / "running")
    assert running.get(60).ref == "running@2"
    assert (running.attempts, len(om.models.versions("running"))) == (3, 2)
    assert om.store.check()
