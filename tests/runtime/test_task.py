"""The handle: waits, tells, and is known by its id alone."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import NotFound, TaskCancelled, TaskTimeout
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.task import OmegaTask

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

    unknown = stored.runtime._submitter.handle("nosuch")
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
    stored.datasets.drop(f".results/{task.id}")

    with pytest.raises(NotFound, match="gone since"):
        task.get(1)
