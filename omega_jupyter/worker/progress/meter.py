"""The parts of a running fit, and how far they are together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Meter", "Part", "Reading"]

SEPARATOR = ", "


class Reading(NamedTuple):
    """What is known at one moment.

    Attributes
    ----------
    fraction : float or None
        Between 0 and 1; None where nothing can be known.
    step : str
        What is being done, such as ``fit 3 of 15, tree 40 of 200``; may be empty.
    """

    fraction: float | None
    step: str


class Part:
    """One part of a fit: a step of a pipeline, a fit of a search, an ensemble's trees.

    Parameters
    ----------
    parent : Part or None
        The part that it belongs to.
    share : float
        What fraction of the parent it makes up, and moves it on by when it ends.
    step : str
        What it is, for people; may be empty.
    probe : callable, optional
        Returns what the part itself knows of how far it is.
    """

    def __init__(
        self,
        parent: Part | None,
        share: float = 1.0,
        *,
        step: str = "",
        probe: Callable[[], Reading] | None = None,
    ) -> None:
        self.parent = parent
        self.share = share
        self.step = step
        self.probe = probe
        self.done = 0.0
        self.rounds = 0
        self.running: list[Part] = []

    def read(self) -> Reading:
        """Return how far this part is, those that run in it included."""
        known = self.probe() if self.probe is not None else Reading(None, "")
        fraction = max(self.done, known.fraction or 0.0)
        steps = [self.step or known.step]
        within = [(part.share, part.read()) for part in self.running]
        fraction += sum(share * (reading.fraction or 0.0) for share, reading in within)
        # Of parts that run side by side, the newest speaks for all.
        steps += [reading.step for _, reading in within[-1:]]
        anything = known.fraction is not None or self.done or any(r.fraction for _, r in within)
        step = SEPARATOR.join(filter(None, steps))
        return Reading(min(fraction, 1.0) if anything else None, step)


class Meter:
    """The tree of parts of one fit; used by the threads that fit and by one that watches."""

    def __init__(self) -> None:
        self.root = Part(None)
        self._lock = threading.Lock()
        self._threads = threading.local()

    def begin(self, part: Part) -> Part:
        """Note that a part begins in this thread."""
        with self._lock:
            if part.parent is not None:
                part.parent.running.append(part)
        self._stack().append(part)
        return part

    def end(self, part: Part) -> None:
        """Note that a part has ended, and with it what began within it and did not end."""
        stack = self._stack()
        if part in stack:
            del stack[stack.index(part) :]
        parent = part.parent
        with self._lock:
            if parent is None or part not in parent.running:
                return
            parent.running.remove(part)
            parent.done = min(1.0, parent.done + part.share)

    def count(self, part: Part) -> None:
        """Note that one round of a part has ended."""
        with self._lock:
            part.rounds += 1

    def current(self) -> Part | None:
        """Return the innermost part that this thread is in; None in a thread of no part."""
        stack = self._stack()
        if stack:
            return stack[-1]
        return self.root if threading.current_thread() is threading.main_thread() else None

    def newest(self) -> Part:
        """Return the innermost of the parts that began last, in whatever thread."""
        with self._lock:
            part = self.root
            while part.running:
                part = part.running[-1]
            return part

    def read(self) -> Reading:
        """Return how far the whole is."""
        with self._lock:
            return self.root.read()

    def _stack(self) -> list[Part]:
        stack: list[Part] | None = getattr(self._threads, "stack", None)
        if stack is None:
            stack = self._threads.stack = []
        return stack
