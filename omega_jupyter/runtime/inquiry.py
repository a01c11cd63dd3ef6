"""What became of tasks of which nobody hears: whoever looks at one finds out.

A worker that is gone can't say so, and neither can a message. So the reader of a record
draws the conclusion, by the server's clock, and writes it down, once.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime import records as rules
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.envelope import LIFETIME_SECONDS
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.outcome import published
from omega_jupyter.runtime.parts import may_send_again, unfinished
from omega_jupyter.runtime.search_end import pass_on

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.store.database.connection import Document

__all__ = ["Inquiry"]

# After so long in a queue a message is looked for …
QUEUED_SECONDS = 30.0
# … and after so long where it has to come back from a worker that is gone …
RETRY_SECONDS = 5.0
# … and again after so long.
ASK_AGAIN_SECONDS = 10.0

_asked: dict[tuple[int, str], float] = {}


@dataclass(frozen=True)
class Inquiry:
    """Finds tasks whose worker or message is gone.

    Attributes
    ----------
    ledger : Ledger
    broker : Broker
    mongo_url : SecretUrl
        Where results are published.
    send_again : callable
        Takes a record, and sends its message once more.
    """

    ledger: Ledger
    broker: Broker
    mongo_url: SecretUrl
    send_again: Callable[[Document], None]

    def settle(self, records: Sequence[Document]) -> bool:
        """Write down what follows from the silence about these tasks.

        Parameters
        ----------
        records : sequence of dict
            As they were just read, each with the server's ``now``.

        Returns
        -------
        bool
            Whether a record has changed, so that it must be read again.
        """
        for record in records:
            if record.get("spread") and record["state"] in rules.RUNNING and _is_due(record["_id"]):
                # Its parts may be gone, of which nobody tells.
                self.settle(unfinished(self.ledger.url, str(record["_id"])))
        silent = [str(record["_id"]) for record in records if _is_silent(record)]
        changed = self.ledger.settle(silent) if silent else False
        queues: defaultdict[str, list[Document]] = defaultdict(list)
        for record in records:
            if _is_overdue(record) and _is_due(str(record["_id"])):
                queues[record["queue"]].append(record)
        for queue, overdue in queues.items():
            gone = self.broker.missing(queue, [str(record["_id"]) for record in overdue])
            for record in overdue:
                if _is_expired(record):
                    self._lose(record, "has waited for a week, after which no worker takes it")
                    changed = True
                elif record["_id"] in gone and not self._sent_again(record):
                    lost = "the broker lost it, or a worker refused it"
                    self._lose(record, f"is gone from the queue {queue!r}: {lost}")
                    changed = True
        return changed

    def _sent_again(self, record: Document) -> bool:
        """Send the message of a search's part again, which nobody else could.

        Its user has submitted one task, of which this is a small share. Should the message
        turn up after all, both have the same number: the second one begins nothing.
        """
        if record.get("parent") is None:
            return False
        try:
            if not may_send_again(self.ledger.url, str(record["_id"])):
                return False
            self.send_again(record)
        except OmegaError:
            return False
        return True

    def _lose(self, record: Document, what: str) -> None:
        """Note that a task can't end any more, unless it had published its result."""
        task_id = str(record["_id"])
        where = {"state": {"$in": list(rules.WAITING)}, "attempts": record["attempts"]}
        with suppress(OmegaError):
            done = published(self.mongo_url, record)
            if done is not None:
                self.ledger.update(task_id, "SUCCESS", done.fields(), where=where)
                return
        error = {
            "type": "TaskLost",
            "code": "task_lost",
            "message": f"The message of task {task_id} {what}",
            "hint": f"%omega retry {task_id[:8]} sends it again; a worker's log tells what it "
            "refuses",
        }
        self.ledger.update(task_id, "LOST", {"error": error}, where=where)
        pass_on(self.ledger.url, task_id)


def _is_silent(record: Document) -> bool:
    """Return whether no worker vouches any more for a task that it began with."""
    if record["state"] not in (*rules.RUNNING, "CANCELLING") or "now" not in record:
        return False
    if record.get("spread"):
        return False
    heard = record.get("heartbeat") or record["submitted"]
    return bool(record["now"] - heard > timedelta(seconds=rules.LEASE_SECONDS))


def _is_overdue(record: Document) -> bool:
    """Return whether a task has been waiting for so long that its message may be gone."""
    if record["state"] not in rules.WAITING or "now" not in record:
        return False
    if record["state"] == "QUEUED":
        since, patience = record["submitted"], QUEUED_SECONDS
    else:
        since, patience = record["history"][-1]["at"], RETRY_SECONDS
    return bool(record["now"] - since > timedelta(seconds=patience))


def _is_expired(record: Document) -> bool:
    """Return whether its credentials have expired."""
    return bool(record["now"] - record["submitted"] > timedelta(seconds=LIFETIME_SECONDS))


def _is_due(task_id: str) -> bool:
    """Return whether this process has not looked for the message within some seconds."""
    key, now = (os.getpid(), task_id), time.monotonic()
    if now < _asked.get(key, 0.0):
        return False
    if len(_asked) > 10_000:
        _asked.clear()
    _asked[key] = now + ASK_AGAIN_SECONDS
    return True
