"""A parameter that a model has not is named before its search is sent."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from omega_jupyter.errors import Invalid
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.search_grid import check_grid

LOGISTIC = LogisticRegression()
PIPELINE = make_pipeline(StandardScaler(), LOGISTIC)
MANY = make_pipeline(*(StandardScaler() for _ in range(25)), LOGISTIC)
LIGHTGBM = LGBMClassifier()
COLUMNS = make_pipeline(ColumnTransformer([("s", LOGISTIC, [0])]))


@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (LOGISTIC, {"C": [1]}),
        (LOGISTIC, [{"C": [1]}, {"solver": ["sag"]}]),
        (PIPELINE, {"logisticregression__C": [1], "standardscaler": ["passthrough"]}),
        (VotingClassifier([("one", LOGISTIC)]), {"one__C": [1], "voting": ["soft"]}),
        (
            make_pipeline(ColumnTransformer([("s", LOGISTIC, [0])])),
            {"columntransformer__s__C": [1]},
        ),
        (OneVsRestClassifier(LOGISTIC), {"estimator__C": [1]}),
        (GridSearchCV(LOGISTIC, {"C": [1]}), {"C": [1], "anything": [2]}),
        (MANY, {"standardscaler-25__with_mean": [True]}),
        (LIGHTGBM, {"bagging_fraction": [0.5]}),
    ],
)
def test_what_a_model_may_have_is_tried(mongo_url: str, model: Any, grid: Any) -> None:
    om = Omega(mongo_url)
    om.models.put(model, "m")

    check_grid(grid, om.models.metadata("m"))


@pytest.mark.parametrize(
    ("model", "grid", "name", "hint"),
    [
        (LOGISTIC, {"C": [1], "max_itre": [5]}, "max_itre", "max_iter\\?"),
        (LOGISTIC, [{"C": [1]}, {"c": [1]}], "c", r"^C\? it has C, "),
        (PIPELINE, {"C": [1]}, "C", "logisticregression__C"),
        (LOGISTIC, {"cv": [3]}, "cv", "an option of the search: --cv"),
        (VotingClassifier([("one", LOGISTIC)]), {"two__C": [1]}, "two__C", "one"),
    ],
)
def test_what_it_has_not_is_refused(
    mongo_url: str, model: Any, grid: Any, name: str, hint: str
) -> None:
    om = Omega(mongo_url)
    om.models.put(model, "m")

    with pytest.raises(Invalid, match=f"m@1 has no parameter '{name}'") as caught:
        check_grid(grid, om.models.metadata("m"))
    assert re.search(hint, str(caught.value.hint))
