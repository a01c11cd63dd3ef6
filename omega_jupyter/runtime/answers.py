"""What the handle of a task answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Cancelled", "Progress"]


class Cancelled(StrEnum):
    """What came of a cancel: the text says it.

    Attributes
    ----------
    NEVER_STARTED
        It waited in a queue, and will not start.
    STOPPING
        It was asked to stop; nobody knows yet how it ends.
    STOPPED
        It stopped when it was asked to.
    KILLED
        It did not stop in time, and its process was killed.
    FINISHING
        It came too late: the result is being published.
    HAD_FINISHED
        It came too late: it had ended by itself.
    """

    NEVER_STARTED = "never started"
    STOPPING = "stopping"
    STOPPED = "stopped"
    KILLED = "killed"
    FINISHING = "finishing"
    HAD_FINISHED = "had finished"

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Progress:
    """How far a task is.

    Attributes
    ----------
    fraction : float or None
        Between 0 and 1; None where nothing can be known but the time.
    step : str
        What is being done, ``fit 3 of 15``; may be empty.
    elapsed : float
        Seconds since a worker began with it; 0 before.
    """

    fraction: float | None
    step: str
    elapsed: float
