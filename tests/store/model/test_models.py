"""Models predict as before, run nothing while they load, and say when they are damaged."""

from __future__ import annotations

import functools
import os
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from bson import Binary
from pymongo.collection import Collection
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound, Untrusted
from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.database.connection import Document, connect
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge

X, y = load_iris(return_X_y=True, as_frame=True)
MIXED = X.assign(species=np.array(["a", "b", None], dtype=object)[y])

MODELS = {
    "linear": LogisticRegression(max_iter=500),
    "regression": LinearRegression(),
    "pipeline": make_pipeline(StandardScaler(), SVC()),
    "forest": RandomForestClassifier(20, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "neighbours": KNeighborsClassifier(algorithm="kd_tree"),
    "ball tree": KNeighborsClassifier(algorithm="ball_tree"),
    "bayes": GaussianNB(),
    "network": MLPClassifier((5,), solver="lbfgs", max_iter=2000, random_state=0),
    "clusters": KMeans(3, n_init=1, random_state=0),
    "outliers": IsolationForest(n_estimators=10, random_state=0),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "process": GaussianProcessClassifier(),
    "sgd": SGDClassifier(random_state=0),
    "stacking": StackingClassifier(
        [("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))],
        final_estimator=LogisticRegression(),
        cv=2,
    ),
    "search": GridSearchCV(
        GaussianNB(),
        {"var_smoothing": [1e-9, 1e-3]},
        cv=StratifiedKFold(2),
        scoring=make_scorer(f1_score, average="macro"),
    ),
}


def collection(models: ModelStore, name: str) -> Collection[Document]:
    return connect(models._url)[name]


@pytest.mark.parametrize("name", MODELS)
def test_model_predicts_as_before(name: str, models: ModelStore) -> None:
    fitted = MODELS[name].fit(X, y)

    models.put(fitted, "m")
    loaded = models.get("m")

    assert type(loaded) is type(fitted)
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_transformers_of_columns_and_text_transform_as_before(models: ModelStore) -> None:
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(X.columns)),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["species"]),
        ]
    )
    fitted = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(MIXED, y)
    texts = TfidfVectorizer().fit(["one two", "two three"])
    logs = FunctionTransformer(np.log1p)

    for name, model in (("columns", fitted), ("texts", texts), ("logs", logs)):
        models.put(model, name)

    np.testing.assert_array_equal(models.get("columns").predict(MIXED), fitted.predict(MIXED))
    found = models.get("texts").transform(["three one"])
    assert (found != texts.transform(["three one"])).nnz == 0
    pd.testing.assert_frame_equal(models.get("logs").transform(X), logs.transform(X))


def test_model_that_is_not_fitted_keeps_its_parameters(models: ModelStore) -> None:
    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=0.1))

    models.put(model, "m")

    assert str(models.get("m").get_params()) == str(model.get_params())


def test_metadata_tells_type_parameters_and_environment(models: ModelStore) -> None:
    metadata = models.put(
        LogisticRegression(C=0.5, class_weight={0: 1.0}), "m", inputs={"X": "X@1"}
    )

    assert metadata == models.metadata("m")
    assert metadata.kind == "estimator"
    assert metadata.type == "sklearn.linear_model.LogisticRegression"
    assert metadata.params is not None
    assert metadata.params["C"] == 0.5
    assert metadata.params["class_weight"] == "{0: 1.0}"
    assert metadata.environment["python"] == platform.python_version()
    assert metadata.environment["scikit-learn"] == sklearn.__version__
    assert metadata.environment["numpy"] == np.__version__
    assert metadata.inputs == {"X": "X@1"}


def test_large_model_is_cut_into_chunks(models: ModelStore) -> None:
    fitted = LinearRegression()
    fitted.coef_ = np.random.default_rng(0).random(1_000_000)
    fitted.intercept_ = 0.0

    metadata = models.put(fitted, "m")

    assert metadata.size > 8_000_000
    assert collection(models, "omega_chunks").count_documents({}) > 1
    np.testing.assert_array_equal(models.get("m").coef_, fitted.coef_)


