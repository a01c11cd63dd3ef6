"""The first fits of a search, which its own task does, and the spreading of the others.

So a search of short fits costs no messages, and how long fits take is known before they
are spread: each part then has enough to do.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime import fits as counts
from omega_jupyter.runtime.fits import HEAD
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.parts import part_id
from omega_jupyter.store.values import typed
from omega_jupyter.worker.cancellation import Stopped
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.search import Do, Enough

if TYPE_CHECKING:
    from omega_jupyter.store.database.connection import Document
    from omega_jupyter.worker.call import Call
    from omega_jupyter.worker.model_task import ModelTask

__all__ = ["Head"]

# What takes less than this altogether is not worth spreading …
WORTH_SECONDS = 0.5
# … which is known after the first fits. A fit that takes longer than this is not waited for.
KNOWN_SECONDS, LONG_SECONDS = 0.1, 0.25
# Each part goes through all fits, some 10 µs each, and costs a record and a message.
PART_SECONDS, MAX_PARTS = 0.5, 128
REPORT_SECONDS = 0.25

_OF_A_CALL = ("model", "model_name", "queue", "user", "host", "notebook", "retention_days")


class Head:
    """The share of a search that its own task does.

    Parameters
    ----------
    task : ModelTask
    call : Call

    Attributes
    ----------
    of : int
        How many fits there are, once that is known.
    """

    def __init__(self, task: ModelTask, call: Call) -> None:
        self.of = 0
        self._call = call
        self._attempt = task.request.omega_attempt
        self._send = task.sender()
        self._lock = threading.Lock()
        self._first: int | None = None  # of those that others do, once they are spread
        self._done = 0
        self._began = self._fit_began = time.monotonic()
        self._told = 0.0

    def take(self, fits: Iterable[Any], do: Do) -> list[Any] | None:
        """Do the fits, or the first of them.

        Returns
        -------
        list or None
            The results of all; None where others did some, and all are done.

        Raises
        ------
        Enough
            Others do the rest.
        Stopped
            The search was cancelled, or is another worker's by now.
        """
        every = list(fits)
        self.of = len(every)
        results: list[Any] = []
        if self._attempt.number > 1:
            # It died under one of these fits, or its worker is gone: a part will find out.
            self._first = 0
            self._spread(0, min(MAX_PARTS, self.of))
            self._leave(None)
            return None
        self._began = self._fit_began = time.monotonic()
        with self._watched():
            while len(results) < self._end():
                results.append(do(every[len(results)]))
                self._call.checkpoint()
                self._note(len(results))
        if self._first is None:
            return results
        self._leave(typed.dumps(results))
        return None

    def _end(self) -> int:
        with self._lock:
            return self.of if self._first is None else self._first

    def _leave(self, scores: str | None) -> None:
        """Leave the rest to others, unless all is done."""
        attempt = self._attempt
        record = patiently(
            lambda: counts.leave(attempt.url, attempt.task_id, attempt.number, scores)
        )
        if record is None:
            raise Stopped
        if record["spread"]:
            raise Enough

    def _note(self, done: int) -> None:
        """Note the end of a fit, and spread those that are left, where that is worth it."""
        now = time.monotonic()
        with self._lock:
            self._done, self._fit_began = done, now
        passed = now - self._began
        left = passed / done * (self.of - done)
        if passed > KNOWN_SECONDS and left > WORTH_SECONDS:
            self._spread_from(done, math.ceil(left / PART_SECONDS))
        if self._first is None and now > self._told + REPORT_SECONDS:
            self._told = now
            fraction = round(done / (self.of + 1), 4)
            self._call.report({"fraction": fraction, "step": f"fit {done} of {self.of}"})

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Spread the other fits also while one takes long.

        Not while it keeps Python's lock, which few fits do, and for moments.
        """
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LONG_SECONDS / 2) and self._first is None:
                if time.monotonic() - self._fit_began > LONG_SECONDS:
                    self._spread_from(None, MAX_PARTS)

        with ThreadPoolExecutor(1, "omega-spreading") as thread:
            watching = thread.submit(watch)
            try:
                yield
            finally:
                ended.set()
            watching.result()

    def _spread_from(self, first: int | None, parts: int) -> None:
        """Spread the fits from that one on; None: those after the one that runs."""
        with self._lock:
            first = self._done + 1 if first is None else first
            if self._first is not None or first >= self.of:
                return
            self._first = first
        self._spread(first, min(parts, MAX_PARTS, self.of - first))

    def _spread(self, first: int, parts: int) -> None:
        """Write the records of the parts, and send their messages; the second time too."""
        attempt = self._attempt
        url, task_id = attempt.url, attempt.task_id
        plan = {"of": self.of, "first": first, "parts": parts, "seen": self._done}
        record = patiently(lambda: counts.spread(url, task_id, attempt.number, plan))
        if record is None:
            raise Stopped
        limit = patiently(lambda: counts.limit_left(Ledger(url).find(task_id) or record))
        for part, numbers in _shares(record["fits"], again=attempt.number > 1):
            child = _part(record, part, numbers, limit)
            patiently(partial(Ledger(url).submit, child))
            patiently(partial(self._send, child, limit))


def _shares(plan: Document, *, again: bool) -> Iterator[tuple[int | str, range]]:
    """Yield the parts, and the numbers of their fits; those that the search did not end too."""
    first, parts = plan["first"], plan["parts"]
    if again and first and HEAD not in plan["done"]:
        yield HEAD, range(first)
    for part in range(parts):
        yield part, range(first + part, plan["of"], parts)


def _part(record: Document, part: int | str, numbers: range, limit: float | None) -> Document:
    """Return the record of a part."""
    params = {
        "verb": record["verb"],
        "parent": record["_id"],
        "part": part,
        "numbers": [numbers.start, numbers.stop, numbers.step],
        "options": record["arguments"]["params"],
    }
    child: Document = {name: record[name] for name in _OF_A_CALL if name in record}
    return child | {
        "_id": part_id(str(record["_id"]), part),
        "parent": record["_id"],
        "part": part,
        "fitted": 0,
        "verb": "fits",
        "time_limit": limit,
        "arguments": {**record["arguments"], "params": params, "result": None},
    }
