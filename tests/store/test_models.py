"""Models predict the same afterwards, and nothing of an evil one is run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    linear_model,
    metrics,
    mixture,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn import (
    datasets as examples,
)
from sklearn.base import BaseEstimator, ClassifierMixin

from omega_jupyter.errors import Invalid, NotFound, Untrusted
from omega_jupyter.store.codecs.codec import Part
from omega_jupyter.store.codecs.estimator import EstimatorCodec
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.payload import InlineSource
from omega_jupyter.store.schema import chunks, versions
from omega_jupyter.store.trust import is_trusted

X, y = examples.load_iris(return_X_y=True)
FEW = model_selection.StratifiedKFold(3)


def _column_pipeline() -> Any:
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    columns = compose.ColumnTransformer(
        [("n", numbers, [0, 1]), ("k", preprocessing.OneHotEncoder(handle_unknown="ignore"), [2])]
    )
    return pipeline.make_pipeline(columns, linear_model.LogisticRegression())


ESTIMATORS: dict[str, Any] = {
    "logistic regression": linear_model.LogisticRegression(),
    "cross-validated": linear_model.LogisticRegressionCV(
        cv=3, Cs=2, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    ),
    "ridge": linear_model.Ridge(),
    "stochastic gradient": linear_model.SGDClassifier(random_state=0),
    "huber": linear_model.HuberRegressor(max_iter=500),
    "tree": tree.DecisionTreeClassifier(random_state=0),
    "regression tree": tree.DecisionTreeRegressor(random_state=0),
    "forest": ensemble.RandomForestClassifier(5, random_state=0),
    "extra trees": ensemble.ExtraTreesRegressor(5, random_state=0),
    "isolation forest": ensemble.IsolationForest(n_estimators=5, random_state=0),
    "gradient boosting": ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    "histogram boosting": ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "histogram boosting, poisson": ensemble.HistGradientBoostingRegressor(
        max_iter=5, loss="poisson"
    ),
    "bagging": ensemble.BaggingClassifier(n_estimators=3, random_state=0),
    "ada boost": ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
    "voting": ensemble.VotingClassifier(
        [("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier())], voting="soft"
    ),
    "stacking": ensemble.StackingClassifier([("a", naive_bayes.GaussianNB())], cv=3),
    "support vectors": svm.SVC(probability=False),
    "linear support vectors": svm.LinearSVC(),
    "neighbours": neighbors.KNeighborsClassifier(),
    "neighbours in a ball tree": neighbors.KNeighborsRegressor(algorithm="ball_tree"),
    "neighbours in a k-d tree": neighbors.KNeighborsClassifier(algorithm="kd_tree"),
    "k-means": cluster.KMeans(3, n_init=1, random_state=0),
    "mixture": mixture.GaussianMixture(2, random_state=0),
    "gaussian process": gaussian_process.GaussianProcessRegressor(
        gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel()
    ),
    "network": neural_network.MLPClassifier((5,), max_iter=2000, random_state=0),
    "isotonic": isotonic.IsotonicRegression(out_of_bounds="clip"),
    "dummy": dummy.DummyClassifier(),
    "one against the rest": multiclass.OneVsRestClassifier(svm.LinearSVC()),
    "calibrated": calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=3),
    "grid search": model_selection.GridSearchCV(
        linear_model.LogisticRegression(),
        {"C": [0.1, 1]},
        cv=FEW,
        scoring=metrics.make_scorer(metrics.f1_score, average="macro"),
    ),
    "random search": model_selection.RandomizedSearchCV(
        linear_model.Ridge(), {"alpha": [0.1, 1.0, 10.0]}, n_iter=2, cv=3, random_state=0
    ),
    "bisecting k-means": cluster.BisectingKMeans(2, random_state=0),
    "splines": pipeline.make_pipeline(preprocessing.SplineTransformer(), linear_model.Ridge()),
    "pipeline with columns": _column_pipeline(),
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


def test_text_pipeline_works_afterwards(models: ModelStore) -> None:
    texts, labels = ["one two", "two three", "three four"], [0, 1, 1]
    model = pipeline.make_pipeline(
        feature_extraction.text.TfidfVectorizer(), naive_bayes.MultinomialNB()
    ).fit(texts, labels)

    models.put(model, "m")

    assert models.get("m").predict_proba(texts).tolist() == model.predict_proba(texts).tolist()


def test_unfitted_model_can_be_fitted_afterwards(models: ModelStore) -> None:
    models.put(naive_bayes.GaussianNB(), "m")

    assert models.get("m").fit(X, y).score(X, y) > 0.9


def test_large_model_is_kept_in_chunks(models: ModelStore) -> None:
    model = linear_model.LogisticRegression()
    model.coef_ = np.random.default_rng(0).random((300, 10_000))

    metadata = models.put(model, "m")

    assert metadata.size > 20_000_000
    assert np.array_equal(models.get("m").coef_, model.coef_)


def test_metadata_tells_parameters_and_environment(models: ModelStore) -> None:
    model = svm.SVC(C=3, kernel="linear", class_weight={0: 1.5})

    metadata = models.put(model, "m", inputs={"X": "X@1"})

    assert metadata.type == "sklearn.svm.SVC"
    assert metadata.params is not None
    assert metadata.params["C"] == 3
    assert metadata.params["class_weight"] == "{0: 1.5}"
    assert metadata.environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"scikit-learn", "numpy"} <= set(metadata.environment)
    assert metadata.hash == metadata.hash.lower()
    assert len(metadata.hash) == 64


def test_score_is_added_once_for_a_task(models: ModelStore) -> None:
    metadata = models.put(svm.SVC(), "m")
    models.put(svm.SVC(), "m")

    models.add_score(metadata, {"task": "t1", "value": 0.5})
    models.add_score("m@1", {"task": "t1", "value": 0.7})
    models.add_score("m@1", {"task": "t2", "value": 0.9})

    assert [s["value"] for s in models.metadata("m@1").scores] == [0.5, 0.9]
    assert models.metadata("m").scores == []
    with pytest.raises(NotFound):
        models.add_score("m@9", {"value": 1})


@pytest.mark.parametrize("obj", [[1], svm.SVC, "m", None], ids=str)
def test_what_is_no_estimator_is_refused(obj: object, models: ModelStore) -> None:
    with pytest.raises(Invalid, match="is not a scikit-learn estimator"):
        models.put(obj, "m")


def test_model_among_the_data_sets_is_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match=r"is a model") as caught:
        datasets.put(svm.SVC(), "m")
    assert caught.value.hint is not None
    assert "om.models.put" in caught.value.hint


def test_model_that_skops_cannot_write_is_refused(models: ModelStore) -> None:
    with pytest.raises(Invalid, match="The Birch can't be stored"):
        models.put(cluster.Birch(n_clusters=2).fit(X), "m")


def test_columns_of_a_model_are_refused(models: ModelStore) -> None:
    models.put(svm.SVC(), "m")

    with pytest.raises(Invalid, match="no columns"):
        models.get("m[a]")


class Evil(ClassifierMixin, BaseEstimator):
    """Runs a command when it is unpickled, set up, or asked anything."""

    marker = ""

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(type(self).marker).touch()

    def fit(self, X: Any, y: Any = None) -> Evil:
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


def test_type_that_is_not_trusted_is_refused_and_nothing_is_run(
    models: ModelStore, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    Evil.marker = str(marker)
    name = f"{Evil.__module__}.Evil"
    models.put(Evil().fit(X), "m")

    with pytest.raises(Untrusted, match=r"Model m@1 holds types that are not trusted") as caught:
        models.get("m")

    assert caught.value.types == [name]
    assert caught.value.hint is not None
    assert "trusted=" in caught.value.hint
    assert not marker.exists()


def test_type_can_be_trusted_by_the_reader_and_by_the_operator(models: ModelStore) -> None:
    models.put(Honest(3), "m")
    name = f"{Honest.__module__}.Honest"

    with pytest.raises(Untrusted):
        models.get("m")
    assert models.get("m", trusted=[name]).value == 3
    assert ModelStore(models._url, trusted=[name]).get("m").value == 3


class Honest(BaseEstimator):
    def __init__(self, value: int = 1) -> None:
        self.value = value

    def fit(self, X: Any, y: Any = None) -> Honest:
        return self


@pytest.mark.parametrize(
    "function", [os.system, eval, exec, np.load, np.testing.assert_equal, print], ids=str
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
    models.put(Honest(3), "m")
    versions(models._url).update_one(
        {"name": "m"}, {"$set": {"body.trusted": [f"{Honest.__module__}.Honest"]}}
    )

    with pytest.raises(Untrusted):
        models.get("m")


def test_changed_content_is_detected(models: ModelStore) -> None:
    small = linear_model.LogisticRegression()
    large = linear_model.LogisticRegression()
    large.coef_ = np.zeros((100, 10_000))
    models.put(small, "small")
    models.put(large, "large")
    document = versions(models._url).find_one({"name": "small"}) or {}
    content = bytearray(document["segments"][0]["d"]["0.0"])
    content[100] ^= 1
    versions(models._url).update_one(
        {"name": "small"}, {"$set": {"segments.0.d": {"0.0": bytes(content)}}}
    )
    chunk = chunks(models._url).find_one({}) or {}
    changed = bytes([chunk["d"][0] ^ 1]) + chunk["d"][1:]
    chunks(models._url).update_one({"_id": chunk["_id"]}, {"$set": {"d": changed}})

    for name in ("small", "large"):
        with pytest.raises(Invalid, match=f"Model {name}@1 is damaged"):
            models.get(name)


def test_tree_that_points_outside_of_itself_is_refused() -> None:
    model = tree.DecisionTreeClassifier().fit(X, y)
    state = model.tree_.__getstate__()
    state["nodes"]["left_child"][0] = 10_000_000
    model.tree_.__setstate__(state)
    codec = EstimatorCodec()
    data = skops.io.dumps(model)

    with pytest.raises(Invalid, match="damaged tree"):
        _decode(codec, data)


def test_tree_that_never_ends_is_refused() -> None:
    model = tree.DecisionTreeClassifier().fit(X, y)
    state = model.tree_.__getstate__()
    state["nodes"]["left_child"][0] = 0
    model.tree_.__setstate__(state)

    with pytest.raises(Invalid, match="damaged tree"):
        _decode(EstimatorCodec(), skops.io.dumps(pipeline.make_pipeline(model)))


def _decode(codec: EstimatorCodec, data: bytes) -> Any:
    import hashlib

    body = {"size": len(data), "digest": hashlib.sha256(data).hexdigest()}
    source = InlineSource(
        [{f"{i}.0": data[i << 20 : (i + 1) << 20] for i in range(len(data) // (1 << 20) + 1)}]
    )
    return codec.decode(source, body, Part(), "m@1")
