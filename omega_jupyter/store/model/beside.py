"""What stands in a skops file for an object that is kept beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Beside", "put_back"]

_found: ContextVar[Sequence[Any] | None] = ContextVar("omega_beside", default=None)


class Beside:
    """A number in place of an object.

    skops writes it as a call of this class with the number, and makes that call
    when it loads. Within :func:`put_back` the call gives the object itself.

    Parameters
    ----------
    number : int
        The object's place among those that are kept beside.
    """

    __slots__ = ("number",)

    def __new__(cls, number: int) -> Any:
        """Return the object that has the number, where it is known."""
        found = _found.get()
        if found is None:
            return super().__new__(cls)
        if type(number) is not int or not 0 <= number < len(found):
            raise ValueError(f"there is no object {number!r} beside the file")
        return found[number]

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return Beside, (self.number,)


@contextmanager
def put_back(found: Sequence[Any]) -> Iterator[None]:
    """Let calls of :class:`Beside` give these objects."""
    token = _found.set(found)
    try:
        yield
    finally:
        _found.reset(token)
