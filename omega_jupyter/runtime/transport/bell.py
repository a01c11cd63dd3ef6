"""What threads and event loops wait on for news."""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """A file descriptor that becomes readable when somebody rings.

    For the worker's event loop and for :func:`select.select`. It rings at once for
    who waits first: there may be news already.
    """

    def __init__(self) -> None:
        self._pipe: tuple[int, int] | None = None  # made when somebody waits
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is news."""
        with self._lock:
            if self._pipe is None:
                self._pipe = os.pipe()
                for descriptor in self._pipe:
                    os.set_blocking(descriptor, False)
                os.write(self._pipe[1], b"!")
            return self._pipe[0]

    def wait(self, timeout: float | None) -> bool:
        """Return True when there is news, False after ``timeout`` seconds."""
        ready, _, _ = select.select([self.fileno()], [], [], timeout)
        return bool(ready)

    def ring(self) -> None:
        """Make the descriptor readable."""
        # Under the lock: the number of a closed descriptor may belong to another file.
        with self._lock:
            if self._pipe is not None:
                with suppress(BlockingIOError):  # full: readable anyway
                    os.write(self._pipe[1], b"!")

    def clear(self) -> None:
        """Make the descriptor unreadable until the next news."""
        with suppress(BlockingIOError):
            while os.read(self.fileno(), 4096):
                pass

    def close(self) -> None:
        """Close the descriptor, where there is one."""
        with self._lock:
            pipe, self._pipe = self._pipe, None
            for descriptor in pipe or ():
                os.close(descriptor)
