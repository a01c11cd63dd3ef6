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
        Bytes that are done, or rows.
    total : int, optional
        All of them, where that is known.
    unit : str
        ``bytes`` or ``rows``.
    """

    what: str
    done: int
    total: int | None = None
    unit: str = "bytes"


Notify = Callable[[Progress], None]
