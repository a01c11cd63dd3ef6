"""A look at loaded trees before they are used.

scikit-learn follows the child and feature numbers of a tree without checking
them, so that a crafted file could read memory that is not its own. This finds
every tree in a model and checks that its numbers stay within it.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.model.kinds import SCALARS

__all__ = ["check_trees", "unsound"]


def check_trees(model: Any, what: str) -> None:
    """Refuse a model with a tree whose nodes point outside of it.

    Parameters
    ----------
    model : estimator
        Just loaded, not used yet.
    what : str
        The model, such as ``mymodel@3``.

    Raises
    ------
    Invalid
        A tree is not sound.
    """
    for found in _walk(model):
        name = type(found).__name__
        if name == "Tree":
            sound = _tree_is_sound(found)
        elif name == "TreePredictor":
            sound = _predictor_is_sound(found)
        elif name.startswith(("KDTree", "BallTree")):
            sound = _search_tree_is_sound(found)
        else:
            sound = not hasattr(found, "fit") or _fits_its_trees(found)
        if not sound:
            raise unsound(what)


def unsound(what: str) -> Invalid:
    """Make the error for a model with a tree that is not sound."""
    return Invalid(
        f"Model {what} holds a damaged tree: its nodes point outside of it",
        hint="store the model again from where it was trained",
    )


def _walk(model: Any) -> Any:
    """Yield every object of scikit-learn that the model holds."""
    import numpy as np

    seen: set[int] = set()
    waiting = [model]
    while waiting:
        found = waiting.pop()
        if type(found) in SCALARS or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, np.ndarray):
            if found.dtype == object:
                waiting += found.reshape(-1).tolist()
            continue
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list | tuple | set):
            waiting += found
        elif type(found).__module__.partition(".")[0] in ("sklearn", "imblearn"):
            yield found
        waiting += getattr(found, "__dict__", {}).values()


def _fits_its_trees(estimator: Any) -> bool:
    """Say whether an estimator checks data for as many columns as its trees ask for.

    It checks the data once, and hands it to its trees unchecked.
    """
    parts = getattr(estimator, "estimators_", None)
    found: list[Any] = [getattr(estimator, "tree_", None)]
    if parts is not None:
        rows = parts.flat if hasattr(parts, "flat") else parts
        found += [getattr(part, "tree_", None) for part in rows]
    wanted = [tree.n_features for tree in found if type(tree).__name__ == "Tree"]
    for predictors in getattr(estimator, "_predictors", None) or ():
        wanted += [int(each.nodes["feature_idx"].max()) + 1 for each in predictors]
    if not wanted:
        return True
    columns = getattr(estimator, "n_features_in_", None)
    return isinstance(columns, Integral) and int(max(wanted)) <= int(columns)


def _tree_is_sound(tree: Any) -> bool:
    count = tree.node_count
    left, right = tree.children_left, tree.children_right
    inner = left != -1
    if not len(left) or not (inner == (right != -1)).all():
        return len(left) == 0
    for children in (left[inner], right[inner]):
        # Children come after their parent, so that no path is endless.
        if ((children <= inner.nonzero()[0]) | (children >= count)).any():
            return False
    feature = tree.feature[inner]
    if not ((feature >= 0) & (feature < tree.n_features)).all():
        return False
    return _depth_is_at_most(tree.max_depth, left, right)


def _depth_is_at_most(depth: int, left: Any, right: Any) -> bool:
    """Say whether no path is longer; scikit-learn keeps room for so many nodes."""
    import numpy as np

    level = np.zeros(1, dtype=left.dtype)
    while depth >= 0 and len(level):
        level = np.unique(np.concatenate([left[level], right[level]]))
        level = level[level != -1]
        depth -= 1
    return not len(level)


def _predictor_is_sound(predictor: Any) -> bool:
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    places = inner.nonzero()[0]
    for side in ("left", "right"):
        children = nodes[side][inner].astype("i8")
        if ((children <= places) | (children >= len(nodes))).any():
            return False
    return bool((nodes["feature_idx"][inner] >= 0).all())


def _search_tree_is_sound(tree: Any) -> bool:
    data, places, nodes, bounds = (numpy_array(part) for part in tree.get_arrays())
    starts, stops = nodes["idx_start"], nodes["idx_end"]
    return bool(
        len(places) == len(data)
        and ((places >= 0) & (places < len(data))).all()
        and ((starts >= 0) & (starts <= stops) & (stops <= len(data))).all()
        and bounds.shape[1] == len(nodes)
    )


def numpy_array(part: Any) -> Any:
    """Return a memory view of scikit-learn as an array."""
    import numpy as np

    return np.asarray(part)
