"""The terms of a task: what its message tells a worker beside the arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omega_jupyter.errors import AuthError

__all__ = ["Terms"]


@dataclass(frozen=True)
class Terms:
    """How a message's task is to be run. Signed with all the rest.

    Attributes
    ----------
    queue : str
        The only queue that a worker takes the message from.
    number : int
        1 for the message that a client sends; each message of the same task that is sent
        after one was taken has a higher one. Each number is taken once.
    time_limit : float, optional
        Seconds after which the worker ends the task.
    not_before : float, optional
        Seconds since the epoch; the worker keeps the message until then.
    """

    queue: str
    number: int = 1
    time_limit: float | None = None
    not_before: float | None = None

    def to_header(self) -> dict[str, Any]:
        """Return the JSON-able form that travels."""
        return {
            "queue": self.queue,
            "n": self.number,
            "limit": self.time_limit,
            "eta": self.not_before,
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Terms:
        """Read what :meth:`to_header` wrote.

        Raises
        ------
        AuthError
            It is malformed.
        """
        match [header.get(name) for name in ("queue", "n", "limit", "eta")]:
            case [str(queue), int(number), limit, eta] if number > 0:
                return cls(queue, number, _seconds(limit), _seconds(eta))
        raise _malformed()

    def signed(self) -> list[Any]:
        """Return what is signed of it, whichever way its numbers have travelled."""
        return [self.queue, self.number, *map(_seconds, (self.time_limit, self.not_before))]


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    # The year 5138 at most, so that it is a moment.
    if not isinstance(value, int | float) or not 0 < value < 1e11:
        raise _malformed()
    return float(value)


def _malformed() -> AuthError:
    return AuthError("The sealed credentials are malformed")
