"""With two URLs set, the same calls run on RabbitMQ, whatever happens to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import TaskLost, Unavailable
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import inquiry
from omega_jupyter.runtime.app import client_app
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree
from tests.rabbit_server import SERVER, RabbitServer, free_port
from tests.strikes import strike_at_random

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)

TIMEOUT_SECONDS = 4
X, y = make_classification(2_000, 20, random_state=0)


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitServer]:
    """A RabbitMQ that takes a message back which is not acknowledged in time."""
    with RabbitServer(f"consumer_timeout = {TIMEOUT_SECONDS * 1000}") as server:
        yield server


@pytest.fixture(scope="module")
def shared(
    mongod: str, rabbitmq: RabbitServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A place with a worker that no test kills."""
    place = Place.at(tmp_path_factory.mktemp("shared"), f"{mongod}/rabbit_shared", rabbitmq.url)
    place.start()
    yield place
    place.close()


@pytest.fixture
def place(mongo_url: str, rabbitmq: RabbitServer, tmp_path: Path) -> Iterator[Place]:
    place = Place.at(tmp_path, mongo_url, rabbitmq.url)
    yield place
    place.close()


def test_calls_run_on_rabbitmq(shared: Place) -> None:
    om = shared.om
    om.datasets.put(X, "features")
    om.datasets.put(y, "target")
    om.models.put(LogisticRegression(), "lr")

    om.runtime.model("lr").fit("features", "target").get(60)
    predicted = om.runtime.model("lr").predict("features").get(60)

    np.testing.assert_array_equal(predicted, LogisticRegression().fit(X, y).predict(X))


def test_fit_that_outlasts_the_consumer_timeout_runs_once(shared: Place) -> None:
    """RabbitMQ closes the channel and gives the message out again, while the fit goes on."""
    task = shared.fit(2.5 * TIMEOUT_SECONDS, "long")

    assert task.get(60).ref == "long@2"
    assert (task.attempts, shared.runs("long")) == (1, (1, 1))
    assert "PRECONDITION_FAILED" in shared.log(0)
    assert shared.workers[0].poll() is None
    assert shared.fit(0, "next").get(60).ref == "next@2"


def test_full_worker_answers_and_is_fit_for_more_after_kills(shared: Place) -> None:
    busy = [shared.fit(60, name) for name in ("busy1", "busy2")]
    shared.begun(name="busy1")
    shared.begun(name="busy2")
    waiting = [shared.fit(0, f"waits{number}") for number in range(4)]

    wait_for(lambda: len(shared.om.runtime.workers(timeout=2)) == 1)
    assert waiting[0].cancel() == "never started"
    assert [task.cancel(grace=0) for task in busy] == ["killed", "killed"]

    assert [task.get(30).version for task in waiting[1:]] == [2, 2, 2]
    assert (waiting[0].state, waiting[0].attempts) == ("CANCELLED", 0)


def test_messages_that_are_gone_are_told_from_those_that_wait(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUEUED_SECONDS", "ASK_AGAIN_SECONDS"):
        monkeypatch.setattr(inquiry, name, -1.0)
    om = shared.om
    with client_app(om.config, om.broker_url).connection_for_read() as connection:
        channel = connection.channel()
        unheard = om.runtime.require("nobody-listens").model("lr").predict("features")
        assert unheard.state == "QUEUED"
        channel.queue_purge("nobody-listens")
        wait_for(lambda: unheard.state == "LOST")  # nobody can have it

        busy = [shared.fit(60, name) for name in ("held1", "held2")]
        shared.begun(name="held1")
        shared.begun(name="held2")
        waiting = shared.fit(0, "purged")
        assert waiting.state == "QUEUED"
        channel.queue_purge(om.config.queue)
        # The worker says that it does not hold it, as soon as it comes to answer.
        wait_for(lambda: waiting.state == "LOST")
        assert [task.state for task in busy] == ["STARTED", "STARTED"]
        for task in busy:
            task.cancel(grace=0)

    with pytest.raises(TaskLost, match="is gone from the queue"):
        waiting.get(1)


def test_killed_broker_loses_no_task_and_runs_none_twice(
    shared: Place, rabbitmq: RabbitServer
) -> None:
    running = shared.fit(8, "runs")
    shared.begun(name="runs")
    others = [shared.fit(0, f"other{number}") for number in range(20)]
    rabbitmq.kill()
    rabbitmq.start()

    assert running.get(90).ref == "runs@2"
    assert [task.get(90).version for task in others] == [2] * 20
    assert (running.attempts, shared.runs("runs")) == (1, (1, 1))


def test_short_tasks_do_not_wait_behind_a_long_one_which_a_killed_worker_does_not_lose(
    place: Place,
) -> None:
    """A worker takes no more than it can run at once, and gives that back."""
    workers = [place.start(processes=1), place.start(processes=1)]
    long = place.fit(8, "long")
    place.begun(name="long")
    for number in range(4):
        assert place.fit(0, f"short{number}").get(30).version == 2
    assert long.state == "STARTED"

    kill_tree(next(one for one in workers if f"-{one.pid}@" in str(long.worker)))
    assert long.get(60).ref == "long@2"
    assert (long.attempts, place.runs("long")) == (2, (2, 1))
    wait_for(lambda: len(place.om.models.versions("long")) == 2)


def test_strikes_at_random_moments_leave_true_states(tmp_path: Path) -> None:
    strike_at_random(tmp_path, "rabbitmq", ["rabbitmq", "child"])


def test_broker_that_is_not_there_leaves_no_task(mongo_url: str) -> None:
    om = Omega(mongo_url, f"amqp://alice:secret@127.0.0.1:{free_port()}//")
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression(), "m")

    with pytest.raises(Unavailable, match="broker") as caught:
        om.runtime.model("m").fit("X", y)

    assert caught.value.hop == "broker"
    assert "secret" not in str(caught.value)
    assert om.runtime.tasks() == []
