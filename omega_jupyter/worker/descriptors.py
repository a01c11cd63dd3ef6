"""What C code prints: it writes to file descriptors, past Python's streams."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["Descriptors", "descriptors"]

STDOUT, STDERR = 1, 2
# The file is emptied when it is longer, and was read.
MAX_BYTES = 1 << 20


class Descriptors:
    """Leads standard output and error of this process into a file, for a while.

    A file, not a pipe: a pipe that is full would stop the C code, which may keep
    Python's lock, for ever.
    """

    def __init__(self) -> None:
        # All for as long as the process lives.
        self._file = _nameless_file()
        self._read = 0
        self._own = {number: os.dup(number) for number in (STDOUT, STDERR)}
        self._libc = ctypes.CDLL(None)
        # The worker's own log goes on where it went.
        self._stream = os.fdopen(os.dup(STDERR), "w", buffering=1, closefd=False)
        for logger in (logging.getLogger(), logging.getLogger("celery.task")):
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream in (
                    sys.__stderr__,
                    sys.__stdout__,
                ):
                    handler.setStream(self._stream)

    @contextmanager
    def redirected(self) -> Iterator[None]:
        """Lead them into the file while inside."""
        self._libc.fflush(None)
        for number in self._own:
            os.dup2(self._file, number)
        try:
            yield
        finally:
            self._libc.fflush(None)
            for number, own in self._own.items():
                os.dup2(own, number)

    def new_text(self) -> str:
        """Return what was written since the last time, and write it to the worker's log."""
        new = os.pread(self._file, MAX_BYTES, self._read)
        if not new:
            return ""
        self._read += len(new)
        if self._read >= MAX_BYTES:
            os.ftruncate(self._file, 0)
            self._read = 0
        os.write(self._own[STDERR], new)
        return new.decode(errors="replace")


def _nameless_file() -> int:
    """Return the descriptor of a file that ends with this process."""
    with tempfile.NamedTemporaryFile(prefix="omega-output-") as file:
        # Each write goes to the end, also after the file was emptied.
        return os.open(file.name, os.O_RDWR | os.O_APPEND)


@cache
def descriptors() -> Descriptors:
    """Return this pool process's."""
    return Descriptors()
