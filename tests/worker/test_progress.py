"""Progress is told forwards only, and changes nothing."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from omega_jupyter.omega import Omega
from omega_jupyter.worker.progress import following
from omega_jupyter.worker.progress.following import followed
from omega_jupyter.worker.progress.meter import Meter, Reading
from tests.mongo_server import wait_for

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
FOREST = RandomForestClassifier(20, random_state=0)
TELLING = [
    PIPELINE,
    GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1, 10]}, cv=3),
    GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1, 10]}, cv=3, n_jobs=2),
    GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1]}, cv=3, refit=False),
    LogisticRegression(max_iter=500),
    FOREST,
    RandomForestClassifier(20, random_state=0, n_jobs=2),
    ExtraTreesClassifier(20, random_state=0),
    IsolationForest(n_estimators=20, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(), 20, random_state=0, n_jobs=2),
    GradientBoostingClassifier(n_estimators=20, random_state=0),
    AdaBoostClassifier(n_estimators=20, random_state=0),
    HistGradientBoostingClassifier(max_iter=20, random_state=0),
    MLPClassifier(max_iter=20, random_state=0),
    make_pipeline(StandardScaler(), FOREST),
    GridSearchCV(FOREST, {"max_depth": [1, 2]}, cv=2),
]


def fit_watched(estimator: Any, monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """Fit, and read the meter all the time and wherever it changes; return the readings."""
    readings: list[Reading] = []
    read = Meter.read

    in_turn = threading.Lock()

    def noted(self: Meter) -> Reading:
        with in_turn:
            readings.append(read(self))
        return readings[-1]

    def then_read(change: Any) -> Any:
        def changed(self: Meter, part: Any) -> Any:
            value = change(self, part)
            noted(self)
            return value

        return changed

    monkeypatch.setattr(following, "INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(Meter, "read", noted)
    for name in ("begin", "end", "count"):
        monkeypatch.setattr(Meter, name, then_read(getattr(Meter, name)))
    with parallel_config(backend="threading"), followed(estimator, lambda _: None) as meter:
        estimator.fit(X, y)
        noted(meter)
    return readings


def name(estimator: Any) -> str:
    return "".join(str(estimator).split())


@pytest.mark.parametrize("estimator", TELLING, ids=name)
def test_followed_fit_is_the_same_as_a_plain_one(estimator: Any) -> None:
    plain = clone(estimator).fit(X, y)
    watched = clone(estimator)

    with parallel_config(backend="threading"), followed(watched, lambda _: None):
        watched.fit(X, y)

    assert vars(watched).keys() == vars(plain).keys()
    if getattr(plain, "refit", True) is False:
        assert watched.best_params_ == plain.best_params_
        return
    np.testing.assert_array_equal(watched.predict(X), plain.predict(X))
    if hasattr(plain, "predict_proba"):
        np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))
    assert watched.get_params().keys() == plain.get_params().keys()


@pytest.mark.parametrize("estimator", TELLING, ids=name)
def test_fit_is_told_forwards(estimator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = fit_watched(clone(estimator), monkeypatch)

    fractions = [r.fraction for r in readings if r.fraction is not None]
    assert fractions
    assert np.diff(fractions).min(initial=0) > -1e-9  # sums of shares are not exact
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert any(reading.step for reading in readings)


@pytest.mark.parametrize("estimator", [e for e in TELLING if hasattr(e, "set_callbacks")], ids=name)
def test_what_tells_its_end_arrives_at_one(estimator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit_watched(clone(estimator), monkeypatch)[-1].fraction == 1.0


def test_search_counts_its_fits_and_the_refit_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    search = GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1, 10]}, cv=3)

    readings = fit_watched(search, monkeypatch)

    last = max(r.fraction or 0 for r in readings if r.step.startswith("fit 9 of 9"))
    assert 0.8 < last <= 0.9 + 1e-9


def test_forest_tells_its_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = fit_watched(clone(FOREST), monkeypatch)

    assert Reading(0.25, "tree 5 of 20") in readings
    assert Reading(1.0, "tree 20 of 20") in readings


def test_forest_in_a_search_tells_fit_and_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = fit_watched(GridSearchCV(FOREST, {"max_depth": [1, 2]}, cv=2), monkeypatch)

    halfway = [r.fraction for r in readings if r.step == "fit 3 of 4, tree 10 of 20"]
    assert halfway == pytest.approx([2.5 / 5] * len(halfway))
    assert halfway


def test_estimator_that_shows_nothing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {r.fraction for r in fit_watched(SVC(), monkeypatch)} == {None}


def test_what_was_wrapped_is_as_it_was() -> None:
    before = RandomForestClassifier.fit

    with followed(FOREST, lambda _: None):
        assert RandomForestClassifier.fit is not before
    assert RandomForestClassifier.fit is before


def test_checkpoint_ends_the_fit_and_leaves_nothing_wrapped() -> None:
    class Stopped(BaseException):
        pass

    def checkpoint() -> None:
        raise Stopped

    before = RandomForestClassifier.fit
    search = GridSearchCV(FOREST, {"max_depth": [1, 2]})

    with pytest.raises(Stopped), followed(search, lambda _: None, checkpoint):
        search.fit(X, y)

    assert RandomForestClassifier.fit is before
    assert not hasattr(search, "_skl_callbacks")
    assert "omega-progress" not in {thread.name for thread in threading.enumerate()}


def test_reports_come_while_it_runs() -> None:
    told: list[dict[str, Any]] = []
    arrived = threading.Event()

    def report(progress: dict[str, Any]) -> None:
        told.append(progress)
        arrived.set()

    class Slow(DecisionTreeClassifier):
        def fit(self, *args: Any, **kwargs: Any) -> Any:
            fitted = super().fit(*args, **kwargs)
            arrived.wait(60)
            return fitted

    bagging = BaggingClassifier(Slow(), 10, random_state=0)
    with followed(bagging, report):
        bagging.fit(X, y)

    assert told[0] == {"fraction": 0.1, "step": "tree 1 of 10"}


@pytest.mark.parametrize(
    ("model", "step"),
    [
        (RandomForestClassifier(2_000), "tree"),
        (GradientBoostingClassifier(n_estimators=20_000), "stage"),
        (make_pipeline(StandardScaler(), RandomForestClassifier(2_000)), "tree"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_progress_of_a_plain_fit_on_a_worker_is_heard_of(model: Any, step: str, om: Omega) -> None:
    om.models.put(model, "m")

    task = om.runtime.model("m").fit(X, y)

    wait_for(lambda: step in task.progress.step)
    assert task.state == "PROGRESS"
    assert task.cancel() in ("stopped", "killed")
