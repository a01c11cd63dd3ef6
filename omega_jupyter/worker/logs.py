"""What is printed and logged while a task runs, passed on to whoever asks for its logs."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.records import DEFAULT_RETENTION_DAYS
from omega_jupyter.runtime.task_log import MAX_BYTES, MAX_LINES, append, read
from omega_jupyter.worker.descriptors import descriptors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.runtime.attempt import Attempt

__all__ = ["TaskLog"]

LONGEST_LINE = 2_000
# Celery keeps its tasks' messages from the root's handlers.
_LOGGERS = ("", "celery.task")
# Celery logs there what is printed, which is caught as it is printed.
_PRINTED = "celery.redirected"


class TaskLog:
    """The output of one attempt, whole lines at a time, with its secrets masked.

    Parameters
    ----------
    attempt : Attempt
        Whose output it is.
    secrets : sequence of SecretUrl
        URLs whose passwords must not be in it.
    """

    def __init__(self, attempt: Attempt, secrets: Sequence[SecretUrl]) -> None:
        self._attempt = attempt
        self._secrets = secrets
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._begun = ""  # of a line
        self._new: deque[str] = deque(maxlen=MAX_LINES)
        self._printed = 0
        # Of the lines that are worth keeping.
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._earlier = attempt.number > 1
        if self._earlier:
            self.write(f"--- attempt {attempt.number} on {attempt.record['worker']} ---\n")

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Catch what is printed, logged and warned of, by Python and by C, in all threads."""
        handler = _Handler(self)
        loggers = [logging.getLogger(name) for name in _LOGGERS]
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (_Tee(self, stream) for stream in streams)
        for logger in loggers:
            logger.addHandler(handler)
        try:
            # Leaving and entering lets each task have a warning that another one had before.
            with descriptors().redirected(), warnings.catch_warnings():
                yield
        finally:
            for logger in loggers:
                logger.removeHandler(handler)
            sys.stdout, sys.stderr = streams

    def write(self, text: str) -> None:
        """Add text; a line counts when it is whole."""
        with self._lock:
            *whole, begun = (self._begun + text).split("\n")
            # A progress bar goes back to the beginning of its line again and again.
            self._begun = begun.rpartition("\r")[2] if len(begun) > LONGEST_LINE else begun
            for line in whole:
                self._add(line.rstrip("\r").rpartition("\r")[2])

    def flush(self) -> None:
        """Write new lines to the database.

        Raises
        ------
        Unavailable
            MongoDB does not answer; they are kept for the next time.
        """
        with self._flushing:
            self.write(descriptors().new_text())
            if self._earlier:
                self._count_earlier()
            with self._lock:
                lines, printed, kept = list(self._new), self._printed, len(self._sizes)
                self._new.clear()
                self._printed = 0
            if not printed:
                return
            try:
                self._append(lines, printed, kept)
            except OmegaError:
                with self._lock:
                    self._new = deque([*lines, *self._new], maxlen=MAX_LINES)
                    self._printed += printed
                raise

    def close(self) -> None:
        """Write what is left, also of a line that was not ended."""
        self.flush()
        if self._begun:
            self.write("\n")
            self.flush()

    def _append(self, lines: Sequence[str], printed: int, kept: int) -> None:
        append(
            self._attempt.url,
            self._attempt.task_id,
            lines,
            printed=printed,
            kept=kept,
            retention_days=self._attempt.record.get("retention_days", DEFAULT_RETENTION_DAYS),
        )

    def _count_earlier(self) -> None:
        """Keep what earlier attempts have written, as far as there is room for it."""
        found = read(self._attempt.url, self._attempt.task_id).lines
        with self._lock:
            for line in reversed(found):
                self._sizes.appendleft(_size(line))
                self._bytes += self._sizes[0]
            self._keep_to_room()
        self._earlier = False

    def _add(self, line: str) -> None:
        for secret in self._secrets:
            line = secret.redact(line)
        if len(line) > LONGEST_LINE:
            line = f"{line[:LONGEST_LINE]} …"
        self._new.append(line)
        self._printed += 1
        self._sizes.append(_size(line))
        self._bytes += self._sizes[-1]
        self._keep_to_room()

    def _keep_to_room(self) -> None:
        while len(self._sizes) > MAX_LINES or self._bytes > MAX_BYTES:
            self._bytes -= self._sizes.popleft()


def _size(line: str) -> int:
    return len(line.encode(errors="replace")) + 1


class _Tee:
    """A stream that writes to another one and to the log."""

    def __init__(self, log: TaskLog, stream: Any) -> None:
        self._log = log
        self._stream = stream

    def write(self, text: str) -> int:
        self._log.write(text)
        self._stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Handler(logging.Handler):
    """Adds what is logged."""

    def __init__(self, log: TaskLog) -> None:
        super().__init__()
        self._log = log
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != _PRINTED:
            self._log.write(f"{self.format(record)}\n")
