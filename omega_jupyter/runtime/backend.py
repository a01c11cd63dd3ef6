"""The Celery result backend: the task ledger, in the user's own database.

A worker writes with the credentials that came with the task, so it needs no
account of its own and no user can read another's results.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery.backends.base import BaseBackend
from celery.utils.log import get_task_logger

from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import AuthError, OmegaError, Unavailable
from omega_jupyter.runtime.credentials import HEADER, Credentials, Envelope
from omega_jupyter.runtime.keys import private_keys
from omega_jupyter.runtime.ledger import Ledger

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["OmegaBackend", "Outcome", "open_credentials"]

logger = get_task_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a task returns: where its value is, never a log line of it.

    Attributes
    ----------
    value : dict
        JSON-able: ``{"inline": text}``, ``{"dataset": ref}`` or ``{"model": ref}``.
    inputs : dict
        Which versions were used, by role: ``{"X": "sales@3", "model": "m@1"}``.
    """

    value: dict[str, Any]
    inputs: dict[str, str]

    def __repr__(self) -> str:
        # Celery logs the repr of what a task returns; data does not belong there.
        shown = next(iter(self.value))
        return shown if shown == "inline" else f"{shown} {self.value[shown]}"


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
            return {"result": json.dumps(result.value), "inputs": result.inputs}
        if isinstance(result, BaseException):
            return {"error": describe(result)}
        if state == "PROGRESS":
            return {"progress": result}
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
            credentials = open_credentials(self.app.omega_config, request)
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
        state = {"REVOKED": "CANCELLED"}.get(state, state)
        if state == "FAILURE" and fields.get("error", {}).get("code") == "task_lost":
            state = "LOST"
        Ledger(credentials.result_backend).update(task_id, state, fields)

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        url: SecretUrl = self.app.omega_config.result_backend or self.app.omega_config.mongo_url
        record = Ledger(url).find(task_id) or {}
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
            "status": {"QUEUED": "PENDING", "CANCELLED": "REVOKED", "LOST": "FAILURE"}.get(
                state, state
            ),
            "result": result,
            "traceback": record.get("traceback"),
            "children": [],
            "date_done": record.get("finished"),
        }


def open_credentials(config: OmegaConfig, request: Any) -> Credentials:
    """Return the credentials that came with a Celery request.

    Parameters
    ----------
    config : OmegaConfig
        The worker's settings, for its keys.
    request : celery.app.task.Context
        With the header, the task's name and its id.

    Raises
    ------
    AuthError
        The header is missing, altered, expired or another task's.
    """
    envelope = Envelope.from_header(request.get(HEADER) if request is not None else None)
    return envelope.open(private_keys(config), task=str(request.task), task_id=str(request.id))


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as the ledger keeps it: code, type, message, hint."""
    if isinstance(error, OmegaError):
        return {"type": type(error).__name__, **error.to_dict()}
    # billiard's own name for a pool process that died under a task.
    if type(error).__name__ == "WorkerLostError":
        return {
            "type": "TaskLost",
            "code": "task_lost",
            "message": f"The worker process died under this task: {error}",
            "hint": "the machine may be short of memory; submit it again when there is more",
        }
    return {
        "type": type(error).__name__,
        "code": "task_failed",
        "message": str(error),
        "hint": None,
    }
