"""What a task may use of time and memory, and what is said of one that used more."""

from __future__ import annotations

import math
from typing import Any

from omega_jupyter.errors import Invalid

__all__ = [
    "bytes_said",
    "checked_seconds",
    "checked_time_limit",
    "exceeded",
    "out_of_time",
    "verdicts",
]

_HINT = "%omega retry runs it again, with the same limits"

# By task: why the worker's main process, which this is, has ended it.
verdicts: dict[str, dict[str, Any]] = {}


def checked_time_limit(seconds: Any) -> float | None:
    """Return the time limit of a call.

    Raises
    ------
    Invalid
        It is not a positive number of seconds.
    """
    if seconds is None:
        return None
    if not _is_number(seconds) or not math.isfinite(seconds) or seconds <= 0:
        raise Invalid(f"time_limit is a positive number of seconds, not {seconds!r}")
    return float(seconds)


def checked_seconds(name: str, seconds: Any) -> float:
    """Return how long somebody waits, by the name of the parameter that says so.

    Raises
    ------
    Invalid
        It is not a number of seconds from 0.
    """
    if not _is_number(seconds) or not seconds >= 0:
        raise Invalid(f"{name} is a number of seconds, not {seconds!r}")
    return float(seconds)


def _is_number(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool)


def exceeded(what: str) -> dict[str, Any]:
    """Return the error of a task that did not keep to a limit, as its record keeps it."""
    return {"type": "LimitExceeded", "code": "task_failed", "message": what, "hint": _HINT}


def out_of_time(seconds: float) -> str:
    """Return what a task did that did not keep to its time limit."""
    return f"ran longer than its time limit of {seconds:g} s"


def bytes_said(size: int) -> str:
    """Return a limit as it was probably set: ``4 GB``, ``512 MiB``."""
    for unit, factor in _UNITS:
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size:,} bytes"


_UNITS = (("GB", 10**9), ("GiB", 1 << 30), ("MB", 10**6), ("MiB", 1 << 20))
