"""Nothing is lost with a process, and nothing is published twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from omega_jupyter.errors import TaskFailed
from omega_jupyter.omega import Omega
from tests.mongo_server import wait_for
from tests.processes import Worker, kill_tree, start_worker

X, y = make_classification(20_000, 40, random_state=0)
# About five seconds on one core.
SLOW = RandomForestClassifier(n_estimators=60, random_state=0)


def test_closed_kernel_loses_nothing(om: Omega, mongo_url: str, worker: Worker) -> None:
    """A process that submits and dies at once; another one gets the result."""
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(SLOW, "slow")
    code = (
        "import os, sys\n"
        "from omega_jupyter import Omega\n"
        "om = Omega(sys.argv[1], sys.argv[2], worker_public_key=sys.argv[3])\n"
        "task = om.runtime.model('slow').fit('X', 'y')\n"
        "print(task.id, flush=True)\n"
        "os._exit(1)\n"
    )
    arguments = [mongo_url, worker.broker_url, worker.public_key]

    shown = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )

    task_id = shown.stdout.strip()
    assert [task.id for task in om.runtime.tasks()] == [task_id]
    assert om.runtime.task(task_id).get(120).ref == "slow@2"


@pytest.fixture
def own_worker(
    mongo_url: str, tmp_path: Path
) -> tuple[Omega, Callable[[], subprocess.Popen[bytes]]]:
    """An Omega, and what starts a worker for it that a test may kill."""
    om = Omega(mongo_url)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(SLOW, "slow")
    return om, lambda: start_worker(mongo_url, tmp_path, OMEGA_MONGO_URL=mongo_url)


def test_killed_worker_loses_nothing_and_publishes_once(
    own_worker: tuple[Omega, Callable[[], subprocess.Popen[bytes]]],
) -> None:
    om, start = own_worker
    first = start()
    task = om.runtime.model("slow").fit("X", "y")
    wait_for(lambda: task.state == "STARTED")
    kill_tree(first)

    second = start()
    try:
        assert task.get(180).ref == "slow@2"
        assert task.record["attempts"] == 2
        assert len(om.models.versions("slow")) == 2
    finally:
        kill_tree(second)


def test_killed_pool_process_is_a_failed_task_and_the_worker_lives_on(
    own_worker: tuple[Omega, Callable[[], subprocess.Popen[bytes]]],
) -> None:
    """As when the system kills it for its memory: it is not tried again by itself."""
    om, start = own_worker
    process = start()
    try:
        task = om.runtime.model("slow").fit("X", "y")
        wait_for(lambda: task.state == "STARTED")
        busy = max(
            psutil.Process(process.pid).children(),
            key=lambda child: sum(child.cpu_times()[:2]),
        )
        os.kill(busy.pid, signal.SIGKILL)

        with pytest.raises(TaskFailed, match=r"killed \(out of memory\?\).*SIGKILL") as caught:
            task.get(60)
        assert "retry" in str(caught.value.hint)
        assert (task.state, task.attempts) == ("FAILURE", 1)
        om.models.put(RandomForestClassifier(2), "quick")
        assert om.runtime.model("quick").fit("X", "y").get(60).ref == "quick@2"
    finally:
        kill_tree(process)
