"""What is known of one task: a snapshot of its record."""

from __future__ import annotations

import time
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from omega_jupyter.errors import NotFound
from omega_jupyter.runtime.answers import Progress
from omega_jupyter.runtime.in_flight import in_flight
from omega_jupyter.runtime.records import FINAL

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter
    from omega_jupyter.store.database.connection import Document

__all__ = ["KnownTask"]

# What a list of tasks was made of answers for so long, without a query for each.
_LISTED_SECONDS = 1.0


class KnownTask:
    """The record of one task, read anew when it is asked for what changes.

    Parameters
    ----------
    task_id : str
    submitter : Submitter
        Has the ledger with its record.
    record : dict, optional
        The record, where it was read already.
    """

    def __init__(self, task_id: str, submitter: Submitter, record: Document | None = None) -> None:
        self.id = task_id
        self._submitter = submitter
        self._record: Document = record or {}
        self._read_at = time.monotonic()
        self._fresh_until = self._read_at + _LISTED_SECONDS if record else 0.0
        # Of one that this process has sent: see InFlight.
        self.kind: str | None = None
        self.recorded = 0.0

    @property
    def record(self) -> Document:
        """The ledger's record of it as it was last read; empty where nobody knows it."""
        return self._record or self.refresh()

    @property
    def known(self) -> bool:
        """Whether its record was read before."""
        return bool(self._record)

    def refresh(self) -> Document:
        """Read the record anew, unless it is final, and return it."""
        if self._record.get("state") in FINAL or time.monotonic() < self._fresh_until:
            return self._record
        ledger = self._submitter.ledger
        found = in_flight(ledger.url).look(self.id)
        if found is not None and self._submitter.inquiry.settle([found]):
            found = ledger.find(self.id)
        self.learn(found or {})
        return self._record

    def learn(self, record: Document) -> None:
        """Take a record that was just read."""
        self._record = record
        self._read_at = time.monotonic()

    @property
    def state(self) -> str:
        """QUEUED, STARTED, PROGRESS, RETRY, CANCELLING, SUCCESS, FAILURE, CANCELLED, LOST, UNKNOWN.

        RETRY: its worker is gone, and it waits for another one. LOST: it can't end
        any more. UNKNOWN: there is no record of it.
        """
        return str(self.refresh().get("state", "UNKNOWN"))

    @property
    def history(self) -> list[tuple[str, datetime]]:
        """Its states and when each began, UTC, by the server's clock."""
        record = self.refresh()
        if "submitted" not in record:
            return []
        later = [(change["state"], change["at"]) for change in record.get("history", [])]
        return [("QUEUED", record["submitted"]), *later]

    @property
    def verb(self) -> str:
        """What was called, for example ``fit``."""
        return str(self.record.get("verb", ""))

    @property
    def model(self) -> str:
        """The model that it was called on, with its version."""
        return str(self.record.get("model", ""))

    @property
    def queue(self) -> str:
        """The queue that it was sent to."""
        return str(self.record.get("queue", ""))

    @property
    def worker(self) -> str | None:
        """The worker that runs or ran it."""
        return self.refresh().get("worker")

    @property
    def attempts(self) -> int:
        """How often a worker began with it: more than once where one died."""
        return int(self.refresh().get("attempts", 0))

    @property
    def submitted(self) -> datetime | None:
        """When it was submitted, UTC."""
        return self.record.get("submitted") or self.refresh().get("submitted")

    @property
    def started(self) -> datetime | None:
        """When a worker began with it, UTC."""
        return self.refresh().get("started")

    @property
    def finished(self) -> datetime | None:
        """When it ended, UTC."""
        return self.refresh().get("finished")

    @property
    def elapsed(self) -> float:
        """Seconds that it ran, or has been running; 0 before a worker began."""
        self.refresh()
        return self._elapsed()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        record = self.refresh()
        if record.get("state") == "SUCCESS":
            # What was told last is what a quick fit did first.
            return Progress(1.0, "", self._elapsed())
        known = record.get("progress") or {}
        return Progress(known.get("fraction"), known.get("step", ""), self._elapsed())

    @property
    def traceback(self) -> str | None:
        """The traceback on the worker, where the call raised."""
        return self.refresh().get("traceback")

    def ready(self) -> bool:
        """Return whether it has ended, well or badly."""
        return self.state in FINAL

    def successful(self) -> bool:
        """Return whether it has ended well."""
        return self.state == "SUCCESS"

    def _elapsed(self) -> float:
        record = self._record
        if "started" not in record:
            return 0.0
        if "finished" in record:
            return max(0.0, float((record["finished"] - record["started"]).total_seconds()))
        now = record.get("now", record["started"])
        ran = (now - record["started"]).total_seconds() + time.monotonic() - self._read_at
        return max(0.0, float(ran))

    def _unknown(self) -> NotFound:
        return NotFound(f"No task {self.id!r}", hint="%omega tasks lists what is known")

    def __repr__(self) -> str:
        record = self.refresh()
        if not record:
            return f"<OmegaTask {self.id[:8]} UNKNOWN>"
        took = f" {self._elapsed():.1f} s" if "started" in record else ""
        return f"<OmegaTask {self.id[:8]} {self.verb} {self.model} {record['state']}{took}>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"
