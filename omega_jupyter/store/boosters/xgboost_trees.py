"""A look at a model of XGBoost before XGBoost gets it.

XGBoost follows the numbers of children, features and classes without checking
them, so that a crafted model could read and write memory that is not its own.
"""

from __future__ import annotations

import json
from typing import Any

from omega_jupyter.store.boosters import ubjson

__all__ = ["xgboost_model_is_sound"]

_MAX_CATEGORY = 1 << 24
_PER_NODE = ("left_children", "right_children", "split_indices", "split_conditions")


def xgboost_model_is_sound(model: bytes | bytearray, config: str) -> bool:
    """Say whether all numbers of a model stay within it.

    Parameters
    ----------
    model : bytes-like
        What ``Booster.save_raw("ubj")`` returned.
    config : str
        What ``Booster.save_config()`` returned.
    """
    try:
        learner = ubjson.loads(model)["learner"]
        configured = json.loads(config)["learner"]
        return _agree(learner, configured) and _learner(learner)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return False


def _agree(learner: Any, configured: Any) -> bool:
    return bool(
        learner["objective"] == configured["objective"]
        and learner["gradient_booster"]["name"] == configured["gradient_booster"]["name"]
    )


def _learner(learner: Any) -> bool:
    shape = {
        name: int(learner["learner_model_param"][name]) for name in ("num_feature", "num_class")
    }
    shape["num_target"] = int(learner["learner_model_param"].get("num_target", 1))
    classes = learner["objective"].get("softmax_multiclass_param", {}).get("num_class")
    if classes is not None and int(classes) != shape["num_class"]:
        return False
    outputs = max(1, shape["num_class"], shape["num_target"])
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        return len(booster["model"]["weights"]) == (shape["num_feature"] + 1) * outputs
    if booster["name"] == "dart":
        trees = booster["gbtree"]["model"]
        return len(booster["weight_drop"]) == len(trees["trees"]) and _trees(trees, shape, outputs)
    return booster["name"] == "gbtree" and _trees(booster["model"], shape, outputs)


def _trees(model: Any, shape: dict[str, int], outputs: int) -> bool:
    import numpy as np

    info = np.asarray(model["tree_info"])
    count = len(model["trees"])
    if len(info) != count or ((info < 0) | (info >= outputs)).any():
        return False
    rounds = model.get("iteration_indptr")
    if rounds is not None and not _segments(rounds, count):
        return False
    categories = model.get("cats")
    if categories is not None and not _categories(categories, shape["num_feature"]):
        return False
    return all(_tree(tree, shape["num_feature"], outputs) for tree in model["trees"])


def _tree(tree: Any, features: int, outputs: int) -> bool:
    import numpy as np

    nodes, width = (int(tree["tree_param"][name]) for name in ("num_nodes", "size_leaf_vector"))
    left, right, feature, _ = arrays = [np.asarray(tree[name]) for name in _PER_NODE]
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]])
    sound = (
        nodes > 0
        and all(len(array) == nodes for array in (*arrays, tree["default_left"]))
        # Each node has one parent, the root none: no path is endless.
        and ((children > 0) & (children < nodes)).all()
        and len(np.unique(children)) == len(children)
        # XGBoost takes this for granted.
        and (right[inner] == left[inner] + 1).all()
        and ((feature[inner] >= 0) & (feature[inner] < features)).all()
        and _splits(tree, nodes)
    )
    if not sound or width <= 1:
        return bool(sound)
    weights = tree.get("leaf_weights")
    if width > outputs or weights is None:
        return bool(width <= outputs and len(tree["base_weights"]) == nodes * width)
    leaves = right[~inner]
    return bool(((leaves >= 0) & ((leaves + 1) * width <= len(weights))).all())


def _splits(tree: Any, nodes: int) -> bool:
    """Check the categories that a tree's nodes split by."""
    import numpy as np

    if "split_type" not in tree:
        return True
    names = ("categories_nodes", "categories_segments", "categories_sizes", "categories")
    at, starts, sizes, values = (np.asarray(tree[name], dtype=np.int64) for name in names)
    return bool(
        len(tree["split_type"]) == nodes
        and len(at) == len(starts) == len(sizes)
        and ((at >= 0) & (at < nodes)).all()
        and ((starts >= 0) & (sizes >= 0) & (starts + sizes <= len(values))).all()
        and ((values >= 0) & (values < _MAX_CATEGORY)).all()
    )


def _categories(model: Any, features: int) -> bool:
    """Check the categories of the data that the model was fitted on."""
    import numpy as np

    encoded = model["enc"]
    segments, order = model["feature_segments"], np.asarray(model["sorted_idx"])
    if not len(encoded) and not len(order):
        return True
    for one in encoded:
        if (
            "offsets" in one
            and len(one["offsets"])
            and not _segments(one["offsets"], len(one["values"]))
        ):
            return False
    return bool(
        len(encoded) == features
        and len(segments) == features + 1
        and _segments(segments, len(order))
        and ((order >= 0) & (order < len(order))).all()
    )


def _segments(bounds: Any, end: int) -> bool:
    import numpy as np

    bounds = np.asarray(bounds, dtype=np.int64)
    return bool(
        len(bounds) and bounds[0] == 0 and bounds[-1] == end and (np.diff(bounds) >= 0).all()
    )
