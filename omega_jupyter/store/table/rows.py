"""Which rows of a table are wanted, row group by row group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from omega_jupyter.errors import Invalid

__all__ = ["Rows", "Selection", "cut", "row_count", "step_of"]


class Rows(NamedTuple):
    """The wanted rows of one row group.

    Attributes
    ----------
    table : int
        Number of the part of the table (one for each append).
    group : int
        Row group in it.
    start : int
        Number of its first row in the table.
    total : int
        Rows of the group.
    places : numpy.ndarray of int, optional
        The wanted ones, ascending, counted within the group; None: all.
    """

    table: int
    group: int
    start: int
    total: int
    places: Any = None

    @property
    def wanted(self) -> int:
        """How many rows are wanted."""
        return self.total if self.places is None else len(self.places)

    def part(self, start: int, stop: int) -> Rows:
        """Return some of the wanted rows, counted among them."""
        if start <= 0 and stop >= self.wanted:
            return self
        places = np.arange(self.total) if self.places is None else self.places
        return self._replace(places=places[start:stop])

    def numbers(self) -> Any:
        """Return the numbers of the wanted rows in the table."""
        return self.start + (np.arange(self.total) if self.places is None else self.places)


class Selection(NamedTuple):
    """Wanted rows of a table.

    Attributes
    ----------
    rows : sequence of Rows
        The row groups that hold them, in order.
    step : int, optional
        Their distance where it is the same for all; the row index's frequency is
        multiplied with it. None: they have none, and the index no frequency.
    span : slice, optional
        The same rows where they were not chosen by a condition.
    """

    rows: Sequence[Rows]
    step: int | None = 1
    span: slice | None = None

    @property
    def wanted(self) -> int:
        """How many rows are wanted."""
        return sum(r.wanted for r in self.rows)

    def numbers(self) -> Any:
        """Return the numbers of the wanted rows in the table."""
        pieces = [r.numbers() for r in self.rows]
        return np.concatenate(pieces) if pieces else np.arange(0)


def row_count(value: Any) -> int:
    """Return how many rows ``head()`` is asked for.

    Raises
    ------
    Invalid
        It is no whole number, or negative.
    """
    try:
        count = index(value)
    except TypeError:
        count = -1
    if count < 0:
        raise Invalid(f"head() needs a number of rows that is not negative, not {value!r}")
    return count


def step_of(rows: Sequence[Rows]) -> int | None:
    """Return the distance of wanted rows where it is the same for all, as pandas finds it."""
    numbers = Selection(rows).numbers()
    if len(numbers) < 2:
        return 1
    step = int(numbers[1] - numbers[0])
    return step if (np.diff(numbers) == step).all() else None


def cut(rows: Iterable[Rows], size: int) -> Iterator[list[Rows]]:
    """Cut rows into runs of `size` wanted ones; the last may be shorter."""
    run: list[Rows] = []
    room = size
    for r in rows:
        at = 0
        while at < r.wanted:
            part = r.part(at, at + room)
            run.append(part)
            at += part.wanted
            room -= part.wanted
            if not room:
                yield run
                run, room = [], size
    if run:
        yield run
