"""Some columns and rows of a stored table, read as a whole, from its beginning or in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.query import Q, all_of
from omega_jupyter.store.table.filters.conditions import Condition, Joint, Labels, resolve
from omega_jupyter.store.table.filters.matching import BATCH_ROWS, matching
from omega_jupyter.store.table.read import TableReader
from omega_jupyter.store.table.rows import Rows, Selection, cut, step_of

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["TableView"]

# Of a filter, the rows that are looked at first for the first that fit.
FIRST_ROWS = 1 << 16


class TableView:
    """A choice of columns and rows; nothing is read before it is asked.

    Parameters
    ----------
    reader : TableReader
        The table.
    what : str
        The table for errors.
    columns : sequence of int, optional
        Positions in the wanted order. None: all.
    where : Q, optional
        The rows. None: all.

    Raises
    ------
    NotFound
        The condition names a column that does not exist.
    Invalid
        It has an operator that does not exist, or can't take its value.
    """

    def __init__(
        self,
        reader: TableReader,
        what: str,
        columns: Sequence[int] | None = None,
        where: Q | None = None,
    ) -> None:
        self._reader = reader
        self.what = what
        self.columns = columns
        self.where = where
        self._tree: Condition | Joint | None = None
        if where is not None:
            self._tree = resolve(where, Labels(reader.labels, reader.index_spec, what))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._reader.width if self.columns is None else len(self.columns)

    @property
    def url(self) -> SecretUrl | None:
        """The database that it is read from; None where it is elsewhere."""
        return self._reader.url

    @property
    def knows_labels(self) -> bool:
        """Whether no chunk must be read for the labels of the columns."""
        return self._reader.knows_labels

    def narrowed(self, places: Sequence[int]) -> TableView:
        """Return a view of some of its columns, counted among them."""
        columns = range(self._reader.width) if self.columns is None else self.columns
        chosen = [columns[place] for place in places]
        return TableView(self._reader, self.what, chosen, self.where)

    def filtered(self, where: Q | None) -> TableView:
        """Return a view of those of its rows that meet a condition."""
        both = [condition for condition in (self.where, where) if condition is not None]
        return TableView(self._reader, self.what, self.columns, all_of(both, {}))

    def empty(self) -> Any:
        """Return the frame without rows; no row group is read."""
        return self._reader.fresh().frame(self.columns, Selection([], span=slice(0, 0)))

    def frame(self) -> Any:
        """Read all of it."""
        reader = self._reader.fresh()
        if self._tree is None:
            return reader.frame(self.columns)
        found, step = self._found(reader, self._tree, BATCH_ROWS)
        return reader.frame(self.columns, Selection(list(found), step))

    def head(self, count: int) -> Any:
        """Read the first rows."""
        reader = self._reader.fresh()
        if self._tree is None:
            return reader.head(count, self.columns)
        found, step = self._found(reader, self._tree, FIRST_ROWS)
        rows = next(cut(found, count), []) if count else []
        return reader.frame(self.columns, Selection(rows, step))

    def count(self) -> int:
        """Return the number of rows; for that, only what the condition names is read."""
        if self._tree is None:
            return self._reader.rows
        rows = matching(self._reader.fresh(), self._tree, self.what)
        return sum(r.wanted for r in rows)

    def chunks(self, size: int) -> Iterator[Any]:
        """Read frames of `size` rows, the last of fewer; one without rows where there are none.

        Each row group is read once.
        """
        reader = self._reader.fresh()
        # Of small chunks several are made of what is read, so that little is decoded twice.
        unit = size * max(1, reader.group_rows // size)
        found: Iterable[Rows] = reader.all_rows()
        step: int | None = 1
        if self._tree is not None:
            found, step = self._found(reader, self._tree, unit)
        run: list[Rows] = []
        for following in chain(cut(found, unit), [[]]):
            if run or not following:
                yield from self._pieces(reader, run, step, size, following)
            run = following

    def _pieces(
        self,
        reader: TableReader,
        run: Sequence[Rows],
        step: int | None,
        size: int,
        following: Sequence[Rows],
    ) -> Iterator[Any]:
        """Read some rows and cut them; a row group that goes on in the following is kept."""
        span = None
        if self._tree is None:
            start = int(run[0].numbers()[0]) if run else 0
            span = slice(start, start + sum(r.wanted for r in run))
        goes_on = run and following and run[-1].start == following[0].start
        selection = Selection(run, step, span)
        frame = reader.frame(self.columns, selection, keep=run[-1] if goes_on else None)
        if len(frame) <= size:
            yield frame
        else:
            for at in range(0, len(frame), size):
                # On its own: what is done to a chunk must not reach the next.
                yield frame.iloc[at : at + size].copy()

    def _found(
        self, reader: TableReader, tree: Condition | Joint, first: int
    ) -> tuple[Iterator[Rows], int | None]:
        """Return the rows that fit, and their distance for the frequency of the row index."""
        keep = range(reader.width) if self.columns is None else self.columns
        wanted = [*keep, *reader.index_columns]
        found = matching(reader, tree, self.what, keep=wanted, first=first)
        if not reader.has_frequency:
            return found, 1
        # It hangs on all rows, those far behind too.
        rows = list(found)
        return iter(rows), step_of(rows)
