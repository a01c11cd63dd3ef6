"""More of scikit-learn than the common models, and what no model may hold."""

from __future__ import annotations

import hashlib
import os
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn import (
    cluster,
    decomposition,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    isotonic,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.model.estimator import EstimatorCodec
from omega_jupyter.store.model.trust import is_trusted
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import InlineSource
from tests.store.forged import forge

X, y = load_iris(return_X_y=True)

ESTIMATORS: dict[str, Any] = {
    "cross-validated": linear_model.LogisticRegressionCV(
        cv=3, Cs=2, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    ),
    "ridge": linear_model.Ridge(),
    "huber": linear_model.HuberRegressor(max_iter=500),
    "regression tree": tree.DecisionTreeRegressor(random_state=0),
    "extra trees": ensemble.ExtraTreesRegressor(5, random_state=0),
    "histogram boosting, poisson": ensemble.HistGradientBoostingRegressor(
        max_iter=5, loss="poisson"
    ),
    "bagging": ensemble.BaggingClassifier(n_estimators=3, random_state=0),
    "ada boost": ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
    "voting": ensemble.VotingClassifier(
        [("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier())], voting="soft"
    ),
    "linear support vectors": svm.LinearSVC(),
    "neighbours in a ball tree": neighbors.KNeighborsRegressor(algorithm="ball_tree"),
    "mixture": mixture.GaussianMixture(2, random_state=0),
    "gaussian process": gaussian_process.GaussianProcessRegressor(
        gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel()
    ),
    "isotonic": isotonic.IsotonicRegression(out_of_bounds="clip"),
    "dummy": dummy.DummyClassifier(),
    "one against the rest": multiclass.OneVsRestClassifier(svm.LinearSVC()),
    "random search": model_selection.RandomizedSearchCV(
        linear_model.Ridge(), {"alpha": [0.1, 1.0, 10.0]}, n_iter=2, cv=3, random_state=0
    ),
    "bisecting k-means": cluster.BisectingKMeans(2, random_state=0),
    "splines": pipeline.make_pipeline(preprocessing.SplineTransformer(), linear_model.Ridge()),
    "functions": pipeline.make_pipeline(
        preprocessing.FunctionTransformer(np.log1p),
        feature_selection.SelectKBest(feature_selection.f_classif, k=2),
        linear_model.LogisticRegression(),
    ),
    "union": pipeline.make_pipeline(
        pipeline.make_union(decomposition.PCA(2), preprocessing.PolynomialFeatures()),
        naive_bayes.GaussianNB(),
    ),
    "random state": ensemble.RandomForestClassifier(3, random_state=np.random.RandomState(0)),
}


class Honest(BaseEstimator):
    """A type that nobody's list has."""

    def fit(self, X: Any, y: Any = None) -> Honest:
        return self


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_model_predicts_the_same_afterwards(name: str, shared_models: ModelStore) -> None:
    features = X[:, 0] if name == "isotonic" else X
    model = ESTIMATORS[name].fit(features, y)

    metadata = shared_models.put(model, "m")

    found = shared_models.get("m")
    assert type(found) is type(model)
    assert np.array_equal(found.predict(features), model.predict(features))
    if hasattr(model, "predict_proba"):
        assert np.array_equal(found.predict_proba(features), model.predict_proba(features))
    assert metadata.kind == "estimator"


def test_model_among_the_data_sets_is_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match=r"is a model") as caught:
        datasets.put(svm.SVC(), "m")
    assert caught.value.hint is not None
    assert "om.models.put" in caught.value.hint


def test_model_that_skops_cannot_write_is_refused(models: ModelStore) -> None:
    with pytest.raises(Invalid, match="The Birch can't be stored"):
        models.put(cluster.Birch(n_clusters=2).fit(X), "m")


@pytest.mark.parametrize(
    "function",
    [os.system, eval, exec, np.load, np.testing.assert_equal, print],
    ids=attrgetter("__name__"),
)
def test_function_that_runs_code_is_refused(function: Any, models: ModelStore) -> None:
    models.put(preprocessing.FunctionTransformer(function), "m")

    with pytest.raises(Untrusted):
        models.get("m")


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "builtins.getattr",
        "os.system",
        "posix.system",
        "subprocess.Popen",
        "numpy.load",
        "numpy.fromfile",
        "numpy.testing.runstring",
        "numpy.testing._private.utils.runstring",
        "numpy.ctypeslib.load_library",
        "numpy.f2py.compile",
        "numpy.lib.npyio.NpzFile",
        "scipy.io.loadmat",
        "scipy._lib._ccallback.LowLevelCallable",
        "sklearn.datasets.fetch_openml",
        "sklearn.datasets.load_files",
        "sklearn.externals.joblib.load",
        "sklearn.os.system",
        "sklearn.metrics.os.system",
        "sklearn.utils._testing.TempMemmap",
        "sklearn.tests.test_base.MyEstimator",
        "sklearn.nowhere.Nothing",
        "joblib.load",
        "scipy.stats._continuous_distns.uniform_gen",
        "scipy.stats._distn_infrastructure.rv_continuous_frozen",
        "sklearn.utils._bunch.Bunch.update",
        "functools.partial",
        "operator.attrgetter",
        "operator.methodcaller",
    ],
)
def test_loaders_own_list_leaves_out_what_runs_code(name: str) -> None:
    assert not is_trusted(name)


def test_trust_list_in_the_stored_document_means_nothing(models: ModelStore) -> None:
    models.put(Honest(), "m")
    forge(models, body_trusted=[f"{Honest.__module__}.Honest"])

    with pytest.raises(Untrusted):
        models.get("m")


def test_tree_that_never_ends_is_refused() -> None:
    model = tree.DecisionTreeClassifier().fit(X, y)
    state = model.tree_.__getstate__()
    state["nodes"]["left_child"][0] = 0
    model.tree_.__setstate__(state)

    with pytest.raises(Invalid, match="damaged tree"):
        _decode(EstimatorCodec(), skops.io.dumps(pipeline.make_pipeline(model)))


def _decode(codec: EstimatorCodec, data: bytes) -> Any:
    body = {
        "size": len(data),
        "file": len(data),
        "annex": 0,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return codec.decode(InlineSource([{"0.0": data}]), body, Part(), "m@1")
