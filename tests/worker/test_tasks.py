"""Model methods on a real worker give what they give at home."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from omega_jupyter.errors import Invalid, NotFound, TaskFailed
from omega_jupyter.omega import Omega

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
SCALED = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    return om


def fitted(om: Omega, estimator: Any) -> Any:
    om.models.put(estimator, "m")
    om.runtime.model("m").fit("X", "y").get(60)
    return clone(estimator).fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [
        SCALED,
        RandomForestClassifier(n_estimators=20, random_state=1, n_jobs=2),
        GridSearchCV(SCALED, {"logisticregression__C": [0.1, 1]}, cv=3),
        Ridge(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_model_fitted_on_a_worker_is_the_one_fitted_at_home(stored: Omega, estimator: Any) -> None:
    home = fitted(stored, estimator)

    np.testing.assert_array_equal(stored.models.get("m").predict(X), home.predict(X))
    np.testing.assert_array_equal(stored.runtime.model("m").predict("X").get(60), home.predict(X))


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("predict_proba", lambda m: m.predict_proba(X)),
        ("decision_function", lambda m: m.decision_function(X)),
        ("predict", lambda m: m.predict(X)),
    ],
)
def test_outputs_equal_the_local_ones(stored: Omega, verb: str, call: Callable[[Any], Any]) -> None:
    home = fitted(stored, SCALED)

    remote = getattr(stored.runtime.model("m"), verb)("X").get(60)

    np.testing.assert_array_equal(remote, call(home))


def test_score_is_returned_and_noted_with_what_it_was_measured_on(stored: Omega) -> None:
    home = fitted(stored, SCALED)

    score = stored.runtime.model("m").score("X", "y").get(60)

    assert score == home.score(X, y)
    (noted,) = stored.models.metadata("m").scores
    assert (noted["score"], noted["X"], noted["y"]) == (score, "X@1", "y@1")


def test_transform_and_fit_transform(stored: Omega) -> None:
    home = StandardScaler()
    stored.models.put(home, "s")
    expected = home.fit_transform(X)

    fit_transformed = stored.runtime.model("s").fit_transform("X").get(60)
    transformed = stored.runtime.model("s").transform("X").get(60)

    np.testing.assert_array_equal(fit_transformed, expected)
    np.testing.assert_array_equal(transformed, expected)
    assert stored.models.metadata("s").version == 2


def test_partial_fit_goes_on_where_the_last_version_ended(stored: Omega) -> None:
    home = SGDClassifier(random_state=0)
    stored.models.put(home, "m")
    for _ in range(2):
        stored.runtime.model("m").partial_fit("X", "y", classes=[0, 1]).get(60)
        home.partial_fit(X, y, classes=[0, 1])

    np.testing.assert_array_equal(stored.models.get("m").coef_, home.coef_)
    assert stored.models.metadata("m").version == 3


def test_new_version_tells_where_it_came_from(stored: Omega) -> None:
    stored.models.put(Ridge(alpha=3), "m")

    task = stored.runtime.model("m").fit("X[mean radius,mean texture]", "y")
    metadata = task.get(60)

    assert metadata.ref == "m@2"
    assert metadata.task == task.id
    assert metadata.inputs["X"].endswith("@1")
    assert metadata.inputs["y"] == "y@1"
    assert metadata.inputs["model"] == "m@1"
    assert metadata.params["alpha"] in (3, "3")
    assert stored.models.get("m").coef_.shape == (2,)


def test_objects_are_staged_and_never_listed(stored: Omega) -> None:
    fitted(stored, SCALED)

    predicted = stored.runtime.model("m").predict(X.head(3)).get(60)

    assert len(predicted) == 3
    assert stored.datasets.list() == ["X", "y"]


def test_result_is_kept_under_a_name(stored: Omega) -> None:
    home = fitted(stored, SCALED)

    metadata = stored.runtime.model("m").predict("X", result="out/pred").get(60)

    assert metadata.ref == "out/pred@1"
    np.testing.assert_array_equal(stored.datasets.get("out/pred"), home.predict(X))


def test_large_results_come_back_whole(stored: Omega) -> None:
    rng = np.random.default_rng(0)
    large = pd.DataFrame(rng.normal(size=(200_000, 4)))
    stored.datasets.put(large, "large")
    stored.models.put(StandardScaler(), "s")

    result = stored.runtime.model("s").fit_transform("large").get(60)

    np.testing.assert_array_equal(result, StandardScaler().fit_transform(large))


def test_data_that_changes_while_a_task_waits_is_not_used(stored: Omega) -> None:
    """The versions are those of the moment of submission."""
    fitted(stored, SCALED)
    task = stored.runtime.require("nobody-listens").model("m").predict("X")

    stored.datasets.put(X.head(5), "X")

    assert task.record["arguments"]["X"] == "X@1"
    assert task.record["arguments"]["model"] == "m@2"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda om: om.runtime.model("modell").fit("X", "y"), NotFound, "modell"),
        (lambda om: om.runtime.model("m").fit("XX", "y"), NotFound, "XX"),
        (lambda om: om.runtime.model("m").fit("X", y.head(7)), Invalid, "569.*7"),
        (lambda om: om.runtime.model("m").fit("X", "y", weird=object()), Invalid, "weird"),
        (lambda om: om.runtime.model(SCALED).fit("X", "y"), Invalid, "Pipeline"),
        (lambda om: om.runtime.model("m").predict(object()), Invalid, "object"),
        (lambda om: om.runtime.model("m[a]").predict("X"), Invalid, "A model has no columns"),
        (lambda om: om.runtime.model("m").predict("X", result="X@3"), Invalid, "use 'X'"),
        (lambda om: om.runtime.model("m").predict("X", result="X[a]"), Invalid, "use 'X'"),
    ],
)
def test_wrong_calls_fail_before_anything_is_submitted(
    stored: Omega, call: Callable[[Omega], Any], error: type[Exception], message: str
) -> None:
    stored.models.put(SCALED, "m")

    with pytest.raises(error, match=message):
        call(stored)

    assert stored.runtime.tasks() == []


def test_model_that_is_not_fitted_says_what_to_do(stored: Omega) -> None:
    stored.models.put(SCALED, "m")

    with pytest.raises(Invalid, match="m@1 is not fitted") as caught:
        stored.runtime.model("m").predict("X").get(60)

    assert caught.value.hint == "%omega fit m X y"


def test_method_that_a_model_has_not_names_those_it_has(stored: Omega) -> None:
    stored.models.put(KMeans(2, random_state=0), "k")

    with pytest.raises(Invalid, match="KMeans, which has no predict_proba") as caught:
        stored.runtime.model("k").predict_proba("X").get(60)

    assert "transform" in str(caught.value.hint)


def test_remote_error_comes_with_the_remote_traceback(stored: Omega) -> None:
    fitted(stored, SCALED)

    task = stored.runtime.model("m").predict(X[["mean radius"]])
    with pytest.raises(TaskFailed, match="ValueError: The feature names") as caught:
        task.get(60)

    assert "sklearn" in str(caught.value.remote_traceback)
    assert task.state == "FAILURE"
    assert not task.successful()
    assert stored.models.metadata("m").version == 2
