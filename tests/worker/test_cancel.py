"""A cancel tells the truth, and leaves the worker fit for the next task."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from omega_jupyter.errors import Invalid, NotFound, TaskCancelled
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.answers import Cancelled
from omega_jupyter.runtime.task import OmegaTask
from tests.mongo_server import wait_for

X, y = make_classification(1_000, 20, random_state=0)
# Minutes, with a hook after each of its short fits …
HOOKS = GridSearchCV(LogisticRegression(), {"C": np.linspace(0.1, 1, 20_000)}, cv=3)
# … and without any.
NO_HOOKS = RandomForestClassifier(n_estimators=100_000, random_state=0)


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(), "quick")
    return om


def started(om: Omega, estimator: object) -> OmegaTask:
    om.models.put(estimator, "m")
    task = om.runtime.model("m").fit("X", "y")
    wait_for(lambda: task.state in ("STARTED", "PROGRESS"))
    return task


def ended_as(task: OmegaTask, om: Omega, *states: str) -> None:
    """It ended like this, published nothing, and the worker runs the next one at once."""
    assert [state for state, _ in task.history if state != "PROGRESS"] == list(states)
    with pytest.raises(TaskCancelled):
        task.get(1)
    assert len(om.models.versions("m")) == 1
    assert om.runtime.model("quick").fit("X", "y").get(30).ref == "quick@2"


def test_waiting_task_never_starts(stored: Omega) -> None:
    stored.models.put(HOOKS, "m")
    task = stored.runtime.require("nobody-listens").model("m").fit("X", "y")

    assert task.cancel() == "never started"

    ended_as(task, stored, "QUEUED", "CANCELLED")
    assert task.attempts == 0
    assert task.cancel() is Cancelled.NEVER_STARTED


def test_running_fit_stops_at_its_next_step(stored: Omega) -> None:
    task = started(stored, HOOKS)

    began = time.monotonic()
    assert task.cancel(grace=60) == "stopped"

    assert time.monotonic() - began < 30
    ended_as(task, stored, "QUEUED", "STARTED", "CANCELLING", "CANCELLED")


def test_fit_that_does_not_listen_is_killed_after_the_grace_time(stored: Omega) -> None:
    task = started(stored, NO_HOOKS)

    assert task.cancel(grace=0.5, wait=False) == "stopping"
    assert task.state == "CANCELLING"
    assert task.cancel(grace=0.5) == "killed"

    ended_as(task, stored, "QUEUED", "STARTED", "CANCELLING", "CANCELLED")


def test_second_cancel_answers_what_came_of_the_first(stored: Omega) -> None:
    task = started(stored, HOOKS)

    assert task.cancel(grace=60, wait=False) == "stopping"
    assert task.cancel(grace=60) == "stopped"
    assert task.cancel() == "stopped"

    ended_as(task, stored, "QUEUED", "STARTED", "CANCELLING", "CANCELLED")


def test_finished_task_says_that_it_had_finished(stored: Omega) -> None:
    task = stored.runtime.model("quick").fit("X", "y")
    task.get(30)

    assert task.cancel() == "had finished"
    assert task.state == "SUCCESS"


def test_another_process_cancels_by_the_id(stored: Omega) -> None:
    task = started(stored, HOOKS)

    assert Omega(stored.mongo_url).runtime.task(task.id[:8]).cancel(grace=60) == "stopped"
    assert task.state == "CANCELLED"


def test_wrong_cancels_are_refused(stored: Omega) -> None:
    task = stored.runtime.require("nobody-listens").model("quick").fit("X", "y")

    with pytest.raises(Invalid, match="grace"):
        task.cancel(grace=-1)
    with pytest.raises(NotFound, match="nosuch"):
        OmegaTask("nosuch", stored.runtime._submitter).cancel()
    assert task.state == "QUEUED"
