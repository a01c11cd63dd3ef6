"""Nothing is lost with a process, and nothing is published twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import TaskFailed
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.task import OmegaTask
from tests.mongo_server import MongoServer, wait_for
from tests.processes import Worker, kill_tree, start_worker
from tests.sleeper import TRUSTED, Sleeper, process_of, runs

X, y = make_classification(1_000, 20, random_state=0)
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


@dataclass
class Place:
    """An Omega, and workers for it that a test may kill."""

    om: Omega
    folder: Path
    workers: list[subprocess.Popen[bytes]]

    def start(self) -> subprocess.Popen[bytes]:
        url = self.om.mongo_url.reveal()
        worker = start_worker(url, self.folder, OMEGA_MONGO_URL=url, OMEGA_TRUSTED=TRUSTED)
        self.workers.append(worker)
        return worker

    def fit(self, seconds: float) -> OmegaTask:
        self.om.models.put(Sleeper(seconds, str(self.folder / "log")), "slow")
        return self.om.runtime.model("slow").fit("X", "y")

    def begun(self, began: int = 1, ended: int = 0) -> None:
        wait_for(lambda: self.runs == (began, ended))

    @property
    def runs(self) -> tuple[int, int]:
        return runs(self.folder / "log")


@pytest.fixture
def place(mongo_url: str, tmp_path: Path) -> Iterator[Place]:
    om = Omega(mongo_url, trusted=(TRUSTED,))
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(), "quick")
    place = Place(om, tmp_path, [])
    yield place
    for worker in place.workers:
        if worker.poll() is None:
            kill_tree(worker)


def test_killed_worker_loses_nothing_and_publishes_once(place: Place) -> None:
    first = place.start()
    task = place.fit(2)
    place.begun()
    kill_tree(first)

    place.start()

    assert task.get(60).ref == "slow@2"
    assert (task.attempts, place.runs) == (2, (2, 1))
    assert len(place.om.models.versions("slow")) == 2


def test_killed_pool_process_is_a_failed_task_and_the_worker_lives_on(place: Place) -> None:
    """As when the system kills it for its memory: it is not tried again by itself."""
    place.start()
    task = place.fit(60)
    place.begun()
    os.kill(process_of(place.folder / "log"), signal.SIGKILL)

    with pytest.raises(TaskFailed, match=r"killed \(out of memory\?\).*SIGKILL") as caught:
        task.get(60)
    assert "retry" in str(caught.value.hint)
    assert (task.state, task.attempts) == ("FAILURE", 1)
    assert place.om.runtime.model("quick").fit("X", "y").get(60).ref == "quick@2"
    again = task.retry()
    place.begun(2)
    assert again.cancel(grace=0) == "killed"


def test_stopped_worker_gives_its_task_back_at_once(place: Place) -> None:
    """As the supervisor of the local services stops one that is busy."""
    first = place.start()
    task = place.fit(3)
    place.begun()
    first.send_signal(signal.SIGQUIT)
    first.wait(30)

    place.start()

    assert task.get(60).ref == "slow@2"
    assert (task.attempts, place.runs) == (2, (2, 1))


def test_worker_that_ends_lets_its_task_end_and_vouches_for_it(place: Place) -> None:
    first = place.start()
    task = place.fit(5)
    place.begun()
    first.terminate()
    heard = task.refresh()["heartbeat"]

    wait_for(lambda: task.refresh()["heartbeat"] > heard)
    assert task.get(60).ref == "slow@2"
    assert first.wait(30) == 0
    assert (task.attempts, place.runs) == (1, (1, 1))


def test_killed_mongod_costs_no_fit(tmp_path: Path) -> None:
    """Broker, records and store in one: the fit goes on, and publishes when it is back."""
    with MongoServer() as server:
        om = Omega(server.url(), trusted=(TRUSTED,))
        om.datasets.put(X, "X")
        place = Place(om, tmp_path, [])
        worker = place.start()
        om.models.put(Sleeper(3, str(tmp_path / "log")), "slow")
        task = om.runtime.model("slow").fit("X")
        place.begun()
        server.kill()
        wait_for(lambda: place.runs == (1, 1))  # it wants to publish now
        server.start()

        assert task.get(60).ref == "slow@2"
        assert task.attempts <= 1  # the crash may have forgotten that it was claimed
        kill_tree(worker)


@pytest.mark.parametrize("seed", range(2))
def test_kills_at_random_moments_leave_true_states(tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)
    with MongoServer() as server:
        om = Omega(server.url(), trusted=(TRUSTED,))
        om.datasets.put(X, "X")
        place = Place(om, tmp_path, [])
        place.start()
        tasks = []
        for number in range(16):
            om.models.put(Sleeper(moments.uniform(0, 0.8), str(tmp_path / "log")), f"m{number}")
            tasks.append(om.runtime.model(f"m{number}").fit("X"))
        for what in moments.sample(["child", "worker", "child", "mongod"], 4):
            time.sleep(moments.uniform(0, 1.5))
            match what:
                case "child":
                    children = psutil.Process(place.workers[-1].pid).children()
                    with suppress(psutil.NoSuchProcess, IndexError):
                        moments.choice(children).kill()
                case "worker":
                    kill_tree(place.workers[-1])
                    place.start()
                case "mongod":
                    server.kill()
                    server.start()

        wait_for(lambda: all(task.ready() for task in tasks), 120)
        kill_tree(place.workers[-1])
        for task in tasks:
            ended_truly(om, task)
        assert sum(task.successful() for task in tasks) >= len(tasks) - 2


def ended_truly(om: Omega, task: OmegaTask) -> None:
    """What its state says is what is stored: one whole version, or none."""
    name = task.model.partition("@")[0]
    published = [version for version in om.models.versions(name) if version.task == task.id]
    if task.successful():
        assert [version.ref for version in published] == [task.get().ref]
        assert om.models.get(name).fitted_
    else:
        assert task.state == "FAILURE", task.record
        assert "killed" in task.record["error"]["message"]
        assert published == []
    assert task.attempts <= 3
