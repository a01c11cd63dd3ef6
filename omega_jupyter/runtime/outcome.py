"""What a task leaves behind: where its value is, and how its error is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import OmegaError
from omega_jupyter.store.names.catalog import Catalog

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Outcome", "describe", "published"]

_PUBLISH_MODELS = ("fit", "partial_fit")
_ENDED_BY = re.compile(r"(signal (?P<signal>\d+)|exitcode \d+)( \([A-Z0-9]+\))?")
# What the system itself ends a process with. Anything else somebody has sent.
_REASONS = {
    "4": "crashed (illegal instruction)",
    "6": "crashed (aborted)",
    "7": "crashed (bus error)",
    "8": "crashed (arithmetic)",
    "9": "killed (out of memory?)",
    "11": "crashed (segmentation fault)",
}


@dataclass(frozen=True)
class Outcome:
    """What a task returns: where its value is, never a log line of it.

    Attributes
    ----------
    value : dict
        JSON-able: ``{"inline": text}``, ``{"dataset": ref}``, ``{"kept": ref}`` or
        ``{"model": ref}``.
    inputs : dict
        Which versions were used, by role: ``{"X": "sales@3", "model": "m@1"}``.
    """

    value: dict[str, Any]
    inputs: dict[str, str]

    def fields(self) -> dict[str, Any]:
        """Return it as a record keeps it."""
        return {"result": json.dumps(self.value), "inputs": self.inputs}

    def __repr__(self) -> str:
        # Celery logs the repr of what a task returns; data does not belong there.
        shown = next(iter(self.value))
        return shown if shown == "inline" else f"{shown} {self.value[shown]}"


def published(url: SecretUrl, record: Mapping[str, Any]) -> Outcome | None:
    """Return the outcome of a task that had published its result before its worker died.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    record : mapping
        The task's record.

    Returns
    -------
    Outcome or None
        None also where what it published is not all that it was to return.
    """
    if record.get("committed") is None:
        return None
    arguments, task_id = record["arguments"], str(record["_id"])
    inputs = {role: arguments[role] for role in ("model", "X", "y") if arguments.get(role)}
    kept = arguments.get("result")
    if kept is not None:
        found = Catalog(url).by_task("datasets", kept, task_id)
        return None if found is None else Outcome({"kept": f"{kept}@{found['version']}"}, inputs)
    if record["verb"] not in _PUBLISH_MODELS:
        return None
    name = record["model_name"]
    found = Catalog(url).by_task("models", name, task_id)
    return None if found is None else Outcome({"model": f"{name}@{found['version']}"}, inputs)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as the ledger keeps it: code, type, message, hint."""
    if isinstance(error, OmegaError):
        return {"type": type(error).__name__, **error.to_dict()}
    # billiard's own name for a pool process that died under a task.
    if type(error).__name__ == "WorkerLostError":
        ended = _ENDED_BY.search(str(error))
        signal = ended and ended["signal"]
        reason = _REASONS.get(signal, "ended by a signal") if signal else "died"
        return {
            "type": "WorkerLost",
            "code": "task_failed",
            "message": f"{reason}: the worker's process ended under this task"
            + (f" with {ended.group()}" if ended else ""),
            "hint": "%omega retry runs it again",
        }
    return {
        "type": type(error).__name__,
        "code": "task_failed",
        "message": str(error).strip(),
        "hint": None,
    }
