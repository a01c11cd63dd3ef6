"""Leases: who is at work on a database, so that the collector can tell slow from dead.

A lease is a small document that its holder renews. Once it has run out, the
collector deletes it before it touches anything of the holder's, so that a holder
that was only slow finds out: what is deleted can't be renewed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError
from omega_jupyter.store.database.connection import mongo_errors
from omega_jupyter.store.database.schema import leases

__all__ = ["Lease", "reading"]

SECONDS = 60.0
ID_BYTES = 5


class Lease:
    """One lease, renewed by a thread while it is kept.

    Parameters
    ----------
    url : SecretUrl
        The database that is worked on.
    reads : bool
        Whether it also keeps what is dropped meanwhile.
    """

    def __init__(self, url: SecretUrl, *, reads: bool = False) -> None:
        self.id = os.urandom(ID_BYTES)
        self._url = url
        self._reads = reads
        self._asked: tuple[float, float] | None = None
        self._stop: threading.Event | None = None

    def hold(self) -> bool:
        """Make sure that it is held for a while; return False where it was lost.

        Costs nothing where that is known, else one command.

        Raises
        ------
        Unavailable
            The server does not answer.
        """
        return self._younger_than(SECONDS / 4) or self._renew()

    def was_held(self) -> bool:
        """Say whether it was held without a gap until now."""
        # A quarter is left for clocks that differ.
        return self._younger_than(SECONDS * 3 / 4) or self._renew()

    def keep(self) -> None:
        """Begin to renew it from time to time."""
        if self._stop is None:
            self._stop = threading.Event()
            threading.Thread(
                target=self._beat, args=(self._stop,), name="omega-lease", daemon=True
            ).start()

    def rest(self) -> None:
        """Leave it to run out."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def give_up(self) -> None:
        """End it now; what can't be ended runs out."""
        self.rest()
        with suppress(OmegaError), mongo_errors(self._url):
            leases(self._url).delete_one({"_id": self.id})

    def _renew(self) -> bool:
        now = _clocks()
        until = {"$add": ["$$NOW", int(1000 * SECONDS)]}
        changes = [{"$set": {"until": until, "reads": self._reads}}]
        with mongo_errors(self._url):
            # Only the first one makes the document.
            done = leases(self._url).update_one(
                {"_id": self.id}, changes, upsert=self._asked is None
            )
        if not done.matched_count and done.upserted_id is None:
            return False
        self._asked = now
        return True

    def _younger_than(self, seconds: float) -> bool:
        if self._asked is None:
            return False
        # Some clocks stand still while a laptop sleeps, and others are set.
        passed = [abs(now - then) for now, then in zip(_clocks(), self._asked, strict=True)]
        return max(passed) < seconds

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(SECONDS / 4):
            # Whoever publishes asks again, and learns why it could not be renewed.
            with suppress(OmegaError):
                self._renew()


@contextmanager
def reading(url: SecretUrl) -> Iterator[None]:
    """Keep what is dropped in the block, however long it takes.

    Parameters
    ----------
    url : SecretUrl
        The database, prepared.
    """
    lease = Lease(url, reads=True)
    lease.hold()
    lease.keep()
    try:
        yield
    finally:
        lease.give_up()


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()
