"""With two URLs set, the same calls run on RabbitMQ, whatever happens to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import TaskLost, Unavailable
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import inquiry
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.task import OmegaTask
from tests.mongo_server import wait_for
from tests.processes import kill_tree, start_worker
from tests.rabbit_server import SERVER, RabbitServer, free_port
from tests.sleeper import TRUSTED, Sleeper, runs

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)

X, y = make_classification(2_000, 20, random_state=0)
TIMEOUT_SECONDS = 4

StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitServer]:
    """A RabbitMQ that takes a message back which is not acknowledged in time."""
    with RabbitServer(f"consumer_timeout = {TIMEOUT_SECONDS * 1000}") as server:
        yield server


@pytest.fixture
def om(mongo_url: str, rabbitmq: RabbitServer) -> Omega:
    om = Omega(mongo_url, rabbitmq.url, queue=f"q{mongo_url[-8:]}", trusted=(TRUSTED,))
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(), "quick")
    return om


@pytest.fixture
def start(om: Omega, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers for it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(processes: int = 2) -> subprocess.Popen[bytes]:
        folder = tmp_path / f"worker{len(started)}"
        folder.mkdir()
        worker = start_worker(
            om.broker_url.reveal(),
            folder,
            processes=processes,
            OMEGA_MONGO_URL=om.mongo_url.reveal(),
            OMEGA_QUEUE=om.config.queue,
            OMEGA_TRUSTED=TRUSTED,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            kill_tree(worker)


def fit(om: Omega, seconds: float, log: Path) -> OmegaTask:
    om.models.put(Sleeper(seconds, str(log)), "slow")
    return om.runtime.model("slow").fit("X", "y")


def test_calls_run_on_rabbitmq(om: Omega, start: StartWorker) -> None:
    start()

    om.runtime.model("quick").fit("X", "y").get(60)
    predicted = om.runtime.model("quick").predict("X").get(60)

    np.testing.assert_array_equal(predicted, LogisticRegression().fit(X, y).predict(X))


def test_killed_worker_loses_nothing(om: Omega, start: StartWorker, tmp_path: Path) -> None:
    first = start()
    task = fit(om, 2, tmp_path / "log")
    wait_for(lambda: runs(tmp_path / "log") == (1, 0))
    kill_tree(first)

    start()
    assert task.get(60).ref == "slow@2"
    assert task.attempts == 2
    assert runs(tmp_path / "log") == (2, 1)
    assert len(om.models.versions("slow")) == 2
    assert [state for state, _ in task.history] == [
        *("QUEUED", "STARTED", "RETRY", "STARTED", "SUCCESS")
    ]


def test_fit_that_outlasts_the_consumer_timeout_runs_once(
    om: Omega, start: StartWorker, tmp_path: Path
) -> None:
    """RabbitMQ closes the channel and gives the message out again, while the fit goes on."""
    worker = start()
    task = fit(om, 2.5 * TIMEOUT_SECONDS, tmp_path / "log")

    assert task.get(60).ref == "slow@2"
    assert (task.attempts, runs(tmp_path / "log")) == (1, (1, 1))
    assert "PRECONDITION_FAILED" in (tmp_path / "worker0" / "worker.log").read_text()
    assert worker.poll() is None
    assert om.runtime.model("quick").fit("X", "y").get(60).ref == "quick@2"


def test_killed_broker_loses_no_task_and_runs_none_twice(
    om: Omega, rabbitmq: RabbitServer, start: StartWorker, tmp_path: Path
) -> None:
    start()
    running = fit(om, 10, tmp_path / "log")
    wait_for(lambda: runs(tmp_path / "log") == (1, 0))
    others = [om.runtime.model("quick").fit("X", "y") for _ in range(20)]
    rabbitmq.kill()
    rabbitmq.start()

    assert running.get(90).ref == "slow@2"
    refs = [task.get(90).ref for task in others]

    assert (running.attempts, runs(tmp_path / "log")) == (1, (1, 1))
    assert sorted(refs) == sorted({*refs})  # each has published a version of its own
    assert len(om.models.versions("quick")) == 21


def test_short_tasks_do_not_wait_behind_a_long_one(
    om: Omega, start: StartWorker, tmp_path: Path
) -> None:
    """A worker takes no more than it can run at once."""
    start(processes=1)
    start(processes=1)
    long = fit(om, 60, tmp_path / "log")
    wait_for(lambda: runs(tmp_path / "log") == (1, 0))

    for task in [om.runtime.model("quick").fit("X", "y") for _ in range(6)]:
        task.get(30)

    assert long.state == "STARTED"
    assert long.cancel(grace=0) == "killed"


def test_full_worker_answers_and_is_fit_for_more_after_kills(
    om: Omega, start: StartWorker, tmp_path: Path
) -> None:
    start()
    busy = [fit(om, 60, tmp_path / "log") for _ in range(2)]
    wait_for(lambda: runs(tmp_path / "log") == (2, 0))
    waiting = [om.runtime.model("quick").fit("X", "y") for _ in range(4)]

    assert len(om.runtime.workers(timeout=2)) == 1
    assert waiting[0].cancel() == "never started"
    assert [task.cancel(grace=0) for task in busy] == ["killed", "killed"]

    assert [task.get(30).name for task in waiting[1:]] == ["quick"] * 3
    assert (waiting[0].state, waiting[0].attempts) == ("CANCELLED", 0)


def test_messages_that_are_gone_are_told_from_those_that_wait(
    om: Omega, start: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUEUED_SECONDS", "ASK_AGAIN_SECONDS"):
        monkeypatch.setattr(inquiry, name, -1.0)
    with client_app(om.config, om.broker_url).connection_for_read() as connection:
        channel = connection.channel()
        waiting = om.runtime.model("quick").fit("X", "y")
        assert waiting.state == "QUEUED"
        channel.queue_purge(om.config.queue)
        assert waiting.state == "LOST"  # nobody listens: nobody can have it

        start(processes=1)
        busy = fit(om, 60, tmp_path / "log")
        wait_for(lambda: runs(tmp_path / "log") == (1, 0))
        waiting = om.runtime.model("quick").fit("X", "y")
        assert waiting.state == "QUEUED"
        channel.queue_purge(om.config.queue)
        assert waiting.state == "LOST"  # the worker says that it does not hold it
        assert busy.state == "STARTED"
        busy.cancel(grace=0)

    with pytest.raises(TaskLost, match="is gone from the queue"):
        waiting.get(1)


def test_broker_that_is_not_there_leaves_no_task(mongo_url: str) -> None:
    om = Omega(mongo_url, f"amqp://alice:secret@127.0.0.1:{free_port()}//")
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression(), "m")

    with pytest.raises(Unavailable, match="broker") as caught:
        om.runtime.model("m").fit("X", y)

    assert caught.value.hop == "broker"
    assert "secret" not in str(caught.value)
    assert om.runtime.tasks() == []