class Evil(BaseEstimator):
    """Runs something when it is unpickled."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def fit(self, X: Any, y: Any = None) -> Evil:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["path"]).mkdir()


def test_models_that_would_run_something_are_refused_and_run_nothing(
    models: ModelStore, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    evil = {
        "function": FunctionTransformer(os.system),
        "builtin": FunctionTransformer(eval),
        "numpy": FunctionTransformer(np.load),
        "nested": make_pipeline(StandardScaler(), FunctionTransformer(exec)),
        "partial": FunctionTransformer(functools.partial(os.mkdir, str(trace))),
        "object": Evil(str(trace)),
    }
    refused = {}
    for name, model in evil.items():
        try:
            models.put(model, name)
        except Invalid:
            # Refused even earlier: skops can't write it.
            continue
        with pytest.raises(Untrusted) as caught:
            models.get(name)
        refused[name] = caught.value

    assert set(refused) >= {"function", "numpy", "nested"}
    assert refused["function"].types == ["posix.system"]
    assert "posix.system" in refused["function"].message
    assert "trusted=" in (refused["function"].hint or "")
    assert not trace.exists()


def test_forged_model_is_refused_whatever_its_metadata_say(
    models: ModelStore, tmp_path: Path
) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, skops.io.dumps(FunctionTransformer(os.system)))

    with pytest.raises(Untrusted):
        models.get("m")


def test_content_that_is_no_model_is_refused_in_our_words(models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, b"not a zip file")

    with pytest.raises(Invalid, match="m@1"):
        models.get("m")


def test_tree_that_points_outside_of_itself_is_refused(models: ModelStore) -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    models.put(tree, "m")
    tree.tree_.children_left[0] = 10_000
    forge(models, skops.io.dumps(tree))

    with pytest.raises(Invalid, match="tree"):
        models.get("m")


class Mine(BaseEstimator):
    """A type that nobody's list has."""

    def fit(self, X: Any, y: Any = None) -> Mine:
        return self


def test_type_of_the_readers_own_needs_the_readers_trust(
    models: ModelStore, mongo_url: str
) -> None:
    models.put(Mine(), "m")
    name = f"{Mine.__module__}.Mine"

    with pytest.raises(Untrusted) as caught:
        models.get("m")
    assert caught.value.types == [name]
    assert isinstance(models.get("m", trusted=[name]), Mine)
    assert isinstance(ModelStore(SecretUrl(mongo_url), trusted=[name]).get("m"), Mine)


@pytest.mark.parametrize("trusted", ["mine.Mine", True, [3]])
def test_what_is_no_list_of_types_is_refused(trusted: Any, models: ModelStore) -> None:
    models.put(LinearRegression(), "m")

    with pytest.raises(Invalid, match=rf"(?s)trusted={re.escape(repr(trusted))} is .*trusted=\['"):
        models.get("m", trusted=trusted)


@pytest.mark.parametrize("size", [10, 100_000], ids=["inline", "chunks"])
def test_flipped_byte_is_found(size: int, models: ModelStore) -> None:
    fitted = LinearRegression()
    fitted.coef_ = np.random.default_rng(0).random(size)
    models.put(fitted, "m")
    chunk = collection(models, "omega_chunks").find_one()
    if chunk is not None:
        collection(models, "omega_chunks").update_one(
            {"_id": chunk["_id"]}, {"$set": {"d": flipped(chunk["d"])}}
        )
    else:
        [document] = collection(models, "omega_versions").find({"name": "m"})
        data = flipped(document["segments"][0]["d"]["0.0"])
        collection(models, "omega_versions").update_one(
            {"name": "m"},
            {"$set": {"segments": [{"d": {"0.0": data}, "h": of_inline({"0.0": data})}]}},
        )

    with pytest.raises(Invalid, match=r"m@1 is (no longer whole|damaged)"):
        models.get("m")


def flipped(data: bytes) -> Binary:
    middle = len(data) // 2
    return Binary(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def test_what_is_no_model_is_sent_to_the_data_sets(models: ModelStore) -> None:
    for obj in (X, {"a": 1}, LogisticRegression):
        with pytest.raises(Invalid):
            models.put(obj, "m")
    assert models.list() == []


def test_scores_are_noted_once_a_task(models: ModelStore) -> None:
    models.put(GaussianNB(), "m")
    models.put(GaussianNB(), "m")

    models.add_score("m@1", {"task": "t1", "score": 0.5})
    models.add_score("m@1", {"task": "t1", "score": 0.5})
    models.add_score(models.metadata("m@1"), {"task": "t2", "score": 0.75})

    assert [s["score"] for s in models.metadata("m@1").scores] == [0.5, 0.75]
    assert models.metadata("m").scores == []
    with pytest.raises(NotFound):
        models.add_score("m@7", {"score": 1.0})


def test_model_put_twice_by_a_task_is_one_version(models: ModelStore) -> None:
    first = models.put(GaussianNB(), "m", task="t")

    assert models.put(GaussianNB(), "m", task="t") == first
    assert len(models.versions("m")) == 1
    with pytest.raises(Conflict):
        models.put(GaussianNB(), "m", if_exists="fail")


def test_model_has_no_columns(models: ModelStore) -> None:
    models.put(GaussianNB(), "m")

    with pytest.raises(Invalid, match="columns"):
        models.get("m[a]")
