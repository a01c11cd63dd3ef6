"""The thread beside a running task, which sees to it while the fit has the main thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from omega_jupyter.errors import OmegaError

__all__ = ["Companion", "companion"]

INTERVAL_SECONDS = 0.5


class Companion:
    """One thread of a pool process, for one task after the other.

    It looks twice a second: a short task costs it nothing.
    """

    def __init__(self) -> None:
        self._visit: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def beside(self, visit: Callable[[], None]) -> Iterator[None]:
        """Call ``visit`` again and again while inside.

        Where MongoDB does not answer a visit is missed, no more.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="omega-companion", daemon=True)
            self._thread.start()
        self._visit = visit
        try:
            yield
        finally:
            self._visit = None

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL_SECONDS)
            visit = self._visit
            if visit is None:
                continue
            try:
                visit()
            except OmegaError:
                continue


@cache
def companion() -> Companion:
    """Return this pool process's companion; the main process has none to inherit."""
    return Companion()
