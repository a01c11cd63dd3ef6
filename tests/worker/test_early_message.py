"""A message may come to a worker before the record of its task, or without there ever being one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import Unavailable
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import submission
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.records import records
from tests.mongo_server import wait_for
from tests.processes import Worker

X, y = np.array([[0.0], [1.0]]), np.array([0, 1])


@pytest.fixture
def known(om: Omega) -> Omega:
    """An Omega that has used the names before, so that record and message go side by side."""
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression().fit(X, y), "m")
    om.runtime.model("m").predict("X").get(60)
    return om


def said(worker: Worker, words: str) -> int:
    return worker.log.read_text().count(words)


def test_worker_waits_for_the_record(
    known: Omega, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = submission.submit_unchanged
    before = said(worker, "has no record yet")

    def write_late(*args: Any) -> None:
        wait_for(lambda: said(worker, "has no record yet") > before)
        write(*args)

    monkeypatch.setattr(submission, "submit_unchanged", write_late)

    task = known.runtime.model("m").predict("X")

    np.testing.assert_array_equal(task.get(60), y)
    assert task.attempts == 1


def test_message_whose_names_had_changed_runs_nothing(known: Omega, worker: Worker) -> None:
    model = known.runtime.model("m")
    other = Omega(known.mongo_url.reveal(), known.broker_url.reveal())
    other.models.put(LogisticRegression(C=2).fit(X, 1 - y), "m")
    before = said(worker, "has no record: ")

    task = model.predict("X")

    np.testing.assert_array_equal(task.get(60), 1 - y)
    wait_for(lambda: said(worker, "has no record: ") > before)
    assert len(known.runtime.tasks()) == 2


def test_call_has_one_message_where_names_can_not_be_compared(
    mongod: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Into a database of this name MongoDB merges nothing.
    om = Omega(f"{mongod}/local", worker.broker_url, **worker.keys.of_clients)
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression().fit(X, y), "m")
    model = om.runtime.model("m")
    for _ in range(2):  # looks them up, and finds out that the server can't
        model.predict("X").get(60)
    send, sent = submission.send, []

    def count(*args: Any, **options: Any) -> None:
        sent.append(options["task_id"])
        send(*args, **options)

    monkeypatch.setattr(submission, "send", count)

    task = model.predict("X")

    np.testing.assert_array_equal(task.get(60), y)
    assert sent == [task.id]


class LostAnswer:
    """The answer of the command that writes the record is lost; then this is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, then: Any = None) -> None:
        aggregate = Database.aggregate
        self.times = 0

        def lose(database: Any, *args: Any, **options: Any) -> Any:
            answer = aggregate(database, *args, **options)
            self.times += 1
            if then is not None:
                then()
            answer.close()
            raise AutoReconnect("connection closed")

        # Only a real network could lose an answer at this very moment.
        monkeypatch.setattr(Database, "aggregate", lose)


def test_task_that_has_begun_is_the_one_that_was_submitted(
    known: Omega, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = records(known.mongo_url)
    begun = {"attempts": 1}
    lost = LostAnswer(monkeypatch, lambda: wait_for(lambda: tasks.count_documents(begun) == 2))

    task = known.runtime.model("m").predict("X")

    assert lost.times == 1
    np.testing.assert_array_equal(task.get(60), y)
    assert len(known.runtime.tasks()) == 2


def test_task_that_nobody_has_begun_is_submitted_anew(
    mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    om = Omega(mongo_url)  # without a worker
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression().fit(X, y), "m")
    first = om.runtime.model("m").predict("X")
    lost = LostAnswer(monkeypatch)

    task = om.runtime.model("m").predict("X")

    assert lost.times == 1
    assert {task.id, first.id} == {one.id for one in om.runtime.tasks()}


def test_who_can_not_know_whether_it_was_submitted_is_told_so(
    known: Omega, monkeypatch: pytest.MonkeyPatch
) -> None:
    LostAnswer(monkeypatch)

    def gone(ledger: Ledger, task_id: str) -> None:
        raise Unavailable("MongoDB does not answer", hop="mongodb")

    monkeypatch.setattr(Ledger, "withdraw", gone)

    with pytest.raises(Unavailable, match="not known whether") as caught:
        known.runtime.model("m").predict("X")

    assert caught.value.hop == "mongodb"
    told = str(caught.value.hint).split()[2]
    monkeypatch.undo()
    # It was written, and so it runs.
    assert known.runtime.task(told).get(60) is not None
