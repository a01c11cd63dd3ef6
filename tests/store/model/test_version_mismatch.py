"""Who uses a model that was stored with other versions is warned, once, before anything is sent."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from omega_jupyter.errors import QueueWarning, VersionMismatch
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.models import ModelStore

X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]


def stored_elsewhere(models: ModelStore, **environment: str) -> None:
    """Make the newest version of the model one that was stored with these versions."""
    newest = models.metadata("m").version
    changes = {f"environment.{name.replace('_', '-')}": v for name, v in environment.items()}
    versions(models._url).update_one({"name": "m", "version": newest}, {"$set": changes})


def warned(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    # Besides, nobody listens to the queue of some of these tests.
    assert {w.category for w in caught} <= {VersionMismatch, QueueWarning}
    # The user's own line, not ours.
    assert all(w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught if w.category is VersionMismatch]


def test_other_scikit_learn_is_warned_of_once_a_version(models: ModelStore) -> None:
    models.put(LogisticRegression().fit(X, y), "m")
    stored_elsewhere(models, scikit_learn="0.24.2")

    (message,) = warned(lambda: models.get("m"))
    again = warned(lambda: models.get("m"))
    models.put(LogisticRegression().fit(X, y), "m")
    stored_elsewhere(models, scikit_learn="0.24.2")
    other = warned(lambda: models.get("m"))

    assert "m@1 was stored with scikit-learn 0.24.2" in message
    assert "fit it again" in message
    assert again == []
    assert len(other) == 1
    assert "m@2" in other[0]


@pytest.mark.parametrize(
    ("environment", "named"),
    [({"python": "3.9.7"}, "Python 3.9.7"), ({"xgboost": "1.4.0"}, "xgboost 1.4.0")],
)
def test_other_python_or_library_of_the_model_is_named(
    environment: dict[str, str], named: str, models: ModelStore
) -> None:
    models.put(XGBClassifier(n_estimators=2).fit(X, y), "m")
    stored_elsewhere(models, **environment)

    (message,) = warned(lambda: models.get("m"))

    assert named in message


def test_last_part_of_a_version_and_other_libraries_do_not_count(models: ModelStore) -> None:
    metadata = models.put(LogisticRegression().fit(X, y), "m")
    sklearn = metadata.environment["scikit-learn"].split(".")
    stored_elsewhere(models, scikit_learn=f"{sklearn[0]}.{sklearn[1]}.99", numpy="1.0.0")

    assert warned(lambda: models.get("m")) == []


def test_library_that_is_not_here_is_no_mismatch(models: ModelStore) -> None:
    models.put(LogisticRegression().fit(X, y), "m")
    stored_elsewhere(models, nowhere_to_be_found="1.0")

    assert warned(lambda: models.get("m")) == []


def test_task_is_warned_of_when_it_is_submitted_and_a_fit_is_not(om: Omega) -> None:
    om.models.put(LogisticRegression().fit(X, y), "m")
    stored_elsewhere(om.models, scikit_learn="0.24.2")
    waiting = om.runtime.require("nobody-listens").model("m")

    fit = warned(lambda: waiting.fit(X, y))
    predict = warned(lambda: waiting.predict(X))

    assert fit == []
    assert len(predict) == 1
    assert "m@1 was stored with scikit-learn 0.24.2" in predict[0]
    assert [task.verb for task in om.runtime.tasks()] == ["predict", "fit"]
