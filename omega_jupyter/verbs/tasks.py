"""Verbs on tasks: tasks, status, result, watch, logs, cancel, retry."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import NotFound
from omega_jupyter.runtime.task_report import TaskReport
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.waiting import Detached

if TYPE_CHECKING:
    from omega_jupyter.runtime.answers import Cancelled
    from omega_jupyter.runtime.task import OmegaTask
    from omega_jupyter.runtime.task_log import LogText
    from omega_jupyter.store.wording.listing import Listing
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["cancel", "logs", "result", "retry", "status", "tasks", "watch"]

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def tasks(
    caller: Caller, limit: int, state: str | None, model: str | None, since: str | None
) -> Listing[TaskReport]:
    """List the newest tasks."""
    if limit < 1:
        raise UsageError(f"-n takes a number of tasks, not {limit}")
    found = caller.om.runtime.tasks(limit, state=state, model=model, since=_since(since))
    empty = f"no tasks yet; {caller.prefix} fit MODEL X y submits one"
    if (state, model, since) != (None, None, None):
        empty = "no such tasks"
    return found.table(empty)


def status(caller: Caller, task: Word | None) -> TaskReport:
    """Tell how a task is, once."""
    found = _find(caller, task)
    found.refresh()
    return TaskReport(found)


def result(caller: Caller, task: Word | None, timeout: float | None) -> Any:
    """Wait for a task and return its value."""
    return caller.wait(_find(caller, task), timeout)


def watch(caller: Caller, task: Word | None) -> TaskReport:
    """Show how a task gets on until it has ended."""
    return caller.watch(_find(caller, task))


def cancel(caller: Caller, task: Word | None) -> Cancelled:
    """End a task, and tell what came of it."""
    return _find(caller, task).cancel()


def logs(caller: Caller, task: Word | None, follow: bool) -> LogText | None:
    """Return what a task has printed, or show it as it comes."""
    found = _find(caller, task)
    if not follow:
        return found.logs()
    try:
        for line in found.follow():
            caller.show(line)
    except KeyboardInterrupt:
        raise Detached(found.id, caller.prefix) from None
    return None


def retry(caller: Caller, task: Word | None, background: bool, timeout: float | None) -> Any:
    """Submit a task's call again, with its very arguments."""
    if background and timeout is not None:
        raise UsageError("--timeout is for waiting, and -b does not wait")
    again = _find(caller, task).retry()
    return again if background else caller.wait(again, timeout)


def _since(text: str | None) -> datetime | timedelta | None:
    """Read ``90m``, ``12h``, ``7d``, or a date and time as ISO 8601 writes them."""
    if text is None:
        return None
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return timedelta(**{_UNITS[span[2]]: float(span[1])})
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is neither a time span nor a date",
            hint="such as 90m, 12h, 7d, 2026-03-01 or '2026-03-01 14:30'",
        ) from None


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
