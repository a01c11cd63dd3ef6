"""What scikit-learn itself tells: its callbacks, from version 1.9 on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from omega_jupyter.worker.progress.meter import Meter, Part

__all__ = ["FitCallback"]

_SEARCH = "search"
_FIT_OF_SEARCH = "candidate-split-evaluation"
_REFIT = "refit-with-best-params"


class FitCallback:
    """Makes a part of each task that scikit-learn tells the begin and the end of.

    Source: https://scikit-learn.org/stable/modules/classes.html#module-sklearn.callback
    A subtask's share is one of its parent's ``max_subtasks``, all alike, but in a search:
    there the fits and the final refit count alike, where scikit-learn gives the refit one half.

    Parameters
    ----------
    meter : Meter
    checkpoint : callable
        Called at every task; may raise to end the fit.
    """

    max_propagation_depth = None

    def __init__(self, meter: Meter, checkpoint: Callable[[], None]) -> None:
        self._meter = meter
        self._checkpoint = checkpoint
        self._lock = threading.RLock()
        # By id; the contexts are kept with them, so that an id is not used twice.
        self._parts: dict[int, tuple[Any, Part]] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Begin a part."""
        self._checkpoint()
        part = self._part(context)
        if part is not self._meter.root:
            self._meter.begin(part)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """End the part."""
        part = self._part(context)
        if part is self._meter.root:
            part.done = 1.0
        else:
            self._meter.end(part)
        self._checkpoint()

    def _part(self, context: Any) -> Part:
        with self._lock:
            if context.parent is None:
                return self._meter.root
            if id(context) not in self._parts:
                part = Part(self._part(context.parent), _share(context), step=_step(context))
                self._parts[id(context)] = (context, part)
            return self._parts[id(context)][1]


def _share(context: Any) -> float:
    parent = context.parent
    if context.task_name == _SEARCH:
        return _of_search(context, parent)
    if _name(context) == _REFIT:
        search = next((task for task in parent if task.task_name == _SEARCH), None)
        return 0.5 if search is None else 1 - _of_search(search, parent)
    return 1 / parent.max_subtasks if parent.max_subtasks else 0.0


def _of_search(search: Any, whole: Any) -> float:
    """Return the share of all fits of a search; the refit is one fit more."""
    if not search.max_subtasks or whole.max_subtasks != 2:
        return 1 / (whole.max_subtasks or 1)
    return float(search.max_subtasks / (search.max_subtasks + 1))


def _name(context: Any) -> str:
    # A sub-estimator's own task stands for the task of the estimator around it.
    return str(context.source_task_name or context.task_name)


def _step(context: Any) -> str:
    """Name a task: a fit of a search, a step of a pipeline, an iteration."""
    name = _name(context)
    if name == _FIT_OF_SEARCH:
        return f"fit {context.task_id + 1} of {context.parent.max_subtasks}"
    if name == _REFIT:
        return "refit with the best parameters"
    if context.parent.task_name == "fit" and name.startswith("fit-"):
        return f"step {context.task_id + 1} of {context.parent.max_subtasks}"
    if name == _SEARCH:
        return ""
    return f"{name} {context.task_id + 1} of at most {context.parent.max_subtasks}"
