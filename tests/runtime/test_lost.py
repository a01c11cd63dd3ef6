"""Tasks of which nobody hears: whoever looks finds out what became of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import TaskLost
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import envelope, inquiry, records
from omega_jupyter.runtime.attempt import Attempt
from omega_jupyter.runtime.claim import claim
from omega_jupyter.runtime.keypair import KeyPair
from omega_jupyter.store.database.connection import connect
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import Worker, kill_tree

X, y = make_classification(1_000, 20, random_state=0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are looked for at once, and at every look."""
    for name in ("QUEUED_SECONDS", "RETRY_SECONDS", "ASK_AGAIN_SECONDS"):
        monkeypatch.setattr(inquiry, name, -1.0)


def stored(om: Omega) -> Omega:
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(), "m")
    return om


def lose_messages(om: Omega) -> None:
    connect(om.broker_url)["omega_queue"].delete_many({"queue": om.config.queue})


@pytest.mark.usefixtures("impatient")
def test_queued_task_is_told_from_one_whose_message_is_gone(mongo_url: str) -> None:
    om = stored(Omega(mongo_url))
    task = om.runtime.model("m").fit("X", "y")

    assert task.state == "QUEUED"
    assert [listed.state for listed in om.runtime.tasks()] == ["QUEUED"]
    lose_messages(om)

    assert [listed.state for listed in om.runtime.tasks()] == ["LOST"]
    assert task.state == "LOST"
    with pytest.raises(TaskLost, match=r"message of task .* is gone from the queue") as caught:
        task.get(1)
    assert f"retry {task.id[:8]}" in str(caught.value.hint)
    again = task.retry()
    assert again.state == "QUEUED"


@pytest.mark.usefixtures("impatient")
def test_task_that_has_waited_for_too_long_is_lost(mongo_url: str) -> None:
    om = stored(Omega(mongo_url))
    task = om.runtime.model("m").fit("X", "y")
    long_ago = datetime.now(UTC) - timedelta(days=8)
    url = task._submitter.ledger.url
    records.records(url).update_one({"_id": task.id}, {"$set": {"submitted": long_ago}})

    with pytest.raises(TaskLost, match="has waited for a week"):
        task.get(1)


def test_messages_are_not_looked_for_at_every_look(mongo_url: str) -> None:
    om = stored(Omega(mongo_url))
    task = om.runtime.model("m").fit("X", "y")
    lose_messages(om)

    assert task.state == "QUEUED"  # for some seconds it is to be expected


@pytest.mark.usefixtures("impatient")
def test_task_that_a_worker_refused_is_lost(mongo_url: str, worker: Worker) -> None:
    """Its credentials are sealed to another worker's key; the worker can't even say so."""
    keys = worker.keys.of_clients | {"worker_public_key": KeyPair.new("worker").public_text}
    om = stored(Omega(mongo_url, worker.broker_url, **keys))

    task = om.runtime.model("m").fit("X", "y")

    with pytest.raises(TaskLost, match="refused"):
        task.get(60)


def test_task_that_an_older_version_sent_is_lost_and_runs_when_it_is_sent_anew(
    om: Omega, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(om)
    with monkeypatch.context() as before:
        before.setattr(envelope, "_VERSION", envelope._VERSION - 1)
        task = om.runtime.model("m").fit("X", "y")

    with pytest.raises(TaskLost, match="refused"):
        task.get(60)

    assert "sealed by another version of omega-jupyter" in worker.log.read_text()
    assert om.models.metadata("m").version == 1
    assert task.retry().get(60).ref == "m@2"


@pytest.mark.usefixtures("impatient")
def test_task_that_had_published_before_its_worker_was_lost_has_succeeded(mongo_url: str) -> None:
    om = stored(Omega(mongo_url))
    task = om.runtime.model("m").fit("X", "y")
    url = task._submitter.ledger.url
    attempt = claim(
        url,
        task.id,
        1,
        again=False,
        worker="w",
        process={"pid": 1},
        claimant="c",
        is_gone=lambda process: False,
    )
    assert isinstance(attempt, Attempt)
    assert attempt.commit()
    om.models.put(LogisticRegression(C=2), "m", task=task.id)
    lose_messages(om)
    records.records(url).update_one({"_id": task.id}, {"$set": {"state": "RETRY"}})

    assert task.get(60).ref == "m@2"
    assert task.state == "SUCCESS"


@pytest.fixture
def place(mongo_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place.at(tmp_path, mongo_url)
    yield place
    place.close()


def test_worker_that_was_frozen_goes_on_and_one_that_was_killed_leaves_no_false_state(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LEASE_SECONDS", 2 * records.HEARTBEAT_SECONDS)
    worker = place.start()
    task, cancelled = place.fit(60, "a"), place.fit(60, "b")
    place.begun(name="a")
    place.begun(name="b")

    worker.send_signal(signal.SIGSTOP)
    wait_for(lambda: task.state == "RETRY")
    worker.send_signal(signal.SIGCONT)
    wait_for(lambda: task.state == "STARTED")
    assert (task.attempts, place.runs("a")) == (1, (1, 0))

    kill_tree(worker)
    place.om.runtime.task(cancelled.id).cancel(wait=False)
    wait_for(lambda: task.state == "RETRY")
    assert cancelled.cancel() == "killed"
    for name in ("QUEUED_SECONDS", "RETRY_SECONDS", "ASK_AGAIN_SECONDS"):
        monkeypatch.setattr(inquiry, name, -1.0)
    assert task.state == "RETRY"  # its message will come back from the dead worker
    lose_messages(place.om)
    assert task.state == "LOST"
    assert [state for state, _ in task.history] == [
        *("QUEUED", "STARTED", "RETRY", "STARTED", "RETRY", "LOST")
    ]
