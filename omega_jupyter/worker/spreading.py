"""The tasks of a search: one that spreads its fits, several that do them, one that ends it.

The first and the last are the same task, which runs twice. In between no worker process
waits: a single one would wait for itself.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore

from omega_jupyter.runtime import fits
from omega_jupyter.runtime.ledger import FINAL, Ledger
from omega_jupyter.runtime.outcome import Outcome
from omega_jupyter.worker.cancellation import Stopped
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.search import Search, found

if TYPE_CHECKING:
    from omega_jupyter.store.database.connection import Document
    from omega_jupyter.worker.call import Call
    from omega_jupyter.worker.tasks import ModelTask

__all__ = ["do_part", "run_cross_validate", "run_grid_search"]

# Enough for as many worker processes. Each part clones the estimators of all fits, some
# 50 µs each: more parts would cost more than they gain where fits are short.
MAX_PARTS = 32
INTERVAL_SECONDS = 0.25

_OF_A_CALL = ("model", "model_name", "queue", "user", "host", "notebook", "retention_days")


def run_grid_search(task: ModelTask, call: Call) -> Outcome:
    """Spread the fits of a search, or publish what they have found.

    Raises
    ------
    celery.exceptions.Ignore
        The fits are on their way: this task runs again after the last.
    """
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    fitted = _finished(task, call, Search(call, "grid_search"))
    result = found(fitted)
    ref = None
    if fitted.refit:
        is_search = type(call.estimator()) in (GridSearchCV, RandomizedSearchCV)
        notes = {name: result[name] for name in ("best_score", "best_params")}
        ref = call.publish(fitted if is_search else fitted.best_estimator_, notes).ref
    where = call.output(result)
    return Outcome({"search": ref, **where.value}, where.inputs)


def run_cross_validate(task: ModelTask, call: Call) -> Outcome:
    """Spread the fits of a cross-validation, or return their scores.

    Raises
    ------
    celery.exceptions.Ignore
        The fits are on their way: this task runs again after the last.
    """
    return call.output(_finished(task, call, Search(call, "cross_validate")))


def do_part(task: ModelTask, arguments: dict[str, Any]) -> Outcome:
    """Do a part of the fits; who does the last one lets the search go on."""
    part = arguments["params"]
    url = task.request.omega_credentials.result_backend
    parent, number = part["parent"], part["part"]
    record = patiently(lambda: Ledger(url).find(parent, ["state"]))
    if record is None or record["state"] in FINAL:
        patiently(lambda: Ledger(url).cancel(task.request.id, 0.0))
        raise Stopped
    call = task.call({**arguments, "params": part["options"]})
    told = 0.0

    def done(count: int) -> None:
        nonlocal told
        call.checkpoint()
        if time.monotonic() > told + INTERVAL_SECONDS:
            told = time.monotonic()
            # All of them count when their results are kept.
            fits.count(url, parent, number, min(count, part["size"] - 1))

    result = Search(call, part["verb"]).part(number, part["parts"], done)
    kept = (task.request.id, result)
    after = patiently(lambda: fits.count(url, parent, number, part["size"], kept))
    if after is not None and fits.are_done(after):
        _go_on(task, parent)
    return call.output(part["size"])


def _finished(task: ModelTask, call: Call, search: Search) -> Any:
    """Return what scikit-learn makes of the fits, once they are all done."""
    attempt, url = task.request.omega_attempt, task.request.omega_credentials.result_backend
    if not fits.are_done(attempt.record):
        _spread(task, search)
        raise Ignore
    of = attempt.record["fits"]["of"]
    parts = patiently(lambda: fits.results(url, attempt.task_id))

    def report(progress: dict[str, Any]) -> None:
        fraction = (of + progress["fraction"]) / (of + 1)
        step = ", ".join(filter(None, ["refit with the best parameters", progress["step"]]))
        call.report({"fraction": round(fraction, 4), "step": step})

    return search.finish([parts[number] for number in sorted(parts)], report)


def _spread(task: ModelTask, search: Search) -> None:
    attempt, url = task.request.omega_attempt, task.request.omega_credentials.result_backend
    of = search.count()
    if of == 0:
        search.finish([], lambda _: None)  # scikit-learn says why that won't do
    parts = min(of, MAX_PARTS)
    record = patiently(lambda: fits.spread(url, attempt.task_id, attempt.number, of))
    if record is None:
        raise Stopped
    ledger = Ledger(url)
    for part in range(parts):
        params = {
            "verb": record["verb"],
            "parent": attempt.task_id,
            "part": part,
            "parts": parts,
            "size": len(range(part, of, parts)),
            "options": record["arguments"]["params"],
        }
        child: Document = {name: record[name] for name in _OF_A_CALL if name in record}
        child |= {
            "_id": fits.part_id(attempt.task_id, part),
            "parent": attempt.task_id,
            "part": part,
            "verb": "fits",
            "arguments": {**record["arguments"], "params": params, "result": None},
        }
        patiently(partial(ledger.submit, child))
        task.send(child)
    if fits.are_done(record):
        # It spread them a second time, and they were done by then.
        _go_on(task, attempt.task_id)


def _go_on(task: ModelTask, parent: str) -> None:
    url = task.request.omega_credentials.result_backend
    record = patiently(lambda: fits.wake(url, parent))
    if record is not None:
        task.send(record)
