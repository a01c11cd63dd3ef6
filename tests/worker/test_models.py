"""Workers run models of other libraries, and of the user's own where their operator trusts them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.cluster import Birch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from omega_jupyter.errors import Untrusted
from omega_jupyter.omega import Omega
from tests.processes import OperatorKeys, Worker, start_worker

X, y = load_iris(return_X_y=True, as_frame=True)
X.columns = [name.replace(" ", "_") for name in X.columns]

MODULE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Clipper(TransformerMixin, BaseEstimator):
    def __init__(self, low=0.0):
        self.low = low

    def fit(self, X, y=None):
        self.high_ = X.to_numpy().max(axis=0)
        return self

    def transform(self, X):
        return X.to_numpy().clip(self.low, self.high_)

class Forgetful(BaseEstimator):
    def fit(self, X, y=None):
        self.scratch_ = len(X)
        return self

    def __getstate__(self):
        return {**super().__getstate__(), "scratch_": None}

    def predict(self, X):
        return [self.scratch_]
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a module of the user's own, which this process and some workers have."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "our_clipping.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def trusting_broker(
    mongod: str, modules: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, OperatorKeys]]:
    """The broker and the public key of a worker that trusts that module, and joblib."""
    folder = tmp_path_factory.mktemp("trusting")
    keys = OperatorKeys(folder)
    broker_url = f"{mongod}/trusting_broker"
    process = start_worker(
        broker_url,
        folder,
        **keys.of_workers,
        OMEGA_TRUSTED="our_clipping.Clipper,our_clipping.Forgetful",
        OMEGA_ALLOW_JOBLIB="1",
        PYTHONPATH=":".join([str(modules), *filter(None, sys.path)]),
    )
    yield broker_url, keys
    process.terminate()
    process.wait(30)


@pytest.fixture
def trusting(mongo_url: str, trusting_broker: tuple[str, OperatorKeys]) -> Omega:
    broker_url, keys = trusting_broker
    return Omega(mongo_url, broker_url, **keys.of_clients, allow_joblib=True)


@pytest.mark.parametrize(
    "estimator",
    [
        XGBClassifier(n_estimators=5, random_state=0),
        LGBMClassifier(n_estimators=5, verbose=-1, random_state=0),
        make_pipeline(StandardScaler(), XGBRegressor(n_estimators=5, random_state=0)),
        GridSearchCV(
            LGBMClassifier(n_estimators=3, verbose=-1, random_state=0), {"num_leaves": [3, 7]}, cv=2
        ),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_model_of_another_library_is_fitted_and_predicts(om: Omega, estimator: Any) -> None:
    om.models.put(estimator, "m")

    metadata = om.runtime.model("m").fit(X, y).get(60)
    predicted = om.runtime.model("m").predict(X).get(60)

    home = clone(estimator).fit(X, y)
    assert metadata.ref == "m@2"
    assert {"xgboost", "lightgbm"} & set(metadata.environment)
    np.testing.assert_array_equal(predicted, home.predict(X))
    np.testing.assert_array_equal(om.models.get("m").predict(X), home.predict(X))


def test_type_that_the_worker_does_not_trust_is_named_to_who_sent_the_task(
    om: Omega, modules: Path
) -> None:
    our_clipping: Any = import_module("our_clipping")
    om.models.put(make_pipeline(our_clipping.Clipper(), LogisticRegression()), "m")

    with pytest.raises(Untrusted, match=r"m@1 holds types .* our_clipping\.Clipper") as caught:
        om.runtime.model("m").fit(X, y).get(60)

    assert caught.value.types == ["our_clipping.Clipper"]
    assert "OMEGA_TRUSTED=our_clipping.Clipper" in str(caught.value.hint)


def test_what_a_model_leaves_out_where_it_is_stored_is_not_there_after_a_fit(
    trusting: Omega, modules: Path
) -> None:
    our_clipping: Any = import_module("our_clipping")
    trusting.models.put(make_pipeline(our_clipping.Forgetful()), "m")

    for _ in range(4):
        trusting.runtime.model("m").fit(X).get(60)
        assert trusting.runtime.model("m").predict(X).get(60) == [None]


def test_type_that_the_worker_has_and_trusts_is_fitted(trusting: Omega, modules: Path) -> None:
    our_clipping: Any = import_module("our_clipping")
    model = make_pipeline(our_clipping.Clipper(1.0), LogisticRegression(max_iter=500))
    trusting.models.put(model, "m")

    trusting.runtime.model("m").fit(X, y).get(60)

    predicted = trusting.runtime.model("m").predict(X).get(60)
    np.testing.assert_array_equal(predicted, clone(model).fit(X, y).predict(X))


def test_joblib_is_off_on_a_worker_whatever_the_client_allows(om: Omega, worker: Worker) -> None:
    allowing = Omega(om.mongo_url, om.broker_url, **worker.keys.of_clients, allow_joblib=True)
    allowing.models.put(Birch(n_clusters=3), "m", format="joblib")

    with pytest.raises(Untrusted, match="m@1 is a joblib file") as caught:
        allowing.runtime.model("m").fit(X).get(60)

    assert "OMEGA_ALLOW_JOBLIB=1" in str(caught.value.hint)
    assert len(allowing.models.versions("m")) == 1


def test_joblib_model_stays_one_where_the_workers_operator_allows_it(trusting: Omega) -> None:
    trusting.models.put(Birch(n_clusters=3), "m", format="joblib")

    metadata = trusting.runtime.model("m").fit(X.to_numpy()).get(60)

    assert (metadata.ref, metadata.kind) == ("m@2", "joblib")
    home = Birch(n_clusters=3).fit(X.to_numpy())
    np.testing.assert_array_equal(trusting.models.get("m").labels_, home.labels_)
