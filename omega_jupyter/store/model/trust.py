"""Which types a stored model may hold: the loader's own list, never the file's.

skops reads a model without running anything of it, and names the types that it
does not know. A type is trusted here when it is part of the reader's own
installation of scikit-learn, numpy, scipy, XGBoost, LightGBM or imbalanced-learn
and of a sort that does nothing but hold a fitted state. Functions are trusted one
by one, since a model calls them: ``numpy`` alone has several that run code.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from omega_jupyter.errors import Untrusted

__all__ = ["check_trust", "is_trusted"]

# Plain types, and those of fitted states that are not estimators themselves.
_TYPES = frozenset(
    """
    builtins.bool builtins.bytearray builtins.bytes builtins.complex builtins.dict
    builtins.float builtins.frozenset builtins.int builtins.list builtins.range builtins.set
    builtins.slice builtins.str builtins.tuple
    collections.Counter collections.OrderedDict collections.defaultdict
    omega_jupyter.store.model.beside.Beside
    datetime.date datetime.datetime datetime.timedelta datetime.timezone zoneinfo.ZoneInfo
    numpy.dtype numpy.ndarray numpy.matrix numpy.ma.MaskedArray numpy.ma.core.MaskedArray
    numpy.random._generator.Generator numpy.random.Generator
    numpy.random.mtrand.RandomState numpy.random.RandomState
    scipy.interpolate._bsplines.BSpline
    sklearn.calibration._CalibratedClassifier sklearn.calibration._SigmoidCalibration
    sklearn.cluster._bisect_k_means._BisectingTree
    sklearn.covariance._graph_lasso._DictWithDeprecatedKeys
    sklearn.ensemble._hist_gradient_boosting.binning._BinMapper
    sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor
    sklearn.neighbors._ball_tree.BallTree sklearn.neighbors._ball_tree.BallTree32
    sklearn.neighbors._ball_tree.BallTree64
    sklearn.neighbors._kd_tree.KDTree sklearn.neighbors._kd_tree.KDTree32
    sklearn.neighbors._kd_tree.KDTree64
    sklearn.neural_network._stochastic_optimizers.AdamOptimizer
    sklearn.neural_network._stochastic_optimizers.SGDOptimizer
    sklearn.tree._tree.Tree
    sklearn.utils._bunch.Bunch
    xgboost.callback.EarlyStopping xgboost.callback.LearningRateScheduler
    """.split()  # noqa: SIM905 - a list of words is read more easily
)
# Modules of scikit-learn whose classes hold nothing but numbers and parameters. scipy.stats is
# not among them: its distributions make code of their state when they are loaded.
_MODULES = (
    "sklearn._loss",
    "sklearn.gaussian_process.kernels",
    "sklearn.linear_model._sgd_fast",
    "sklearn.metrics._dist_metrics",
    "sklearn.metrics._scorer",
    "sklearn.model_selection._split",
    "sklearn.utils._metadata_requests",
)
# Libraries whose estimators are trusted like scikit-learn's own.
_PACKAGES = ("sklearn", "numpy", "scipy", "xgboost", "lightgbm", "imblearn")
# Functions that estimators hold as parameters or attributes: ufuncs, these,
_FUNCTIONS = frozenset(
    """
    numpy.abs numpy.asarray numpy.clip numpy.max numpy.mean numpy.median numpy.min
    numpy.nan_to_num numpy.nanmean numpy.nanmedian numpy.ravel numpy.round numpy.squeeze
    numpy.std numpy.sum numpy.var
    scipy._lib.array_api_compat.numpy._aliases.asarray
    sklearn.cluster._kmeans._kmeans_single_elkan sklearn.cluster._kmeans._kmeans_single_lloyd
    """.split()  # noqa: SIM905
)
# and what these modules have in their public list.
_FUNCTION_MODULES = ("sklearn.feature_selection", "sklearn.metrics", "sklearn.metrics.pairwise")


def check_trust(what: str, types: Iterable[str], trusted: Sequence[str]) -> None:
    """Refuse a model that holds types that may not be loaded.

    Parameters
    ----------
    what : str
        The model, such as ``mymodel@3``.
    types : iterable of str
        What skops does not trust of itself, as ``module.Class``.
    trusted : sequence of str
        What the reader trusts beyond the list.

    Raises
    ------
    Untrusted
        With the types that neither trusts.
    """
    refused = [name for name in sorted(types) if name not in trusted and not is_trusted(name)]
    if refused:
        raise Untrusted(
            f"Model {what} holds types that are not trusted: {', '.join(refused)}",
            types=refused,
            hint=_hint(what, refused),
        )


def _hint(what: str, refused: list[str]) -> str:
    if any(name.startswith("__main__.") for name in refused):
        return (
            "what is defined in a notebook is known in that notebook alone: "
            "move it to a module, import it from there, and store the model again"
        )
    options = " ".join(f"--trust {name}" for name in refused)
    return (
        f"if you know who wrote it: om.models.get({what!r}, trusted={refused!r}), "
        f"or get {options}; workers need OMEGA_TRUSTED={','.join(refused)} where they are started"
    )


@functools.cache
def is_trusted(name: str) -> bool:
    """Say whether the loader's own list has a type.

    Parameters
    ----------
    name : str
        As ``module.Class``; looked up in this installation, where it must be
        what it is called.
    """
    if name in _TYPES or name in _FUNCTIONS:
        return True
    module, _, last = name.rpartition(".")
    package = module.partition(".")[0]
    if package not in _PACKAGES or ".tests" in module or "__" in module:
        return False
    found = _look_up(module, last)
    if found is None:
        return False
    if isinstance(found, type):
        return _is_state(found, module, last)
    return _is_function(found, module)


def _is_state(found: type, module: str, last: str) -> bool:
    if found.__name__ != last or found.__module__ != module:
        return False
    if module.partition(".")[0] not in ("numpy", "scipy"):
        from sklearn.base import BaseEstimator

        known = module.startswith(tuple(f"{m}." for m in _MODULES)) or module in _MODULES
        return known or issubclass(found, BaseEstimator)
    import numpy as np
    import scipy.sparse

    sparse = (scipy.sparse.spmatrix, scipy.sparse.sparray)
    return issubclass(found, (np.generic, np.dtype, np.random.BitGenerator, *sparse))


def _is_function(found: Any, module: str) -> bool:
    import numpy as np

    if isinstance(found, np.ufunc):
        return True
    for public in _FUNCTION_MODULES:
        if module == public or module.startswith(f"{public}."):
            names = getattr(import_module(public), "__all__", ())
            return any(getattr(import_module(public), n, None) is found for n in names)
    return False


def _look_up(module: str, name: str) -> Any:
    """Return what a name stands for; None where there is no such thing."""
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
