"""A part of a search: some of its fits, done by a task of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime import fits as counts
from omega_jupyter.runtime.ledger import FINAL, Ledger
from omega_jupyter.runtime.outcome import Outcome
from omega_jupyter.runtime.parts import has_failed, keep
from omega_jupyter.runtime.staging import carried_by
from omega_jupyter.store.values import typed
from omega_jupyter.worker.cancellation import Stopped
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.search import Do, Enough, Search
from omega_jupyter.worker.spreading import fail_for_time, go_on

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.store.database.connection import Document
    from omega_jupyter.worker.call import Call
    from omega_jupyter.worker.model_task import ModelTask

__all__ = ["do_part"]

# Results are kept, and counted, so often; after a death each at once, to know which fit it was.
INTERVAL_SECONDS = 0.25


class FitDied(RuntimeError):
    """The process of a task has died under a fit, again and again."""


def do_part(task: ModelTask, arguments: dict[str, Any]) -> Outcome:
    """Do a part of the fits; who does the last one lets the search go on."""
    plan = arguments["params"]
    parent, url = plan["parent"], task.request.omega_credentials.result_backend
    search = patiently(lambda: Ledger(url).find(parent))
    if search is None or search["state"] in (*FINAL, "CANCELLING"):
        patiently(lambda: Ledger(url).cancel(task.request.id, 0.0))
        raise Stopped
    carried = patiently(lambda: carried_by(url, parent))
    call = task.call({**arguments, "params": plan["options"]}, carried)
    part = _Part(call, task.request.omega_attempt, plan)
    left = counts.seconds_left(search)
    if left is not None and left <= 0:
        fail_for_time(url, parent, search["time_limit"])
        raise Stopped
    with _in_time(url, search, left):
        Search(call, plan["verb"], parent).run(part.take, lambda _: None)
    after = patiently(part.count)
    if after is not None and counts.are_done(after):
        go_on(task, parent)
    return call.output(len(range(*plan["numbers"])))


class _Part:
    """The fits of one part, and which of them are done."""

    def __init__(self, call: Call, attempt: Any, plan: Document) -> None:
        self._call = call
        self._attempt = attempt
        self._plan = plan
        self._numbers = range(*plan["numbers"])
        self._kept: int = attempt.record["fitted"]
        self._new: list[Any] = []
        self._told = time.monotonic()

    def take(self, fits: Iterable[Any], do: Do) -> list[Any]:
        """Do those fits that are this part's, and not done yet."""
        left = self._numbers[self._kept :]
        for number, fit in enumerate(fits):
            if number >= left.stop:
                break
            if number not in left:
                continue
            failed = number == left.start and has_failed(self._attempt.record)
            why = self._attempt.record["why"]["message"] if failed else ""
            self._new.append(do(_failing(fit, why) if failed else fit))
            self._call.checkpoint()
            if self._attempt.number > 1 or time.monotonic() > self._told + INTERVAL_SECONDS:
                self._keep()
        self._keep()
        raise Enough

    def count(self) -> Document | None:
        """Count what is kept; return the search's record."""
        plan = self._plan
        last = self._kept == len(self._numbers)
        return counts.count(self._attempt.url, plan["parent"], plan["part"], self._kept, last=last)

    def _keep(self) -> None:
        if not self._new:
            return
        attempt, before = self._attempt, self._kept
        after, scores = before + len(self._new), typed.dumps(self._new)
        mine = patiently(
            partial(keep, attempt.url, attempt.task_id, attempt.number, before, after, scores)
        )
        if not mine:
            raise Stopped
        self._kept, self._new, self._told = after, [], time.monotonic()
        if after < len(self._numbers):
            patiently(self.count)


def _failing(fit: Any, why: str) -> Any:
    """Return a fit that was handed to joblib as one that fails, as scikit-learn sees it."""
    function, args, kwargs = fit

    def failing(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise FitDied(why)

        estimator.fit = fail
        return function(estimator, *args, **kwargs)

    return failing, args, kwargs


@contextmanager
def _in_time(url: SecretUrl, search: Document, left: float | None) -> Iterator[None]:
    """End the search when its time is over, and with it this part."""
    if left is None:
        yield
        return

    def end() -> None:
        fail_for_time(url, str(search["_id"]), search["time_limit"])

    timer = threading.Timer(left, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
