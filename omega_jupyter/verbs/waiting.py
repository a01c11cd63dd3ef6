"""Waiting for a task in sight of the user."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TextIO

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.task_report import SHORT_ID, TaskReport, duration

if TYPE_CHECKING:
    from omega_jupyter.runtime.task import OmegaTask
    from omega_jupyter.store.wording.progress import Progress

__all__ = ["Detached", "Line", "TerminalLine", "wait_for", "watch"]

SHOWN_AFTER_SECONDS = 0.5
REDRAWN_AFTER_SECONDS = 0.2
WORRY_AFTER_SECONDS = 10.0
_BAR_CELLS = 20


class Detached(KeyboardInterrupt):
    """Ctrl-C ended the waiting for a task; the task goes on.

    Parameters
    ----------
    task_id : str
    prefix : str
        ``%omega`` or ``omega``.
    """

    def __init__(self, task_id: str, prefix: str) -> None:
        short = task_id[:SHORT_ID]
        self.message = f"not waiting any more; task {short} goes on"
        self.hint = (
            f"{prefix} watch {short} shows it again, {prefix} result {short} waits for its value, "
            f"{prefix} cancel {short} ends it"
        )
        super().__init__(f"{self.message}\n  → {self.hint}")

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class Line(ABC):
    """One line that is updated in place while a task runs, or something else that takes long.

    Parameters
    ----------
    prefix : str
        What goes before verbs in advice.

    Attributes
    ----------
    after : float
        Seconds before it is shown: half a second, since most calls are quicker.
    shown : bool
        Whether it was.
    """

    after = SHOWN_AFTER_SECONDS

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._began = time.monotonic()
        self._drawn = 0.0
        self.shown = False

    def update(self, task: OmegaTask) -> None:
        """Redraw the line of a task, where it is time to."""
        if self._is_due():
            report = TaskReport(task)
            self.draw(title(report), report.fraction, self.activity(report))

    def tell(self, progress: Progress) -> None:
        """Redraw the line of an operation on the store, where it is time to."""
        if self._is_due():
            total = progress.total
            fraction = min(progress.done / total, 1.0) if total else None
            passed = duration(time.monotonic() - self._began)
            self.draw(progress.what, fraction, f"{progress.amount}, {passed}")

    def leave(self, ending: str) -> None:
        """Leave a short line behind where one was shown: what ended, and after how long."""
        if self.shown:
            self.end(f"{ending} after {duration(time.monotonic() - self._began)}")

    def close(self, task: OmegaTask, ending: str = "") -> None:
        """Leave a short line behind where one was shown."""
        if self.shown:
            report = TaskReport(task)
            self.end(f"{title(report)}: {ending or _ending(report)}")

    def activity(self, report: TaskReport) -> str:
        """Return what goes on, for example ``fold 3 of 5, 12 s``."""
        waited = time.monotonic() - self._began
        if report.state == "RETRY":
            return "its worker is gone; waiting for another one"
        if report.state == "CANCELLING":
            return f"stopping, {duration(report.elapsed)}"
        if report.state == "QUEUED":
            advice = f" ({self._prefix} doctor tells why)" if waited > WORRY_AFTER_SECONDS else ""
            return f"waiting for a worker, {duration(waited)}{advice}"
        return ", ".join(filter(None, (report.step, duration(report.elapsed))))

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._began < self.after or now - self._drawn < REDRAWN_AFTER_SECONDS:
            return False
        self._drawn = now
        self.shown = True
        return True

    @abstractmethod
    def draw(self, what: str, fraction: float | None, activity: str) -> None:
        """Show what goes on, and how much of it is done where that is known."""

    @abstractmethod
    def end(self, text: str) -> None:
        """Replace the line by a last one."""


class TerminalLine(Line):
    """A line in a terminal; nothing where the stream is none.

    Parameters
    ----------
    prefix : str
    stream : TextIO
    """

    def __init__(self, prefix: str, stream: TextIO) -> None:
        super().__init__(prefix)
        self._stream = stream
        self._terminal = stream.isatty()

    def draw(self, what: str, fraction: float | None, activity: str) -> None:
        """Write over the line."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\x1b[2K{text_line(what, fraction, activity)[:width]}")

    def end(self, text: str) -> None:
        """Write the last line in its place."""
        if self._terminal:
            self._write(f"\r\x1b[2K{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def wait_for(task: OmegaTask, timeout: float | None, line: Line, prefix: str) -> Any:
    """Wait for the task and return its value.

    Raises
    ------
    Detached
        The user pressed Ctrl-C.
    OmegaError
        The task ended badly, or not in time.
    """
    try:
        task.wait(timeout, on_update=line.update)
        line.close(task)
        return task.get()
    except KeyboardInterrupt:
        line.close(task, "goes on")
        raise Detached(task.id, prefix) from None
    except OmegaError:
        if not task.ready():
            line.close(task, "goes on")
        raise


def watch(task: OmegaTask, line: Line, prefix: str) -> TaskReport:
    """Show how the task gets on until it has ended, and return how it did.

    Raises
    ------
    Detached
        The user pressed Ctrl-C.
    """
    line.after = 0.0
    try:
        task.wait(None, on_update=line.update)
    except KeyboardInterrupt:
        line.close(task, "goes on")
        raise Detached(task.id, prefix) from None
    line.close(task)
    return TaskReport(task)


def title(report: TaskReport) -> str:
    """Return ``fit mymodel``."""
    return f"{report.verb} {report.model.partition('@')[0]}"


def text_line(what: str, fraction: float | None, activity: str) -> str:
    """Return the line as text, with a bar where the fraction is known."""
    if fraction is None:
        return f"{what}: {activity}"
    full = round(fraction * _BAR_CELLS)
    bar = "#" * full + "-" * (_BAR_CELLS - full)
    return f"{what} [{bar}] {fraction:.0%} {activity}"


def _ending(report: TaskReport) -> str:
    words = {"SUCCESS": "done", "FAILURE": "failed", "CANCELLED": "cancelled", "LOST": "lost"}
    return f"{words.get(report.state, report.state)} after {duration(report.elapsed)}"
