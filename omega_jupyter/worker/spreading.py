"""The task of a search: it does its first fits, spreads the others, and ends it.

Where it spreads them it runs twice. In between no worker process waits: a single one
would wait for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore

from omega_jupyter.runtime import fits
from omega_jupyter.runtime.limits import exceeded, out_of_time
from omega_jupyter.runtime.outcome import Outcome
from omega_jupyter.runtime.parts import results
from omega_jupyter.runtime.search_end import end_search
from omega_jupyter.store.values import typed
from omega_jupyter.worker.head import Head
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.search import Search, found, is_search

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.worker.call import Call
    from omega_jupyter.worker.model_task import ModelTask

__all__ = ["go_on", "run_cross_validate", "run_fit", "run_grid_search"]


def run_fit(task: ModelTask, call: Call) -> Outcome:
    """Spread the fits of a stored search's fit, or publish it when they are done.

    Raises
    ------
    celery.exceptions.Ignore
        The fits are on their way: this task runs again after the last.
    """
    return call.fitted(call.publish(_finished(task, call, "fit")))


def run_grid_search(task: ModelTask, call: Call) -> Outcome:
    """Spread the fits of a search, or publish what they have found.

    Raises
    ------
    celery.exceptions.Ignore
        The fits are on their way: this task runs again after the last.
    """
    fitted = _finished(task, call, "grid_search")
    result = found(fitted)
    ref = None
    if fitted.refit:
        notes = {name: result[name] for name in ("best_score", "best_params")}
        whole = is_search(call.estimator())
        ref = call.publish(fitted if whole else fitted.best_estimator_, notes).ref
    where = call.output(result)
    return Outcome({"search": ref, **where.value}, where.inputs)


def run_cross_validate(task: ModelTask, call: Call) -> Outcome:
    """Spread the fits of a cross-validation, or return their scores.

    Raises
    ------
    celery.exceptions.Ignore
        The fits are on their way: this task runs again after the last.
    """
    return call.output(_finished(task, call, "cross_validate"))


def go_on(task: ModelTask, parent: str) -> None:
    """Let a search go on whose fits are all done: send its message again."""
    url = task.request.omega_credentials.result_backend
    record = patiently(lambda: fits.wake(url, parent))
    if record is None:
        return
    left = fits.seconds_left(record)
    if left is not None and left <= 0:
        fail_for_time(url, parent, record["time_limit"])
        return
    send = task.sender()
    patiently(lambda: send(record, fits.limit_left(record)))


def fail_for_time(url: SecretUrl, parent: str, limit: float) -> None:
    """End a search whose time is over."""
    error = {"error": exceeded(out_of_time(limit))}
    patiently(lambda: end_search(url, parent, "FAILURE", error))


def _finished(task: ModelTask, call: Call, verb: str) -> Any:
    """Return what scikit-learn makes of the fits, once they are all done."""
    attempt, url = task.request.omega_attempt, task.request.omega_credentials.result_backend
    search = Search(call, verb, attempt.task_id)
    head = Head(task, call)
    done = fits.are_done(attempt.record)
    patiently(lambda: fits.begin(url, attempt.task_id, attempt.number))

    def take(all_fits: Any, do: Any) -> list[Any]:
        if not done:
            own = head.take(all_fits, do)
            if own is not None:
                return own
        return _results(url, attempt.task_id)

    def report(progress: dict[str, Any]) -> None:
        of = head.of or attempt.record["fits"]["of"]
        fraction = (of + (progress["fraction"] or 0.0)) / (of + 1)
        step = ", ".join(filter(None, ["refit with the best parameters", progress["step"]]))
        call.report({"fraction": round(fraction, 4), "step": step})

    fitted = search.run(take, report)
    if fitted is None:
        raise Ignore
    return fitted


def _results(url: SecretUrl, parent: str) -> list[Any]:
    """Return the results of all fits, in their order."""
    own, of_parts = patiently(lambda: results(url, parent))
    ordered = [result for text in own for result in typed.loads(text)]
    by_part = {
        part: [result for text in texts for result in typed.loads(text)]
        for part, texts in of_parts.items()
    }
    parts, total = len(by_part), sum(map(len, by_part.values()))
    return ordered + [by_part[number % parts][number // parts] for number in range(total)]
