"""A booster whose numbers point outside of it is refused, where its library would crash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import Booster as LightGBMBooster
from lightgbm import LGBMClassifier
from sklearn.datasets import load_iris
from xgboost import Booster, XGBClassifier

from omega_jupyter.errors import Invalid
from omega_jupyter.store.boosters import ubjson
from omega_jupyter.store.codecs.codec import codec_of_kind
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import InlineSource

X, y = load_iris(return_X_y=True, as_frame=True)
X.columns = list("abcd")
DATA = X.assign(e=pd.Categorical(np.array(list("xyz"))[(y + 1) % 3]))
FAR = 100_000_000


@pytest.fixture(scope="module")
def xgboost_model() -> Booster:
    model = XGBClassifier(n_estimators=3, max_depth=3, enable_categorical=True, max_cat_to_onehot=1)
    return model.fit(DATA, y).get_booster()


@pytest.fixture(scope="module")
def lightgbm_model() -> LightGBMBooster:
    return LGBMClassifier(n_estimators=3, verbose=-1, linear_tree=False).fit(DATA, y).booster_


def decoded_xgboost(model: bytes, config: bytes) -> Any:
    data = model + config
    body = {"size": len(data), "model": len(model), "sha256": hashlib.sha256(data).hexdigest()}
    return codec_of_kind("xgboost").decode(InlineSource([{"0.0": data}]), body, Part(), "m@1")


def decoded_lightgbm(text: str) -> Any:
    data = text.encode()
    state = '{"best_score":{},"params":{}}'
    body = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "state": state}
    return codec_of_kind("lightgbm").decode(InlineSource([{"0.0": data}]), body, Part(), "m@1")


def trees(learner: Any) -> Any:
    return learner["gradient_booster"]["model"]["trees"]


def first_with_categories(learner: Any) -> Any:
    return next(tree for tree in trees(learner) if tree["categories_nodes"])


def change(place: Any, key: Any, value: Any) -> None:
    place[key] = value


XGBOOST: dict[str, Callable[[Any], None]] = {
    "child": lambda m: change(trees(m)[0]["left_children"], 0, FAR),
    "both children": lambda m: [
        change(trees(m)[0]["left_children"], 0, FAR),
        change(trees(m)[0]["right_children"], 0, FAR + 1),
    ],  # type: ignore[dict-item, return-value]
    "circle": lambda m: change(trees(m)[0]["left_children"], 0, 0),
    "feature": lambda m: change(trees(m)[0]["split_indices"], 0, FAR),
    "class": lambda m: change(m["gradient_booster"]["model"]["tree_info"], 0, FAR),
    "categories' end": lambda m: change(first_with_categories(m)["categories_sizes"], 0, FAR),
    "categories' node": lambda m: change(first_with_categories(m)["categories_nodes"], 0, FAR),
    "category": lambda m: change(first_with_categories(m)["categories"], 0, 1 << 30),
    "rounds": lambda m: change(m["gradient_booster"]["model"]["iteration_indptr"], -1, 99),
    "classes": lambda m: change(m["learner_model_param"], "num_class", "1000"),
    "features": lambda m: change(m["learner_model_param"], "num_feature", "1"),
    "nodes": lambda m: change(trees(m)[0]["tree_param"], "num_nodes", "1"),
    "booster": lambda m: change(m["gradient_booster"], "name", "gblinear"),
}


def as_ubjson(value: Any) -> bytes:
    """Write plain values as UBJSON."""
    if isinstance(value, dict):
        inner = b"".join(as_ubjson(k)[1:] + as_ubjson(v) for k, v in value.items())
        return b"{" + inner + b"}"
    if isinstance(value, list):
        return b"[" + b"".join(map(as_ubjson, value)) + b"]"
    if isinstance(value, str):
        return b"SL" + len(value.encode()).to_bytes(8, "big") + value.encode()
    if isinstance(value, int):
        return b"L" + value.to_bytes(8, "big", signed=True)
    return b"D" + np.array(value, ">f8").tobytes()


@pytest.mark.parametrize("name", XGBOOST)
def test_xgboost_model_that_points_outside_of_itself_is_refused(
    name: str, xgboost_model: Booster
) -> None:
    model = json.loads(xgboost_model.save_raw("json"))
    XGBOOST[name](model["learner"])

    with pytest.raises(Invalid, match="m@1 holds a damaged tree"):
        decoded_xgboost(as_ubjson(model), xgboost_model.save_config().encode())


def test_xgboost_model_of_another_writer_is_read_as_before(xgboost_model: Booster) -> None:
    model = as_ubjson(json.loads(xgboost_model.save_raw("json")))
    stored = bytes(xgboost_model.save_raw("ubj"))

    for data in (model, stored):
        found = decoded_xgboost(data, xgboost_model.save_config().encode())
        assert found.save_raw("json") == xgboost_model.save_raw("json")


def test_configuration_of_another_model_is_refused(xgboost_model: Booster) -> None:
    config = json.loads(xgboost_model.save_config())
    config["learner"]["objective"]["softmax_multiclass_param"]["num_class"] = "1000"

    with pytest.raises(Invalid, match="damaged tree"):
        decoded_xgboost(bytes(xgboost_model.save_raw("ubj")), json.dumps(config).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[$dL", b"SL\xff", b"[#L" + b"\x7f" * 8, b"?", b"[" * 100_000, b"{L\xff\xff"],
    ids=["nothing", "cut", "no count", "no text", "endless", "unknown", "deep", "no name"],
)
def test_what_is_no_ubjson_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no UBJSON"):
        ubjson.loads(data)


LIGHTGBM: dict[str, tuple[str, str]] = {
    "left child": (r"left_child=\S+", f"left_child={FAR}"),
    "right child": (r"right_child=\S+", f"right_child={FAR}"),
    "leaf": (r"left_child=\S+", f"left_child=-{FAR}"),
    "circle": (r"right_child=\S+", "right_child=0"),
    "feature": (r"split_feature=\S+", f"split_feature={FAR}"),
    "negative feature": (r"split_feature=\S+", "split_feature=-1"),
    "category": (r"(?<=num_cat=1\n)(.*\n.*\n)threshold=0", r"\1threshold=9"),
    "categories' end": (r"cat_boundaries=0 1", f"cat_boundaries=0 {FAR}"),
    "number of leaves": (r"num_leaves=\d+", f"num_leaves={FAR}"),
    "missing values": (r"leaf_value=\S+", "leaf_value="),
    "short counts": (r"leaf_count=\S+ ", "leaf_count="),
    "text for a number": (r"left_child=\S+", "left_child=x"),
    "features": (r"max_feature_idx=\d+", f"max_feature_idx={FAR}"),
    "classes": (r"(?m)^num_class=3", "num_class=1"),
    "classes of the objective": (r"num_class:3", "num_class:1000"),
    "trees in a round": (r"num_tree_per_iteration=3", "num_tree_per_iteration=2"),
    "no end": (r"end of trees", "trees"),
}


def resized(text: str) -> str:
    """Correct the sizes of the trees, as a careful intruder does."""
    parts = re.split(r"(?m)^(?=Tree=)", text.partition("end of trees")[0])[1:]
    return re.sub(r"tree_sizes=.*", f"tree_sizes={' '.join(str(len(p)) for p in parts)}", text)


@pytest.mark.parametrize("name", LIGHTGBM)
def test_lightgbm_model_that_points_outside_of_itself_is_refused(
    name: str, lightgbm_model: LightGBMBooster
) -> None:
    text = lightgbm_model.model_to_string()
    changed = re.sub(*LIGHTGBM[name], text, count=1)
    assert changed != text

    with pytest.raises(Invalid, match="m@1 holds a damaged tree"):
        decoded_lightgbm(resized(changed))


def test_sizes_of_lightgbms_trees_that_are_not_true_are_refused(
    lightgbm_model: LightGBMBooster,
) -> None:
    text = lightgbm_model.model_to_string()

    assert decoded_lightgbm(resized(text)).num_trees() == 9
    with pytest.raises(Invalid, match="damaged tree"):
        decoded_lightgbm(re.sub(r"tree_sizes=\d+", f"tree_sizes={FAR}", text))
