"""Every verb on a real worker gives what the method of the estimator gives at home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.preprocessing import StandardScaler

from omega_jupyter.omega import Omega
from omega_jupyter.runtime.model import OmegaModelProxy
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.verbs.table import VERBS

X, y = load_iris(return_X_y=True, as_frame=True)
WEIGHTS = pd.Series(np.linspace(1, 2, len(y)), name="w")
GROUPS = pd.Series(np.arange(len(y)) % 5, name="g")
LOGISTIC = LogisticRegression(max_iter=500)
SGD = SGDClassifier(random_state=0, loss="log_loss")
CLUSTERS = KMeans(3, n_init=1, random_state=0)
CV = GroupKFold(5)
GRID = {"C": [0.1, 1.0]}


@dataclass(frozen=True)
class Case:
    """One verb: what is stored, how it is called remotely, and what that gives at home."""

    verb: str
    model: Any
    arguments: str
    home: Callable[[Any], Any]
    keywords: dict[str, Any]

    def __str__(self) -> str:
        return self.verb


def fitted(model: Any) -> Any:
    if isinstance(model, StandardScaler):
        return clone(model).fit(X)
    return clone(model).fit(X, y)


def case(
    verb: str, model: Any, arguments: str, home: Callable[[Any], Any], **keywords: Any
) -> Case:
    return Case(verb, model, arguments, home, keywords)


SCALER = fitted(StandardScaler())
MODEL = fitted(LOGISTIC)
CASES = [
    case("fit", LOGISTIC, "X y", lambda m: m.fit(X, y, sample_weight=WEIGHTS), sample_weight="w"),
    case(
        "partial_fit",
        SGD,
        "X y",
        lambda m: m.partial_fit(X, y, classes=[0, 1, 2], sample_weight=WEIGHTS),
        classes=[0, 1, 2],
        sample_weight="w",
    ),
    case("predict", MODEL, "X", lambda m: m.predict(X)),
    case("predict_proba", MODEL, "X", lambda m: m.predict_proba(X)),
    case("predict_log_proba", MODEL, "X", lambda m: m.predict_log_proba(X)),
    case("decision_function", MODEL, "X", lambda m: m.decision_function(X)),
    case("score", MODEL, "X y", lambda m: m.score(X, y, sample_weight=WEIGHTS), sample_weight="w"),
    case("transform", SCALER, "X", lambda m: m.transform(X)),
    case("inverse_transform", SCALER, "X", lambda m: m.inverse_transform(X)),
    case(
        "fit_transform",
        StandardScaler(),
        "X",
        lambda m: m.fit_transform(X, sample_weight=WEIGHTS),
        sample_weight="w",
    ),
    case(
        "fit_predict",
        CLUSTERS,
        "X",
        lambda m: m.fit_predict(X, sample_weight=WEIGHTS),
        sample_weight="w",
    ),
    case(
        "cross_validate",
        LOGISTIC,
        "X y",
        lambda m: cross_validate(m, X, y, groups=GROUPS, params={"sample_weight": WEIGHTS}, cv=CV),
        cv=CV,
        groups="g",
        sample_weight="w",
    ),
    case(
        "grid_search",
        LOGISTIC,
        "X y",
        lambda m: GridSearchCV(m, GRID, cv=4).fit(X, y, sample_weight=WEIGHTS),
        param_grid=GRID,
        cv=4,
        sample_weight="w",
    ),
]


@pytest.fixture
def stored(om: Omega) -> Omega:
    for name, data in {"X": X, "y": y, "w": WEIGHTS, "g": GROUPS}.items():
        om.datasets.put(data, name)
    return om


def state_of(model: Any) -> dict[str, Any]:
    """Return what a fit has left in a model."""
    found = {name: value for name, value in vars(model).items() if name.endswith("_")}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray | float)}


def same(om: Omega, remote: Any, home: Any) -> None:
    """To the last bit; times apart."""
    if isinstance(remote, Metadata):  # a fit, whose value is the new version
        remote = om.models.get(remote.ref)
        for name, value in state_of(home).items():
            np.testing.assert_array_equal(getattr(remote, name), value)
    elif hasattr(home, "cv_results_"):
        scores = home.cv_results_["mean_test_score"]
        np.testing.assert_array_equal(remote.cv_results_["mean_test_score"], scores)
        same(om, remote.model, home.best_estimator_)
    elif isinstance(home, dict):
        np.testing.assert_array_equal(remote["test_score"], home["test_score"])
    else:
        np.testing.assert_array_equal(remote, home)
        assert type(remote) is type(home)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_verb_gives_what_the_method_gives_at_home(stored: Omega, case: Case) -> None:
    stored.models.put(case.model, "m")
    method = getattr(stored.runtime.model("m"), case.verb)
    data = case.arguments.split()

    by_name = method(*data, **case.keywords).get(60)
    objects = [{"X": X, "y": y}[name] for name in data]
    of_first = "m@1"
    by_object = getattr(stored.runtime.model(of_first), case.verb)(*objects, **case.keywords)

    home = case.home(clone(case.model) if "fit" in case.verb else case.model)
    same(stored, by_name, home)
    same(stored, by_object.get(60), home)


def test_every_verb_is_a_method_a_task_and_a_verb_of_magic_and_command_line() -> None:
    verbs = {case.verb for case in CASES}
    methods = {name for name in dir(OmegaModelProxy) if not name.startswith("_")}
    table = {"grid_search" if verb.name == "search" else verb.name for verb in VERBS}

    assert methods - {"train"} == verbs
    assert verbs <= table
