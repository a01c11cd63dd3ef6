"""A look at loaded trees before they are used.

scikit-learn follows the child and feature numbers of a tree without checking
them, so that a crafted file could read memory that is not its own. This finds
every tree in a model and checks that its numbers stay within it.
"""

from __future__ import annotations

from typing import Any

from omega_jupyter.errors import Invalid

__all__ = ["check_trees", "unsound"]

_MAX_OBJECTS = 5_000_000


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
            continue
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
    while waiting and len(seen) < _MAX_OBJECTS:
        found = waiting.pop()
        if id(found) in seen:
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
        elif type(found).__module__.partition(".")[0] == "sklearn":
            yield found
        waiting += getattr(found, "__dict__", {}).values()


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
    return bool(((feature >= 0) & (feature < tree.n_features)).all())


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
