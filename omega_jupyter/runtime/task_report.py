"""How a task was at one moment, as text, HTML and values."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.names.internal import shown
from omega_jupyter.store.wording.facts import facts_html, facts_text
from omega_jupyter.store.wording.listing import ago

if TYPE_CHECKING:
    from omega_jupyter.runtime.task import OmegaTask

__all__ = ["SHORT_ID", "TaskReport", "duration"]

SHORT_ID = 8


def duration(seconds: float) -> str:
    """Return ``0.8 s``, ``12 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


class TaskReport:
    """How a task was at one moment.

    Parameters
    ----------
    task : OmegaTask
        Still there as ``task``, to wait for or ask again.
    """

    def __init__(self, task: OmegaTask) -> None:
        self.task = task
        record = task.record
        self.id: str = task.id
        self.verb: str = record.get("verb", "")
        self.model: str = record.get("model", "")
        self.state: str = record.get("state", "UNKNOWN")
        self.queue: str = record.get("queue", "")
        self.worker: str | None = record.get("worker")
        self.attempts: int = record.get("attempts", 0)
        self.user: str = record.get("user", "")
        self.host: str = record.get("host", "")
        self.notebook: str | None = record.get("notebook")
        self.retry_of: str | None = record.get("retry_of")
        self.cancelled: str | None = record.get("cancelled")
        self.arguments: dict[str, Any] = record.get("arguments") or {}
        self.submitted: datetime | None = record.get("submitted")
        self.started: datetime | None = record.get("started")
        self.finished: datetime | None = record.get("finished")
        self.history: list[dict[str, Any]] = _history(record)
        self.error: dict[str, Any] = record.get("error") or {}
        self.traceback: str | None = record.get("traceback")
        self.why_again: str = (record.get("why") or {}).get("message", "")
        progress = record.get("progress") or {}
        self.fraction: float | None = progress.get("fraction")
        self.step: str = progress.get("step") or ""
        self._now: datetime | None = record.get("now")
        self.elapsed: float = _seconds(self.started, self.finished or self._now)

    @property
    def progress_text(self) -> str:
        """``45 % fold 3 of 5`` while it runs; empty before and after."""
        if self.state not in ("STARTED", "PROGRESS", "CANCELLING"):
            return ""
        percent = "" if self.fraction is None else f"{self.fraction:.0%}"
        return f"{percent} {self.step}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values; times as ISO 8601 text."""
        return {
            "id": self.id,
            "verb": self.verb,
            "model": self.model,
            "state": self.state,
            "fraction": self.fraction,
            "step": self.step,
            "elapsed": round(self.elapsed, 3),
            "arguments": self.arguments,
            "queue": self.queue,
            "worker": self.worker,
            "attempts": self.attempts,
            "user": self.user,
            "host": self.host,
            "notebook": self.notebook,
            "retry_of": self.retry_of,
            "cancelled": self.cancelled,
            "submitted": _iso(self.submitted),
            "started": _iso(self.started),
            "finished": _iso(self.finished),
            "history": [change | {"at": _iso(change["at"])} for change in self.history],
            "error": self.error or None,
            "traceback": self.traceback,
        }

    def __repr__(self) -> str:
        lines = [facts_text(self._facts())]
        if self.traceback:
            lines += ["traceback on the worker:", self.traceback.rstrip()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        traceback = (
            f"<details><summary>traceback on the worker</summary>"
            f"<pre>{escape(self.traceback)}</pre></details>"
            if self.traceback
            else ""
        )
        return facts_html(self._facts()) + traceback

    def _facts(self) -> list[tuple[str, str]]:
        data = ", ".join(
            f"{role}={shown(ref)}" for role, ref in self.arguments.items() if role in ("X", "y")
        )
        how = f"({self.cancelled})" if self.cancelled else self.progress_text
        facts = [
            ("task", self.id),
            ("call", f"{self.verb} {self.model}"),
            ("data", data),
            ("keywords", _keywords(self.arguments.get("params") or {})),
            ("retry of", self.retry_of or ""),
            ("state", f"{self.state} {how}".strip()),
            ("history", self._history_text()),
            ("attempts", str(self.attempts) if self.attempts > 1 else ""),
            ("ran again", self.why_again),
            ("queue", self.queue),
            ("worker", self.worker or ""),
            ("submitted", f"{ago(self.submitted)} by {self.user} {self._from()}".strip()),
            ("took", duration(self.elapsed) if self.started else ""),
            ("error", _error(self.error)),
        ]
        return [(label, text) for label, text in facts if text]

    def _from(self) -> str:
        return f"from {self.notebook} on {self.host}" if self.notebook else f"on {self.host}"

    def _history_text(self) -> str:
        """Return each state with the time that it lasted: ``QUEUED 0.4 s, STARTED 12 s, …``."""
        ends = [change["at"] for change in self.history[1:]] + [self.finished or self._now]
        parts = []
        for change, end in zip(self.history, ends, strict=True):
            lasted = "" if change["at"] == self.finished else duration(_seconds(change["at"], end))
            parts.append(f"{change['state']} {lasted}".strip())
        return ", ".join(parts)


def _history(record: dict[str, Any]) -> list[dict[str, Any]]:
    if "submitted" not in record:
        return []
    return [{"state": "QUEUED", "at": record["submitted"]}, *record.get("history", [])]


def _keywords(params: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in params.items())


def _error(error: dict[str, Any]) -> str:
    return ": ".join(str(error[part]) for part in ("type", "message") if error.get(part))


def _seconds(began: datetime | None, ended: datetime | None) -> float:
    if began is None or ended is None:
        return 0.0
    return max(0.0, (ended - began).total_seconds())


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
