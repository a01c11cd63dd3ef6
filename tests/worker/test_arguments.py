"""Everything that a model's method takes can be sent to a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from omega_jupyter import Q
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.omega import Omega

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
WEIGHTS = pd.Series(np.random.default_rng(0).uniform(1, 2, len(y)), name="w")
TABLE = X.assign(target=y)
SCALED = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.datasets.put(WEIGHTS, "w")
    om.datasets.put(TABLE, "table")
    om.models.put(Ridge(), "ridge")
    return om


def test_predict_log_proba_equals_the_local_one(stored: Omega) -> None:
    stored.models.put(SCALED.fit(X, y), "m")

    remote = stored.runtime.model("m").predict_log_proba("X").get(60)

    np.testing.assert_array_equal(remote, SCALED.predict_log_proba(X))


def test_inverse_transform_equals_the_local_one(stored: Omega) -> None:
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X)
    stored.models.put(scaler, "s")

    remote = stored.runtime.model("s").inverse_transform(scaled).get(60)

    np.testing.assert_array_equal(remote, scaler.inverse_transform(scaled))


def test_fit_predict_publishes_and_returns_the_labels(stored: Omega) -> None:
    clusters = KMeans(2, random_state=0, n_init=1)
    stored.models.put(clusters, "k")

    labels = stored.runtime.model("k").fit_predict("X", result="labels").get(60)

    assert labels.ref == "labels@1"
    np.testing.assert_array_equal(stored.datasets.get("labels"), clone(clusters).fit_predict(X))
    assert stored.models.get("k@2").cluster_centers_.shape == (2, 30)


@pytest.mark.parametrize(
    "weights", ["w", WEIGHTS, WEIGHTS.to_numpy()], ids=["name", "series", "array"]
)
def test_weights_are_given_by_name_or_as_an_object(stored: Omega, weights: Any) -> None:
    home = Ridge().fit(X, y, sample_weight=WEIGHTS)

    task = stored.runtime.model("ridge").fit("X", "y", sample_weight=weights)
    fitted = task.get(60)

    np.testing.assert_array_equal(stored.models.get("ridge").coef_, home.coef_)
    assert set(fitted.inputs) == {"model", "X", "y", "sample_weight"}


def test_weights_of_a_step_of_a_pipeline_are_given_by_name(stored: Omega) -> None:
    home = clone(SCALED).fit(X, y, logisticregression__sample_weight=WEIGHTS)
    stored.models.put(SCALED, "m")

    stored.runtime.model("m").fit("X", "y", logisticregression__sample_weight="w").get(60)

    np.testing.assert_array_equal(stored.models.get("m")[-1].coef_, home[-1].coef_)


def test_weights_that_do_not_exist_or_do_not_fit_are_refused(stored: Omega) -> None:
    model = stored.runtime.model("ridge")

    with pytest.raises(NotFound, match="weights"):
        model.fit("X", "y", sample_weight="weights")
    with pytest.raises(Invalid, match="X and sample_weight differ in length: X@1 has 569"):
        model.fit("X", "y", sample_weight=WEIGHTS.head(3))

    assert stored.runtime.tasks() == []


def test_filtered_table_is_sent_as_its_condition(stored: Omega) -> None:
    where = Q(**{"mean radius__gte": 12}) & ~Q(**{"mean texture__in": [10.38, 17.77]})
    chosen = stored.datasets.getl("table", where)
    local = stored.datasets.get("table", where)
    columns = ["mean area", "mean radius"]

    task = stored.runtime.model("ridge").fit(chosen[columns], chosen["target"])
    task.get(60)

    assert task.record["arguments"]["X"] == task.record["arguments"]["y"] == "table@1"
    home = Ridge().fit(local[columns], local["target"])
    np.testing.assert_array_equal(stored.models.get("ridge").coef_, home.coef_)
    assert task.retry().get(60).ref == "ridge@3"


def test_filtered_table_of_another_database_is_sent_as_data(stored: Omega, mongod: str) -> None:
    other = Omega(f"{mongod}/other_of_the_tests")
    other.datasets.put(TABLE.head(50), "table")
    lazy = other.datasets.getl("table")

    model = stored.runtime.model("ridge")
    model.fit(lazy[["mean area"]], lazy["target"], sample_weight=lazy["mean area"]).get(60)

    few = TABLE.head(50)
    home = Ridge().fit(few[["mean area"]], few["target"], sample_weight=few["mean area"])
    np.testing.assert_array_equal(stored.models.get("ridge").coef_, home.coef_)
