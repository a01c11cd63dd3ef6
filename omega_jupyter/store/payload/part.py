"""Which part of a stored object somebody wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omega_jupyter.store.query import Q

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """Which part of an object is wanted, and how it may be read.

    Attributes
    ----------
    columns, exclude : sequence, optional
        Labels of the columns to keep or to leave out.
    where : Q, optional
        The condition that rows must meet.
    rows : int, optional
        The first rows only.
    trusted : sequence of str
        Types that a model may hold beyond the loader's own list.
    allow_joblib : bool
        Whether the reader's own settings allow a model that runs code when it is loaded.
    as_put : bool
        Lay a frame out in memory as it lay when it was put, which costs a copy.
    as_ : str, optional
        The library whose object a table becomes: ``pandas``, ``polars`` or ``arrow``.
    """

    columns: Sequence[Any] | None = None
    exclude: Sequence[Any] | None = None
    where: Q | None = None
    rows: int | None = None
    trusted: Sequence[str] = ()
    allow_joblib: bool = False
    as_put: bool = False
    as_: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return (
            self.columns is None
            and self.exclude is None
            and self.where is None
            and self.rows is None
        )
