"""Progress is told forwards only, and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from omega_jupyter.worker import progress
from omega_jupyter.worker.progress import ProgressReporter, followed

pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 tells no progress")

X, y = load_iris(return_X_y=True)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every report, without the pause between two."""
    monkeypatch.setattr(progress, "MIN_INTERVAL_SECONDS", 0)
    return []


@pytest.mark.parametrize(
    "estimator",
    [
        PIPELINE,
        GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1, 10]}, cv=3),
        LogisticRegression(max_iter=500),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_fit_is_told_forwards_to_its_end_and_is_the_same(
    estimator: Any, told: list[dict[str, Any]]
) -> None:
    plain = clone(estimator).fit(X, y)
    followed_one = clone(estimator)

    with followed(followed_one, ProgressReporter(told.append)):
        followed_one.fit(X, y)

    fractions = [report["fraction"] for report in told]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1.0
    assert all(report["step"] for report in told)
    np.testing.assert_array_equal(followed_one.predict(X), plain.predict(X))
    assert vars(followed_one).keys() == vars(plain).keys()


def test_search_counts_its_fits_and_the_refit_alike(told: list[dict[str, Any]]) -> None:
    search = GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1, 10]}, cv=3)

    with followed(search, ProgressReporter(told.append)):
        search.fit(X, y)

    ends = {r["step"]: r["fraction"] for r in told if r["step"].startswith("fit ")}
    assert ends["fit 9 of 9"] == pytest.approx(0.9, abs=1e-4)


def test_estimator_that_tells_nothing_is_left_alone(told: list[dict[str, Any]]) -> None:
    with followed(forest := RandomForestClassifier(5), ProgressReporter(told.append)):
        forest.fit(X, y)

    assert told == []


def test_reports_are_few(told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "MIN_INTERVAL_SECONDS", 60)
    reporter = ProgressReporter(told.append)

    for step in range(100):
        reporter(step / 100, "step")

    assert len(told) == 1
