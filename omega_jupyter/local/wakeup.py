"""Waiting for signals, without a thread and without polling."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from types import FrameType

__all__ = ["Wakeup"]


class Wakeup:
    """Notes signals, and wakes who waits.

    Parameters
    ----------
    *signals : signal.Signals
        Those to note. They no longer do anything else.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._reader, self._writer = os.pipe()
        for descriptor in (self._reader, self._writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._seen: set[int] = set()
        for number in signals:
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> None:
        """Return when a signal comes, or after some seconds."""
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._reader, 512)

    def seen(self, *signals: signal.Signals) -> bool:
        """Return whether one of these signals has come."""
        return any(number in self._seen for number in signals)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._seen.add(number)
