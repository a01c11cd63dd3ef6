"""How far a long operation on the store is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Notify", "Progress"]


@dataclass(frozen=True)
class Progress:
    """How far a long operation is.

    Attributes
    ----------
    what : str
        What is worked on, such as ``X@3``.
    done : int
        Bytes that are done.
    total : int, optional
        Bytes in all, where that is known.
    """

    what: str
    done: int
    total: int | None = None


Notify = Callable[[Progress], None]
