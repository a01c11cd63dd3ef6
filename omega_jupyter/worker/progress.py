"""How far a fit is: what scikit-learn tells by itself, or nothing but the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from omega_jupyter.worker.cancellation import Cancellation

__all__ = ["ProgressReporter", "followed"]

MIN_INTERVAL_SECONDS = 0.25

Report = Callable[[dict[str, Any]], None]


class ProgressReporter:
    """Passes progress on, at most four times a second and never backwards.

    Parameters
    ----------
    report : callable
        Takes ``{"fraction": float or None, "step": str}``.
    cancellation : Cancellation
        Noticed at each call, also at those that are not passed on.
    """

    def __init__(self, report: Report, cancellation: Cancellation) -> None:
        self._report = report
        self._cancellation = cancellation
        self._fraction = 0.0
        self._next = 0.0

    def __call__(self, fraction: float, step: str) -> None:
        """Report a fraction between 0 and 1, and what is being done.

        Raises
        ------
        Stopped
            The task was cancelled.
        """
        self._cancellation.check()
        now = time.monotonic()
        if fraction <= self._fraction or now < self._next:
            return
        self._fraction, self._next = fraction, now + MIN_INTERVAL_SECONDS
        self._report({"fraction": round(min(fraction, 1.0), 4), "step": step})


class _FitCallback:
    """A callback of scikit-learn's own protocol that adds up finished subtasks.

    Source: https://scikit-learn.org/stable/modules/classes.html#module-sklearn.callback
    (scikit-learn 1.9). The share of a subtask is one of its parent's
    ``max_subtasks``, all alike, but for a search: there its fits and the final
    refit count alike, where scikit-learn gives the refit one half.
    """

    max_propagation_depth = None

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter
        self._fits_of_search = 0

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is known yet."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """One subtask is done: tell its share of the whole."""
        fraction, node, step = 1.0, context, _step(context)
        while node.parent is not None:
            parent = node.parent
            if not parent.max_subtasks:
                return
            if parent.task_name == "search":
                self._fits_of_search = parent.max_subtasks
                step = f"fit {node.task_id + 1} of {parent.max_subtasks}"
            searches = parent.parent is None and self._fits_of_search
            if searches and node.task_name == "search":
                fraction *= searches / (searches + 1)
            elif searches:
                fraction = (searches + fraction) / (searches + 1)
                step = "refit with the best parameters"
            else:
                fraction = (node.task_id + fraction) / parent.max_subtasks
            node = parent
        self._reporter(fraction, step)


def _step(context: Any) -> str:
    within = context.parent
    if within is not None and within.task_name == "fit" and context.task_name != "fit":
        of = f"{context.task_id + 1} of at most {within.max_subtasks}"
        return f"{within.estimator_name}: {context.task_name} {of}"
    return str(context.estimator_name)


@contextmanager
def followed(estimator: Any, reporter: ProgressReporter) -> Iterator[None]:
    """Report the progress of a fit inside, where the estimator tells it.

    The estimator is left as it was: callbacks would be cloned and stored with it.
    """
    if not hasattr(estimator, "set_callbacks"):
        yield
        return
    estimator.set_callbacks(_FitCallback(reporter))
    try:
        yield
    finally:
        estimator.set_callbacks()
