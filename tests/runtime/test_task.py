"""The handle: waits, tells, and is known by its id alone."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import Invalid, NotFound, TaskCancelled, TaskTimeout
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.runtime import OmegaRuntime
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.database.connection import connect
from tests.mongo_server import wait_for

X, y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=500), "m")
    return om


def waiting(om: Omega) -> OmegaTask:
    return om.runtime.require("nobody-listens").model("m").fit("X", "y")


def test_task_waits_visibly_before_any_worker_runs(stored: Omega) -> None:
    task = waiting(stored)

    assert task.state == "QUEUED"
    assert not task.ready()
    assert task.elapsed == 0
    assert (task.verb, task.model, task.queue) == ("fit", "m@1", "nobody-listens")
    assert [known.id for known in stored.runtime.tasks(state="QUEUED")] == [task.id]


def test_interrupted_get_says_that_the_task_goes_on(stored: Omega) -> None:
    task = waiting(stored)
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    # A process in the background of a shell ignores it otherwise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    interrupt.start()
    try:
        with pytest.raises(KeyboardInterrupt, match=f"task {task.id[:8]} goes on"):
            task.get(60)
    finally:
        signal.signal(signal.SIGINT, before)

    assert task.state == "QUEUED"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda runtime: runtime.tasks(since="12h"), r"(?s)since='12h'.*timedelta\(hours=12\)"),
        (lambda runtime: runtime.tasks(0), "not 0"),
        (lambda runtime: runtime.tasks(-1), "not -1"),
        (lambda runtime: runtime.tasks("5"), "not '5'"),
        (lambda runtime: runtime.tasks(model=5), "name is text, not int"),
        (lambda runtime: runtime.tasks(state="failure"), "No task state 'failure'"),
        (lambda runtime: runtime.task(5), "5 is no task's id"),
        (lambda runtime: runtime.task(""), "'' is no task's id"),
        (lambda runtime: runtime.task("last").get("60"), "timeout is .* not '60'"),
        (lambda runtime: runtime.task("last").get(-1), "timeout is .* not -1"),
        (lambda runtime: runtime.task("last").cancel(grace="5"), "grace is .* not '5'"),
        (lambda runtime: runtime.task("last").on_done("print"), "function, not 'print'"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    stored: Omega, call: Callable[[OmegaRuntime], Any], message: str
) -> None:
    task = waiting(stored)

    with pytest.raises(Invalid, match=message):
        call(stored.runtime)

    assert task.state == "QUEUED"


def test_tasks_of_one_version_are_found_by_its_number_and_its_tag(stored: Omega) -> None:
    first = waiting(stored)
    stored.models.put(LogisticRegression(), "m")
    stored.models.tag("m", "prod")
    second = waiting(stored)

    def found(model: str) -> list[str]:
        return [task.id for task in stored.runtime.tasks(model=model)]

    assert found("m") == [second.id, first.id]
    assert found("m@1") == [first.id]
    assert found("m@prod") == found("m@-1") == [second.id]
    with pytest.raises(NotFound, match="no tag 'nosuch'"):
        found("m@nosuch")


def test_another_process_gets_the_result_by_the_id(stored: Omega) -> None:
    task = stored.runtime.model("m").fit("X", "y")

    again = Omega(stored.mongo_url).runtime.task(task.id[:8])

    assert again.get(60).ref == "m@2"
    assert again.successful()
    assert again.worker is not None
    assert again.submitted <= again.started <= again.finished  # type: ignore[operator]


def test_awaited_task_gives_its_value(stored: Omega) -> None:
    async def fit() -> object:
        return await stored.runtime.model("m").fit("X", "y")

    assert repr(asyncio.run(fit())).find("m@2") > 0


def test_timeout_says_that_the_task_goes_on(stored: Omega) -> None:
    task = waiting(stored)

    with pytest.raises(TaskTimeout, match="goes on") as caught:
        task.get(0.05)

    assert isinstance(caught.value, TimeoutError)
    assert task.id[:8] in str(caught.value.hint)


def test_waiting_tells_at_each_look(stored: Omega) -> None:
    states = []

    stored.runtime.model("m").fit("X", "y").wait(60, lambda task: states.append(task.state))

    assert states[-1] == "SUCCESS"


def test_unknown_id_is_told_from_a_waiting_one(stored: Omega) -> None:
    with pytest.raises(NotFound, match="nosuch"):
        stored.runtime.task("nosuch")

    unknown = OmegaTask("nosuch", stored.runtime._submitter)
    assert unknown.state == "UNKNOWN"
    with pytest.raises(NotFound):
        unknown.get(1)


def test_cancelled_task_raises_what_it_is(stored: Omega) -> None:
    task = waiting(stored)
    Ledger(stored.mongo_url).update(task.id, "CANCELLED", {})

    with pytest.raises(TaskCancelled):
        task.get(1)


def test_representation_is_one_line_and_escaped(stored: Omega) -> None:
    task = waiting(stored)

    assert repr(task) == f"<OmegaTask {task.id[:8]} fit m@1 QUEUED>"
    assert task._repr_html_().startswith("<code>&lt;OmegaTask")


def test_result_that_is_gone_since_is_named(stored: Omega) -> None:
    task = stored.runtime.model("m").fit("X", "y")
    task.get(60)
    stored.models.drop("m")

    with pytest.raises(NotFound, match="m"):
        stored.runtime.task(task.id).get(1)


def test_large_result_that_was_collected_says_so(stored: Omega) -> None:
    stored.datasets.put(np.zeros((20_000, 4)), "large")
    stored.runtime.model("m").fit("X", "y").get(60)
    task = stored.runtime.model("m").predict_proba("large")
    task.wait(60)
    connect(stored.mongo_url)["omega_versions"].delete_many({"name": f".results/{task.id}"})

    with pytest.raises(NotFound, match="gone since"):
        task.get(1)


def test_record_tells_who_and_from_where(stored: Omega, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "churn/train.ipynb")
    task = stored.runtime.model("m").fit("X", "y")
    task.get(60)

    assert task.record["notebook"] == "churn/train.ipynb"
    assert task.record["host"]
    assert task.record["user"]
    assert task.record["process"]["pid"]
    states = [state for state, _ in task.history if state != "PROGRESS"]
    assert states == ["QUEUED", "STARTED", "SUCCESS"]
    moments = [moment for _, moment in task.history]
    assert moments == sorted(moments)
    assert (task.submitted, task.finished) == (moments[0], moments[-1])


def test_list_of_tasks_is_one_query(stored: Omega) -> None:
    for _ in range(3):
        waiting(stored)
    database = connect(stored.mongo_url)
    database.command("profile", 2)

    listed = stored.runtime.tasks()
    told = [(t.state, t.progress, t.elapsed, t.verb, t.worker, repr(t)) for t in listed]

    database.command("profile", 0)
    assert len(told) == 3
    assert database["system.profile"].count_documents({"ns": f"{database.name}.omega_tasks"}) == 1
    listed[0].cancel()
    assert listed[0].state == "CANCELLED"


def test_list_of_tasks_shows_as_a_table(stored: Omega) -> None:
    assert repr(stored.runtime.tasks()) == "no tasks"
    older, newer = waiting(stored), waiting(stored)

    listed = stored.runtime.tasks()

    assert isinstance(listed, list)
    assert [task.id for task in listed] == [newer.id, older.id]
    titles, *rows = repr(listed).splitlines()
    assert titles.split()[:4] == ["id", "verb", "model", "state"]
    assert [row.split()[:4] for row in rows] == [
        [task.id[:8], "fit", "m@1", "QUEUED"] for task in listed
    ]
    assert all(f"{task.id[:8]}</td>" in listed._repr_html_() for task in listed)


def test_retry_runs_the_same_call_on_the_same_versions(stored: Omega) -> None:
    first = stored.runtime.model("m").fit("X", "y")
    first.get(60)
    stored.datasets.put(X.head(3), "X")

    again = first.retry()

    assert again.id != first.id
    assert again.get(60).inputs == {"model": "m@1", "X": "X@1", "y": "y@1"}
    assert again.record["retry_of"] == first.id
    assert again.record["arguments"] == first.record["arguments"]


@pytest.mark.parametrize("copies", [1, 200])
def test_retry_has_the_objects_that_were_passed_while_they_are_there(
    stored: Omega, copies: int
) -> None:
    stored.runtime.model("m").fit("X", "y").get(60)
    task = stored.runtime.model("m").predict(np.tile(X.to_numpy(), (copies, 1)))
    value = task.get(60)

    again = task.retry()

    np.testing.assert_array_equal(again.get(60), value)
    # Each record has them: the first may be gone by then.
    np.testing.assert_array_equal(again.retry().get(60), value)
    for name in ("omega_versions", "omega_tasks"):
        found = connect(stored.mongo_url)[name]
        found.delete_many({"name": f".staged/{task.id}/X"})
        found.update_many({}, {"$unset": {"carried": ""}})
    with pytest.raises(NotFound, match=r"X was passed as an object.*gone"):
        task.retry()


def test_retry_names_what_is_not_stored_any_more(stored: Omega) -> None:
    task = stored.runtime.model("m").fit("X", "y")
    task.get(60)
    stored.datasets.drop("y")

    with pytest.raises(NotFound, match="y@1, its y, is not stored any more") as caught:
        task.retry()

    assert "info y" in str(caught.value.hint)
    assert len(stored.runtime.tasks()) == 1


def test_task_that_has_not_ended_is_not_retried(stored: Omega) -> None:
    task = waiting(stored)

    with pytest.raises(Invalid, match="has not ended") as caught:
        task.retry()
    assert "cancel" in str(caught.value.hint)
    task.cancel()
    assert task.retry().state == "QUEUED"


def test_what_was_kept_for_a_task_is_released_when_its_value_is_fetched(stored: Omega) -> None:
    stored.runtime.model("m").fit("X", "y").get(60)
    large = np.zeros((20_000, 4))
    task = stored.runtime.model("m").predict_proba(large)
    value = task.get(60)

    def released() -> bool:
        versions = connect(stored.mongo_url)["omega_versions"]
        kept = list(versions.find({"name": {"$regex": rf"^\.(staged|results)/{task.id}"}}))
        return len(kept) == 2 and all("removed" in version for version in kept)

    wait_for(released)
    # Another kernel that asks for it within the hour still gets it.
    np.testing.assert_array_equal(Omega(stored.mongo_url).runtime.task(task.id).get(5), value)
