"""Objects that are passed to a call: small ones travel in its record, others through the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer

from omega_jupyter.errors import Invalid
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.records import records
from omega_jupyter.runtime.staging import CARRIED_BYTES, carried_by, forget_carried
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.runtime.task_report import TaskReport
from omega_jupyter.store.database.connection import Document

X, y = load_iris(return_X_y=True, as_frame=True)
ANYTHING = pd.DataFrame(
    {
        "number": pd.array([1, None, 3], dtype="Int8"),
        "text": ["a", None, "ü"],
        "kind": pd.Categorical(["x", "y", "x"], ordered=True),
        "when": pd.to_datetime(["2026-01-01", None, "2026-01-03"]).tz_localize("Europe/Berlin"),
    },
    index=pd.Index([3, 1, 2], name="row"),
)


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.models.put(GaussianNB().fit(X, y), "m")
    return om


def record_of(om: Omega, task: OmegaTask) -> Document:
    """Return the whole record, which no handle has."""
    (found,) = records(om.mongo_url).find({"_id": task.id})
    return found


def waiting(om: Omega, *data: Any, verb: str = "predict", **keywords: Any) -> OmegaTask:
    model = om.runtime.require("nobody-listens").model("m")
    task: OmegaTask = getattr(model, verb)(*data, **keywords)
    return task


@pytest.mark.parametrize("data", [X, X.to_numpy(), X.to_numpy().tolist()])
def test_small_object_is_in_the_record_alone(stored: Omega, data: Any) -> None:
    task = waiting(stored, data)

    assert record_of(stored, task)["carried"].keys() == {"X"}
    assert task.record["arguments"]["X"] == f".staged/{task.id}/X"
    assert stored.datasets.list(hidden=True) == []
    # Neither a handle nor a list has it.
    assert "carried" not in task.record
    assert all("carried" not in found.record for found in stored.runtime.tasks())


def test_what_is_carried_comes_as_it_was_passed(stored: Omega) -> None:
    stored.models.put(FunctionTransformer(), "same")

    task = stored.runtime.model("same").transform(ANYTHING)

    assert_frame_equal(task.get(60), ANYTHING, check_exact=True)
    assert "carried" in record_of(stored, task)


def test_all_that_is_passed_is_used(stored: Omega) -> None:
    weights = np.arange(150.0)
    home = GaussianNB().fit(X, y, sample_weight=weights)

    task = stored.runtime.model("m").fit(X, y, sample_weight=weights)

    task.get(60)
    assert record_of(stored, task)["carried"].keys() == {"X", "y", "sample_weight"}
    np.testing.assert_array_equal(stored.models.get("m").theta_, home.theta_)
    score = stored.runtime.model("m@1").score(X, y)
    assert score.get(60) == GaussianNB().fit(X, y).score(X, y)
    # Where it was kept for a day tells nobody anything.
    passed = {"X": "passed object (150 × 4)", "y": "passed object (150)"}
    weighed = {**passed, "sample_weight": "passed object (150)"}
    assert stored.models.metadata("m@2").inputs == {"model": "m@1", **weighed}
    (noted,) = stored.models.metadata("m@1").scores
    assert {role: noted[role] for role in passed} == passed
    assert "X=passed object, y=passed object" in repr(TaskReport(task))


def test_larger_object_goes_through_the_store(stored: Omega) -> None:
    task = waiting(stored, np.random.default_rng(0).random(CARRIED_BYTES // 8 + 1))

    assert task.record["arguments"]["X"] == f".staged/{task.id}/X@1"
    assert "carried" not in record_of(stored, task)
    assert stored.datasets.exists(f".staged/{task.id}/X@1")


def test_objects_of_a_call_share_the_room(stored: Omega) -> None:
    half = np.random.default_rng(0).random(CARRIED_BYTES // 8 * 2 // 3)

    task = waiting(stored, half, half, verb="fit")

    assert record_of(stored, task)["carried"].keys() == {"X"}
    assert task.record["arguments"]["y"] == f".staged/{task.id}/y@1"


def test_lengths_of_objects_are_compared(stored: Omega) -> None:
    with pytest.raises(Invalid, match="what you passed as y has 149"):
        stored.runtime.model("m").fit(X, y.head(149))

    assert stored.runtime.tasks() == []


def test_results_of_another_database_have_no_data_beside_them(om: Omega) -> None:
    elsewhere = Omega(
        om.mongo_url, om.broker_url, result_backend=f"{om.mongo_url.reveal()}_results"
    )
    elsewhere.models.put(GaussianNB(), "m")

    task = waiting(elsewhere, X)

    assert elsewhere.datasets.exists(task.record["arguments"]["X"])


def test_damage_is_found(stored: Omega) -> None:
    task = waiting(stored, X)
    carried = bytearray(carried_by(stored.mongo_url, task.id)["X"])
    carried[-20] ^= 1
    task.cancel()
    changes = {"$set": {"carried.X": bytes(carried), "queue": "omega"}}
    records(stored.mongo_url).update_one({"_id": task.id}, changes)

    with pytest.raises(Invalid, match="What was passed as X is damaged"):
        stored.runtime.task(task.id).retry().get(60)


def test_search_has_it_too(stored: Omega) -> None:
    found = stored.runtime.model("m").grid_search(X, y, param_grid={"var_smoothing": [1e-9, 1.0]})

    assert found.get(60).best_params_ == {"var_smoothing": 1e-9}


@pytest.mark.parametrize(("state", "hours"), [("SUCCESS", 1), ("FAILURE", 24)])
def test_it_is_forgotten_some_time_after_the_end(stored: Omega, state: str, hours: int) -> None:
    task = waiting(stored, X)
    forget_carried(stored.mongo_url)
    assert carried_by(stored.mongo_url, task.id)

    def carried_after(passed: timedelta) -> bool:
        end = {"state": state, "finished": datetime.now(UTC) - passed}
        records(stored.mongo_url).update_one({"_id": task.id}, {"$set": end})
        forget_carried(stored.mongo_url)
        return bool(carried_by(stored.mongo_url, task.id))

    assert carried_after(timedelta(hours=hours, minutes=-1))
    assert not carried_after(timedelta(hours=hours, minutes=1))
