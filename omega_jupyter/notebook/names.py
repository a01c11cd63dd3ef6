"""What is stored, for completion: from a cache, never waiting for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

__all__ = ["Candidate", "LiveNames"]

FRESH_SECONDS = 5.0
BUDGET_SECONDS = 0.25

# A name and what it is.
Candidate = tuple[str, str]


class LiveNames:
    """Answers from the last known names, which one background thread renews.

    An answer takes at most a quarter of a second, however slow the database is; a
    late one serves the next question.

    Parameters
    ----------
    fetch : callable
        Returns the names of a kind; it may block and raise.
    fresh : float
        Seconds for which names are not asked for again.
    budget : float
        Seconds to wait for names that are not known yet.
    """

    def __init__(
        self,
        fetch: Callable[[str], Sequence[Candidate]],
        *,
        fresh: float = FRESH_SECONDS,
        budget: float = BUDGET_SECONDS,
    ) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._budget = budget
        self._known: dict[str, tuple[float, Sequence[Candidate]]] = {}
        self._renewing = threading.Lock()

    def get(self, kind: str) -> Sequence[Candidate]:
        """Return the names of the kind that are known in time."""
        asked, names = self._known.get(kind, (0.0, ()))
        if asked and time.monotonic() - asked < self._fresh:
            return names
        if not self._renewing.acquire(blocking=False):
            return names
        done = threading.Event()
        # A daemon: the shell's end does not wait for a database that is away.
        threading.Thread(
            target=self._renew, args=(kind, done), name="omega-completion", daemon=True
        ).start()
        done.wait(self._budget)
        return self._known.get(kind, (0.0, names))[1]

    def forget(self) -> None:
        """Ask again at the next question; what is known serves until then."""
        self._known = {kind: (-self._fresh, names) for kind, (_, names) in self._known.items()}

    def _renew(self, kind: str, done: threading.Event) -> None:
        try:
            names = self._fetch(kind)
        except Exception:  # noqa: BLE001 (a Tab must not print the traceback of a thread)
            names = ()
        finally:
            self._renewing.release()
        self._known[kind] = (time.monotonic(), names)
        done.set()
