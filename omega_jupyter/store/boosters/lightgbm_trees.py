"""A look at a model of LightGBM before LightGBM gets it.

LightGBM follows the numbers of children, features and categories without
checking them, so that a crafted model could read and write memory that is not
its own.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["lightgbm_model_is_sound"]

_PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_PER_SPLIT_MORE = ("split_gain", "internal_value", "internal_weight", "internal_count")
_PER_LEAF = ("leaf_weight", "leaf_count", "leaf_const")
_CATEGORICAL = 1


def lightgbm_model_is_sound(text: str) -> bool:
    """Say whether all numbers of a model stay within it.

    Parameters
    ----------
    text : str
        What ``Booster.model_to_string()`` returned.
    """
    head, trees, end = _parts(text)
    try:
        return end and _head(head, trees) and all(_tree(_fields(tree), head) for tree in trees)
    except (ValueError, KeyError, IndexError):
        return False


def _parts(text: str) -> tuple[dict[str, str], list[str], bool]:
    """Return the fields of the head, the trees' texts, and whether they end as they should."""
    before, end, _ = text.partition("end of trees")
    head, *trees = re.split(r"(?m)^(?=Tree=)", before)
    return _fields(head), trees, bool(end)


def _fields(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines())


def _head(head: dict[str, str], trees: list[str]) -> bool:
    """Check what is said of all trees; LightGBM goes to each by the sizes of those before."""
    each, classes = int(head["num_tree_per_iteration"]), int(head["num_class"])
    named = re.search(r"\bnum_class:(\d+)", head.get("objective", ""))
    return (
        [len(tree.encode()) for tree in trees] == _whole(head.get("tree_sizes", "")).tolist()
        and each >= 1
        and len(trees) % each == 0
        and each in (1, classes)
        and (named is None or int(named[1]) == classes)
        and len(head["feature_names"].split()) == int(head["max_feature_idx"]) + 1
        and len(head["feature_infos"].split()) == int(head["max_feature_idx"]) + 1
    )


def _tree(tree: dict[str, str], head: dict[str, str]) -> bool:
    leaves, features = int(tree["num_leaves"]), int(head["max_feature_idx"]) + 1
    return (
        leaves >= 1
        and _count(tree["leaf_value"]) == leaves
        and all(_count(tree.get(name, "")) in (0, leaves) for name in _PER_LEAF)
        # A tree of one leaf has no splits: what is said of them is not read.
        and (leaves == 1 or (_splits(tree, leaves, features) and _categories(tree)))
        and _linear(tree, leaves, features)
    )


def _splits(tree: dict[str, str], leaves: int, features: int) -> bool:
    import numpy as np

    splits = leaves - 1
    if any(_count(tree[name]) != splits for name in _PER_SPLIT):
        return False
    if any(_count(tree.get(name, "")) not in (0, splits) for name in _PER_SPLIT_MORE):
        return False
    feature, *both = (_whole(tree[n]) for n in ("split_feature", "left_child", "right_child"))
    places = np.arange(splits)
    for children in both:
        # A child that splits comes after its parent, so that no path is endless.
        inside = np.where(children >= 0, children > places, ~children < leaves)
        if not (inside & (children < splits)).all():
            return False
    return bool(((feature >= 0) & (feature < features)).all())


def _categories(tree: dict[str, str]) -> bool:
    import numpy as np

    groups = int(tree.get("num_cat", "0"))
    split = (_whole(tree["decision_type"]) & _CATEGORICAL).astype(bool)
    wanted = np.array(tree["threshold"].split(), dtype=float)[split]
    if not ((wanted >= 0) & (wanted < groups)).all():
        return False
    if groups < 1:
        return groups == 0
    bounds = _whole(tree["cat_boundaries"])
    return bool(
        len(bounds) == groups + 1
        and bounds[0] == 0
        and (np.diff(bounds) >= 0).all()
        and bounds[-1] == _count(tree["cat_threshold"])
    )


def _linear(tree: dict[str, str], leaves: int, features: int) -> bool:
    """Check the linear models in the leaves."""
    if int(tree.get("is_linear", "0")) == 0:
        return True
    counts, used = _whole(tree["num_features"]), _whole(tree["leaf_features"])
    return bool(
        len(counts) == leaves == _count(tree["leaf_const"])
        and (counts >= 0).all()
        and counts.sum() == len(used) == _count(tree["leaf_coeff"])
        and ((used >= 0) & (used < features)).all()
    )


def _whole(text: str) -> Any:
    import numpy as np

    return np.array(text.split(), dtype=np.int64)


def _count(text: str) -> int:
    return len(text.split())
