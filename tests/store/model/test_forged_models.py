"""A model that an intruder wrote into the database runs nothing, and is refused in our words."""

from __future__ import annotations

import copy
import functools
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge

X, y = load_iris(return_X_y=True)


def skops_file(schema: Any) -> bytes:
    """Return a skops file with this description."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("schema.json", json.dumps(schema))
    return target.getvalue()


def test_function_behind_a_right_hash_is_refused(models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, skops.io.dumps(FunctionTransformer(os.system)))

    with pytest.raises(Untrusted) as caught:
        models.get("m")
    assert caught.value.types == ["posix.system"]


def test_call_behind_a_right_hash_is_refused_and_not_made(
    models: ModelStore, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    models.put(LogisticRegression(), "m")
    forge(models, skops.io.dumps(FunctionTransformer(functools.partial(os.mkdir, str(marker)))))

    with pytest.raises(Untrusted):
        models.get("m")
    assert not marker.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip file",
        b"",
        skops_file({}),
        skops_file([]),
        skops_file({"__class__": "LogisticRegression"}),
        skops_file({"__loader__": "NoSuchNode", "__module__": "os", "__class__": "system"}),
    ],
    ids=["text", "nothing", "no schema", "a list", "no loader", "unknown loader"],
)
def test_file_that_is_no_model_is_refused(data: bytes, models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, data)

    with pytest.raises((Invalid, Untrusted), match="m@1"):
        models.get("m")


FOREST = RandomForestClassifier(3, random_state=0).fit(X, y)


def test_tree_that_asks_for_more_columns_than_are_checked_is_refused(models: ModelStore) -> None:
    """The estimator checks the data, and its trees trust it."""
    for model in (copy.deepcopy(FOREST), copy.deepcopy(FOREST.estimators_[0])):
        model.n_features_in_ = 2
        models.put(model, "m")
        with pytest.raises(Invalid, match="damaged tree"):
            models.get("m")
        del model.n_features_in_
        models.put(model, "m")
        with pytest.raises(Invalid, match="damaged tree"):
            models.get("m")


def test_histogram_tree_that_asks_for_more_columns_is_refused(models: ModelStore) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    model._predictors[0][0].nodes["feature_idx"][0] = 1000
    models.put(model, "m")

    with pytest.raises(Invalid, match="damaged tree"):
        models.get("m")


def test_tree_that_is_deeper_than_it_says_is_refused(models: ModelStore) -> None:
    """scikit-learn keeps room for a path of the depth that the tree says."""
    model = copy.deepcopy(FOREST)
    state = model.estimators_[0].tree_.__getstate__()
    model.estimators_[0].tree_.__setstate__(state | {"max_depth": 1})
    models.put(model, "m")

    with pytest.raises(Invalid, match="damaged tree"):
        models.get("m")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"args":[4,', b'"args":[0,'),
        (b',[1],"C"],1]', b',[1],"C"],9]'),
        (b'"count":', b'"kount":'),
        (b'"depth":', b'"depth":"x'),
        (b"t{", b"?{"),
        (b"a[", b"a{"),
    ],
)
def test_annex_that_is_not_true_is_refused(old: bytes, new: bytes, models: ModelStore) -> None:
    models.put(DecisionTreeClassifier().fit(X, y), "m")
    stored = versions(models._url).find_one({"name": "m"})
    assert stored is not None
    data, file = stored["segments"][0]["d"]["0.0"], stored["body"]["file"]
    annex = data[file : file + stored["body"]["annex"]]
    assert old in annex
    # As many bytes as before, so that only this is wrong.
    changed = annex.replace(old, new, 1)[: len(annex)].ljust(len(annex))

    forge(
        models,
        data[:file] + changed + data[file + len(annex) :],
        body_file=file,
        body_annex=len(annex),
    )

    with pytest.raises(Invalid):
        models.get("m")
