"""Classes that are texts, in each form in which pandas and numpy hand over a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from omega_jupyter.omega import Omega

X, _ = load_iris(return_X_y=True, as_frame=True)
TEXTS = pd.Series(np.array(["setosa", "versicolor", "virginica"])[_], name="species")
MODEL = LogisticRegression(max_iter=500)

TARGETS: dict[str, Any] = {
    "series": TEXTS,
    "values": TEXTS.values,
    "category": TEXTS.astype("category"),
    "values of a category": TEXTS.astype("category").values,
    "objects": TEXTS.astype(object),
    "array of objects": TEXTS.astype(object).to_numpy(),
    "array": TEXTS.to_numpy(str),
    "list": TEXTS.tolist(),
    "nullable": TEXTS.astype("string"),
}


@pytest.mark.parametrize("form", TARGETS)
def test_labels_come_back_as_at_home(form: str, om: Omega) -> None:
    target = TARGETS[form]
    om.models.put(MODEL, "m")

    om.runtime.model("m").fit(X, target).get(60)
    remote = om.runtime.model("m").predict(X).get(60)

    local = clone(MODEL).fit(X, target).predict(X)
    assert remote.dtype == local.dtype
    np.testing.assert_array_equal(remote, local)
    assert om.runtime.model("m").score(X, target).get(60) == np.mean(local == TEXTS.to_numpy())


def test_labels_of_several_outputs_are_kept_under_a_name(om: Omega) -> None:
    targets = pd.DataFrame({"species": TEXTS, "petal": np.where(X.iloc[:, 2] > 4, "long", "short")})
    om.models.put(DecisionTreeClassifier(random_state=0), "m")
    om.runtime.model("m").fit(X, targets).get(60)

    om.runtime.model("m").predict(X, result="labels").get(60)

    np.testing.assert_array_equal(om.datasets.get("labels"), targets.to_numpy())
    np.testing.assert_array_equal(om.datasets.head("labels", 2), targets.to_numpy()[:2])
