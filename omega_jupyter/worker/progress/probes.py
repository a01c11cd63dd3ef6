"""Estimators whose fit shows from outside how far it is.

The methods that fit are wrapped for the time of one fit, in this process alone, by
wrappers that pass everything through: what they note is that the fit has begun and
ended, and which estimator it is. How far it is is read from attributes that grow
while it runs. The estimator, its random numbers and its result stay as they are.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from omega_jupyter.worker.progress.meter import Meter, Part, Reading

__all__ = ["probing"]


class _Probe(NamedTuple):
    """How to follow one family of estimators.

    Attributes
    ----------
    module, owner, method : str
        The method that fits, where it is defined.
    total : callable
        Of the estimator, how many rounds it makes, or at most makes.
    done : callable, optional
        Of the estimator, how many it has made; None: trees that ended are counted.
    noun : str
        What a round is.
    exact : bool
        Whether it always makes all rounds.
    """

    module: str
    owner: str
    method: str
    total: Callable[[Any], int]
    done: Callable[[Any], int] | None
    noun: str
    exact: bool


def _stages(estimator: Any) -> int:
    """Count the stages of gradient boosting: the array is filled from its beginning."""
    stages = getattr(estimator, "estimators_", None)
    return 0 if stages is None or not len(stages) else sum(s is not None for s in stages[:, 0])


def _length(name: str) -> Callable[[Any], int]:
    return lambda estimator: len(getattr(estimator, name, None) or ())


def _parameter(name: str) -> Callable[[Any], int]:
    return lambda estimator: int(getattr(estimator, name))


_TREES = _parameter("n_estimators")
_ROUNDS = _parameter("max_iter")
_HGB = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
_MLP = "sklearn.neural_network._multilayer_perceptron"

_PROBES = (
    _Probe("sklearn.ensemble._forest", "BaseForest", "fit", _TREES, None, "tree", True),
    _Probe("sklearn.ensemble._bagging", "BaseBagging", "_fit", _TREES, None, "tree", True),
    _Probe("sklearn.ensemble._gb", "BaseGradientBoosting", "fit", _TREES, _stages, "stage", False),
    _Probe(
        "sklearn.ensemble._weight_boosting",
        "BaseWeightBoosting",
        "fit",
        _TREES,
        _length("estimators_"),
        "round",
        False,
    ),
    _Probe(
        _HGB, "BaseHistGradientBoosting", "fit", _ROUNDS, _length("_predictors"), "iteration", False
    ),
    _Probe(
        _MLP,
        "BaseMultilayerPerceptron",
        "_fit",
        _ROUNDS,
        _length("loss_curve_"),
        "iteration",
        False,
    ),
)
_TREE = ("sklearn.tree._classes", "BaseDecisionTree", "_fit")


@contextmanager
def probing(meter: Meter, checkpoint: Callable[[], None]) -> Iterator[None]:
    """Make a part of the meter of each fit that can be read from outside.

    Parameters
    ----------
    meter : Meter
    checkpoint : callable
        Called at every begin and end of a fit or tree; may raise to end it.
    """
    with ExitStack() as stack:
        for probe in _PROBES:
            stack.enter_context(
                _wrapped(
                    (probe.module, probe.owner, probe.method),
                    functools.partial(_followed_fit, meter, checkpoint, probe),
                )
            )
        stack.enter_context(_wrapped(_TREE, functools.partial(_counted_tree, meter, checkpoint)))
        yield


def _followed_fit(
    meter: Meter,
    checkpoint: Callable[[], None],
    probe: _Probe,
    fit: Callable[..., Any],
    estimator: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    checkpoint()
    around = meter.current()
    if around is None:
        return fit(estimator, *args, **kwargs)
    # An ensemble of ensembles counts its rounds by itself.
    counted = around.probe is not None
    part = Part(around, 0.0 if counted else 1.0)
    part.probe = functools.partial(_read, probe, estimator, part)
    meter.begin(part)
    try:
        return fit(estimator, *args, **kwargs)
    finally:
        meter.end(part)


def _counted_tree(
    meter: Meter,
    checkpoint: Callable[[], None],
    fit: Callable[..., Any],
    tree: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    done = fit(tree, *args, **kwargs)
    # A thread that joblib started works for the only ensemble that runs.
    meter.count(meter.current() or meter.newest())
    checkpoint()
    return done


def _read(probe: _Probe, estimator: Any, part: Part) -> Reading:
    total = probe.total(estimator)
    done = part.rounds if probe.done is None else probe.done(estimator)
    if done < 1 or total < 1:
        return Reading(None, "")
    at_most = "" if probe.exact else "at most "
    return Reading(min(done / total, 1.0), f"{probe.noun} {done} of {at_most}{total}")


@contextmanager
def _wrapped(where: tuple[str, str, str], around: Callable[..., Any]) -> Iterator[None]:
    """Wrap a method of a class for the time of the block.

    Nothing is imported for it, and a class that another version of scikit-learn
    does not have is passed over: its fits then show their time alone.
    """
    module, owner, method = where
    cls = getattr(sys.modules.get(module), owner, None)
    original = None if cls is None else vars(cls).get(method)
    if original is None:
        yield
        return

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(cls, method, wrapper)
    try:
        yield
    finally:
        setattr(cls, method, original)
