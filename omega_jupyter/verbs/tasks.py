"""Verbs on tasks: tasks, status, result."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import NotFound
from omega_jupyter.store.facts import facts_html, facts_text
from omega_jupyter.verbs.listing import Field, Listing, ago
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.runtime.task import OmegaTask
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["TaskReport", "duration", "result", "status", "tasks"]

SHORT_ID = 8


def tasks(caller: Caller, limit: int, state: str | None, model: str | None) -> Listing[TaskReport]:
    """List the newest tasks."""
    if limit < 1:
        raise UsageError(f"-n takes a number of tasks, not {limit}")
    found = caller.om.runtime.tasks(limit, state=state, model=model)
    fields: list[Field[TaskReport]] = [
        Field("id", lambda task: task.id[:SHORT_ID]),
        Field("verb", lambda task: task.verb),
        Field("model", lambda task: task.model),
        Field("state", lambda task: task.state),
        Field("progress", lambda task: task.progress_text),
        Field("submitted", lambda task: ago(task.submitted)),
        Field("took", lambda task: duration(task.elapsed) if task.started else "", right=True),
        Field("worker", lambda task: task.worker or ""),
    ]
    empty = f"no tasks yet; {caller.prefix} fit MODEL X y submits one"
    if state is not None or model is not None:
        empty = "no such tasks"
    return Listing(map(TaskReport, found), fields, empty=empty)


def status(caller: Caller, task: Word | None) -> TaskReport:
    """Tell how a task is, once."""
    return TaskReport(_find(caller, task))


def result(caller: Caller, task: Word | None, timeout: float | None) -> Any:
    """Wait for a task and return its value."""
    return caller.wait(_find(caller, task), timeout)


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
    """How a task was at one moment, as text, HTML and values.

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
        self.arguments: dict[str, Any] = record.get("arguments") or {}
        self.submitted: datetime | None = record.get("submitted")
        self.started: datetime | None = record.get("started")
        self.finished: datetime | None = record.get("finished")
        self.error: dict[str, Any] = record.get("error") or {}
        self.traceback: str | None = record.get("traceback")
        progress = record.get("progress") or {}
        self.fraction: float | None = progress.get("fraction")
        self.step: str = progress.get("step") or ""
        self.elapsed = _elapsed(self.started, self.finished)

    @property
    def progress_text(self) -> str:
        """``45 % fold 3 of 5`` while it runs; empty before and after."""
        if self.state not in ("STARTED", "PROGRESS"):
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
            "submitted": _iso(self.submitted),
            "started": _iso(self.started),
            "finished": _iso(self.finished),
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
            f"{role}={ref}" for role, ref in self.arguments.items() if role in ("X", "y")
        )
        facts = [
            ("task", self.id),
            ("call", f"{self.verb} {self.model}"),
            ("data", data),
            ("keywords", _keywords(self.arguments.get("params") or {})),
            ("state", f"{self.state} {self.progress_text}".strip()),
            ("queue", self.queue),
            ("worker", self.worker or ""),
            ("submitted", ago(self.submitted)),
            ("took", duration(self.elapsed) if self.started else ""),
            ("error", _error(self.error)),
        ]
        return [(label, text) for label, text in facts if text]


def _find(caller: Caller, word: Word | None) -> OmegaTask:
    task_id = "last" if word is None else _task_id(caller, word)
    try:
        return caller.om.runtime.task(task_id)
    except NotFound:
        if task_id != "last":
            raise
        raise NotFound(
            "There is no task yet", hint=f"{caller.prefix} fit MODEL X y submits one"
        ) from None


def _task_id(caller: Caller, word: Word) -> str:
    if word.expression is not None:
        value = caller.evaluate(word.expression)
        # A variable may hold the task itself, as `-b` returned it, or its id.
        return str(getattr(value, "id", value))
    if not word.quoted and caller.has(word.text):
        value = caller.take(word.text)
        if hasattr(value, "ready") and hasattr(value, "id"):
            return str(value.id)
    return word.text


def _keywords(params: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in params.items())


def _error(error: dict[str, Any]) -> str:
    return ": ".join(str(error[part]) for part in ("type", "message") if error.get(part))


def _elapsed(started: datetime | None, finished: datetime | None) -> float:
    if started is None:
        return 0.0
    return max(0.0, ((finished or datetime.now(UTC)) - started).total_seconds())


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
