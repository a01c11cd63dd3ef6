"""How far a long operation on the store is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omega_jupyter.store.wording.facts import bytes_text, count_text

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

    @property
    def amount(self) -> str:
        """How much is done of how much: ``1.2 MB of 3.4 MB``, ``20,000 of 50,000 rows``."""
        if self.unit == "bytes":
            done, total = bytes_text(self.done), bytes_text(self.total or 0)
        else:
            done, total = f"{self.done:,}", count_text(self.total or 0, "row")
        if self.total:
            return f"{done} of {total}"
        return done if self.unit == "bytes" else count_text(self.done, "row")


Notify = Callable[[Progress], None]
