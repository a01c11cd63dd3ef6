"""The Celery result backend: the task ledger, in the user's own database.

A worker writes with the credentials that came with the task, so it needs no
account of its own and no user can read another's results.
"""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

from celery.backends.base import BaseBackend
from celery.utils.log import get_task_logger

from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import AuthError, Unavailable
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.endings import QUIET_SECONDS
from omega_jupyter.runtime.envelope import HEADER, Envelope
from omega_jupyter.runtime.fits import limit_left
from omega_jupyter.runtime.keyring import keyring
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.limits import verdicts
from omega_jupyter.runtime.outcome import Outcome, describe, published
from omega_jupyter.runtime.parts import after_death
from omega_jupyter.runtime.search_end import pass_on
from omega_jupyter.runtime.sending import send
from omega_jupyter.runtime.terms import Terms

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.store.database.connection import Document

__all__ = ["OmegaBackend", "open_credentials"]

logger = get_task_logger(__name__)

_CELERYS_WORDS = {
    "QUEUED": "PENDING",
    "CANCELLING": "STARTED",
    "CANCELLED": "REVOKED",
    "LOST": "FAILURE",
}
# Celery's reasons, and what they mean for whoever cancelled.
_HOW = {"revoked": "never started", "expired": "never started", "terminated": "killed"}


class OmegaBackend(BaseBackend):
    """Keep states and results in the ledger's documents."""

    supports_autoexpire = True
    persistent = True

    def as_uri(self, include_password: bool = False) -> str:
        """Name the backend in Celery's banner."""
        return "omega-ledger"

    def encode_result(self, result: Any, state: str) -> dict[str, Any]:
        """Return the fields of the record that hold this result."""
        if isinstance(result, Outcome):
            return result.fields()
        if isinstance(result, BaseException):
            return {"error": describe(result)}
        return {"result": json.dumps(result)}

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        """Tell Celery to try again while MongoDB is away for a moment."""
        return isinstance(exc, Unavailable)

    def _store_result(
        self,
        task_id: str,
        result: dict[str, Any],
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_: Any,
    ) -> None:
        try:
            credentials = getattr(request, "omega_credentials", None) or open_credentials(
                self.app.omega_config, request
            )
        except AuthError as error:
            # Nobody's database is known, so there is nowhere to write to.
            logger.warning("Result of task %s is not kept: %s", task_id, error.message)
            return
        fields = dict(result)
        if traceback is not None:
            fields["traceback"] = credentials.mongo_url.redact(str(traceback))
        if "error" in fields:
            message = credentials.mongo_url.redact(fields["error"]["message"])
            fields["error"] = fields["error"] | {"message": message}
        verdict = verdicts.get(task_id) if state in ("REVOKED", "FAILURE") else None
        died = None
        if verdict is not None or fields.get("error", {}).get("type") == "WorkerLost":
            # Where we killed its process we know better why than Celery.
            why = fields if verdict is None else {"error": verdict}
            died = Ledger(credentials.result_backend).find(task_id) or {}
            state, fields = _after_death(died, credentials, why)
        elif state == "REVOKED":
            reason = fields.get("error", {}).get("message")
            state, fields = "CANCELLED", {"cancelled": _HOW.get(reason, "killed")}
        elif state == "RETRY":
            # Celery says so of a task that it stopped itself: it may run again at once.
            fields = {"heartbeat": None}
        # A result that is there counts, whoever has it; else the newest attempt decides.
        where = {} if state == "SUCCESS" else _ours(request)
        attempt = getattr(request, "omega_attempt", None)
        tell = attempt is None or attempt.waited_for() > QUIET_SECONDS
        ledger = Ledger(credentials.result_backend)
        done = ledger.update(task_id, state, fields, where=where, tell=tell)
        verdicts.pop(task_id, None)
        if done and state == "RETRY" and died:
            self._send_again(died, credentials)
        if state == "FAILURE":
            pass_on(credentials.result_backend, task_id)

    def _send_again(self, record: Document, credentials: Credentials) -> None:
        """Let a task run again whose process has died while the worker lives."""
        from kombu.exceptions import OperationalError

        logger.warning("Task %s runs again: its process has ended", record["_id"])
        try:
            send(
                self.app,
                keyring(self.app.omega_config).sending(),
                credentials,
                verb=record["verb"],
                task_id=str(record["_id"]),
                arguments=record["arguments"],
                terms=Terms(record["queue"], record.get("taken", 0) + 1, limit_left(record)),
            )
        except OperationalError as error:
            lost = {"error": describe(error)}
            ledger, task_id = Ledger(credentials.result_backend), str(record["_id"])
            if ledger.update(task_id, "FAILURE", lost, where={"state": "RETRY"}):
                pass_on(credentials.result_backend, task_id)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        config = self.app.omega_config
        url: SecretUrl | None = config.result_backend or config.mongo_url
        # A worker without a database of its own knows nothing but what it is sent.
        record = (url and Ledger(url).find(task_id)) or {}
        state = record.get("state", "PENDING")
        error = record.get("error")
        result: Any = record.get("progress")
        if error:
            result = {
                "exc_type": error["type"],
                "exc_module": "builtins",
                "exc_message": [error["message"]],
            }
        elif "result" in record:
            result = json.loads(record["result"])
        return {
            "task_id": task_id,
            "status": _CELERYS_WORDS.get(state, state),
            "result": result,
            "traceback": record.get("traceback"),
            "children": [],
            "date_done": record.get("finished"),
        }


def _after_death(
    record: Document, credentials: Credentials, fields: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the state of a task whose process died: it may have done what it was to do."""
    if record.get("state") == "CANCELLING":
        return "CANCELLED", {"cancelled": "killed"}
    done = published(credentials.mongo_url, record)
    if done is not None:
        return "SUCCESS", done.fields()
    again = after_death(record, fields["error"])
    return ("FAILURE", fields) if again is None else ("RETRY", again)


def open_credentials(config: OmegaConfig, request: Any) -> Credentials:
    """Return the credentials that came with a Celery request which was let in.

    Parameters
    ----------
    config : OmegaConfig
        The worker's settings, for its keys.
    request : celery.app.task.Context
        With the header, the task's name and its id.

    Raises
    ------
    AuthError
        The header is missing, another task's, or sealed to a key that is gone.
    """
    envelope = Envelope.from_header(request.get(HEADER) if request is not None else None)
    return keyring(config).open(envelope, task=str(request.task), task_id=str(request.id))


def _ours(request: Any) -> Document:
    """Return the condition that a record still belongs to the attempt that reports on it."""
    attempt = getattr(request, "omega_attempt", None)
    if attempt is not None:
        return {"attempts": attempt.number}
    # The main process reports for a child that could not, or before any child had it.
    mine = {"process.pid": os.getpid(), "process.host": socket.gethostname()}
    return {"$or": [{"process": None}, mine]}
