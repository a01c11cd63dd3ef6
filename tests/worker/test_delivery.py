"""Nothing is lost with a process, and nothing is published twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from omega_jupyter.errors import TaskFailed, Unavailable
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.records import records
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.runtime.task_report import TaskReport
from tests.faults import Place
from tests.mongo_server import MongoServer, wait_for
from tests.processes import Worker, kill_tree
from tests.sleeper import Sleeper, wake
from tests.strikes import strike_at_random

X, y = make_classification(1_000, 20, random_state=0)
ELSEWHERE = {"host": "elsewhere", "pid": 1, "began": 1.0}
SLOW = RandomForestClassifier(n_estimators=300, random_state=0)


def test_closed_kernel_loses_nothing(om: Omega, mongo_url: str, worker: Worker) -> None:
    """A process that submits and dies at once; another one gets the result."""
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(SLOW, "slow")
    code = (
        "import os, sys\n"
        "from omega_jupyter import Omega\n"
        "om = Omega(sys.argv[1], sys.argv[2])\n"
        "task = om.runtime.model('slow').fit('X', 'y')\n"
        "print(task.id, flush=True)\n"
        "os._exit(1)\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code, mongo_url, worker.broker_url],
        env=os.environ | worker.keys.of_clients_environment,
        capture_output=True,
        text=True,
        check=False,
    )

    task_id = shown.stdout.strip()
    assert [task.id for task in om.runtime.tasks()] == [task_id]
    assert om.runtime.task(task_id).get(120).ref == "slow@2"


@pytest.fixture
def place(mongo_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place.at(tmp_path, mongo_url)
    yield place
    place.close()


def test_task_of_a_worker_that_is_stopped_or_killed_runs_again_and_publishes_once(
    place: Place,
) -> None:
    first = place.start()
    task = place.fit(3)
    place.begun()
    first.send_signal(signal.SIGQUIT)  # as the supervisor stops one that is busy
    first.wait(30)
    second = place.start()
    place.begun(2)
    kill_tree(second)
    place.start()

    assert task.get(60).ref == "m@2"
    assert (task.attempts, place.runs()) == (3, (3, 1))
    assert len(place.om.models.versions("m")) == 2
    assert [state for state, _ in task.history] == [
        *("QUEUED", "STARTED", "RETRY", "STARTED", "RETRY", "STARTED", "SUCCESS")
    ]


def test_task_runs_again_where_its_process_was_killed_three_times_in_all(place: Place) -> None:
    """As when the system kills it for its memory, or somebody by a signal."""
    worker = place.start()
    task = place.fit(600)
    place.begun()
    os.kill(place.process(), signal.SIGKILL)
    place.begun(2)
    os.kill(place.process(), signal.SIGTERM)
    place.begun(3)
    task.refresh()
    assert "ended by a signal" in repr(TaskReport(task))
    wake(place.folder / "m")
    assert task.get(60).ref == "m@2"
    assert (task.attempts, place.runs()) == (3, (3, 1))
    assert len(place.om.models.versions("m")) == 2

    deadly = place.fit(600, "deadly")
    for attempt in (1, 2, 3):
        place.begun(attempt, name="deadly")
        os.kill(place.process("deadly"), signal.SIGKILL)
    with pytest.raises(TaskFailed, match=r"killed \(out of memory\?\).*SIGKILL") as caught:
        deadly.get(60)
    assert "retry" in str(caught.value.hint)
    assert (deadly.state, deadly.attempts) == ("FAILURE", 3)
    assert len(place.om.models.versions("deadly")) == 1
    again = deadly.retry()
    place.begun(4, name="deadly")
    assert again.cancel(grace=0) == "killed"

    # A worker that is told to stop lets its task end, and vouches for it meanwhile.
    last = place.fit(5, "last")
    place.begun(name="last")
    worker.terminate()
    heard = last.refresh()["heartbeat"]
    wait_for(lambda: last.refresh()["heartbeat"] > heard)
    assert last.get(60).ref == "last@2"
    assert worker.wait(30) == 0
    assert (last.attempts, place.runs("last")) == (1, (1, 1))


def another_takes(place: Place, task: OmegaTask) -> None:
    """Write into the record what a worker on another machine does that begins with the task."""
    taken = {"attempts": 2, "process": ELSEWHERE, "worker": "other@elsewhere"}
    records(place.om.mongo_url).update_one({"_id": task.id}, {"$set": taken})


def test_worker_ends_a_task_that_another_one_has_taken_over(place: Place) -> None:
    """As behind a network that was cut for longer than anybody waits."""
    place.start()
    task = place.fit(60)
    place.begun()
    wait_for(lambda: task.refresh()["heartbeat"] > task.record["started"])
    another_takes(place, task)

    wait_for(lambda: not psutil.pid_exists(place.process()))
    assert (task.state, task.worker, task.attempts) == ("STARTED", "other@elsewhere", 2)
    assert place.fit(0, "next").get(30).ref == "next@2"
    # The message is still there for the other one, and nobody begins with it meanwhile.
    wait_for(lambda: f"Put back: task {task.id}" in place.log(0))
    assert place.runs() == (1, 0)


def test_fit_that_ends_when_its_task_is_another_s_leaves_that_one_the_message(place: Place) -> None:
    place.start()
    task = place.fit(600)
    place.begun()
    another_takes(place, task)
    wake(place.folder / "m")  # before the worker itself hears of it

    wait_for(lambda: f"Put back: task {task.id}" in place.log(0))
    assert "which is not ours any more" in place.log(0)
    assert (task.state, task.worker, task.attempts) == ("STARTED", "other@elsewhere", 2)
    assert len(place.om.models.versions("m")) == 1


def test_death_under_a_task_that_is_another_s_changes_nothing(place: Place) -> None:
    place.start()
    task = place.fit(600)
    place.begun()
    another_takes(place, task)
    os.kill(place.process(), signal.SIGKILL)

    wait_for(lambda: "exited with 'signal 9" in place.log(0))
    assert place.fit(0, "next").get(60).ref == "next@2"
    assert (task.state, task.worker, task.attempts) == ("STARTED", "other@elsewhere", 2)
    assert place.runs() == (1, 0)


@pytest.mark.parametrize("who", ["process", "worker"])
def test_task_that_had_published_when_it_died_is_not_fitted_again(place: Place, who: str) -> None:
    worker = place.start()
    task = place.fit(600)
    place.begun()
    place.om.models.put(Sleeper(), "m", task=task.id)
    records(place.om.mongo_url).update_one({"_id": task.id}, {"$set": {"committed": 1}})
    if who == "process":
        os.kill(place.process(), signal.SIGKILL)
    else:
        kill_tree(worker)
        place.start()

    assert task.get(60).ref == "m@2"
    assert (task.state, place.runs()) == ("SUCCESS", (1, 0))
    assert task.attempts == (1 if who == "process" else 2)


def test_killed_mongod_costs_no_fit_and_ends_no_waiting(tmp_path: Path) -> None:
    """Broker, records and store in one: the fit goes on, and publishes when it is back."""
    with MongoServer() as server, ThreadPoolExecutor() as threads:
        place = Place.at(tmp_path, f"{server.url()}?serverSelectionTimeoutMS=1000")
        place.start()
        task = place.fit(3)
        place.begun()
        got = threads.submit(task.get, 90)
        hasty = Omega(f"{server.url()}?serverSelectionTimeoutMS=300").runtime.task(task.id)
        server.kill()
        with pytest.raises(Unavailable, match="does not answer"):
            hasty.cancel()
        place.begun(1, 1)  # it wants to publish now
        wait_for(lambda: "Waiting for MongoDB" in place.log(0))  # for longer than the driver does
        server.start()

        assert got.result().ref == "m@2"
        assert task.attempts <= 1  # the crash may have forgotten that it was claimed
        assert hasty.cancel() == "had finished"
        place.close()


def test_full_worker_answers_is_fit_after_a_kill_and_stops(place: Place) -> None:
    worker = place.start(1)
    place.om.datasets.put(X, "data")
    place.om.datasets.put(y, "y")
    # Its threads reach no hook.
    forest = RandomForestClassifier(n_estimators=100_000, n_jobs=2, random_state=0)
    place.om.models.put(forest, "forest")
    busy = place.om.runtime.model("forest").fit("data", "y")
    wait_for(lambda: busy.state in ("STARTED", "PROGRESS"))
    waiting = [place.fit(0, f"waits{number}") for number in range(3)]

    assert place.om.runtime.ping(30) < 30
    assert [found.running for found in place.om.runtime.workers(30)] == [1]
    assert waiting[0].cancel() == "never started"
    assert busy.cancel(grace=0.5) in ("stopped", "killed")
    assert [task.get(60).version for task in waiting[1:]] == [2, 2]
    assert len(place.om.models.versions("forest")) == 1

    last, left = place.fit(600, "last"), place.fit(0, "left")
    place.begun(name="last")
    worker.terminate()
    wake(place.folder / "last")
    assert worker.wait(30) == 0
    assert [task.state for task in (last, left)] == ["SUCCESS", "QUEUED"]


def test_strikes_at_random_moments_leave_true_states(tmp_path: Path) -> None:
    strike_at_random(tmp_path, "mongodb", ["worker", "mongod"])
