"""A stored table to look at, choose from and go through, without loading it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.query import Q, all_of
from omega_jupyter.store.table.part import column_positions
from omega_jupyter.store.table.rows import row_count
from omega_jupyter.store.table.view import TableView
from omega_jupyter.store.values import typed
from omega_jupyter.store.wording.facts import facts_html

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["LazyTable"]

COLUMNS_SHOWN = 10


class LazyTable:
    """One version of a table, of which nothing is read before it is asked for.

    Made by :meth:`DatasetStore.getl`. What is put later doesn't change it. Once its
    version was removed, it can be read for a grace time of an hour.

    Parameters
    ----------
    view : TableView
        The wanted columns and rows.
    make : callable
        Makes the user's object of a frame, and of whether it is `single`.
    single : bool
        Whether it is one column on its own, as a Series is.
    index_is_data : bool
        Whether the row index is what is looked at.
    labels : pandas.Index, optional
        Of the columns, where they are not the stored ones.

    Examples
    --------
    >>> sales = om.datasets.getl("sales", country="DE")
    >>> len(sales)
    12345
    >>> for chunk in sales[["amount", "day"]].iter_chunks(10_000):
    ...     model.partial_fit(chunk[["amount"]], chunk["day"])
    """

    # Neither rows nor labels: nobody should load a table by accident.
    __iter__ = None

    def __init__(
        self,
        view: TableView,
        make: Callable[[Any, bool], Any],
        *,
        single: bool = False,
        index_is_data: bool = False,
        labels: Any = None,
    ) -> None:
        self._view = view
        self._make = make
        self._single = single
        self._index_is_data = index_is_data
        self._labels = labels
        self._count: int | None = None

    @cached_property
    def _empty(self) -> Any:
        """The same without rows, as pandas has it."""
        return self._pandas(self._view.empty())

    @property
    def columns(self) -> Any:
        """The labels of the columns: a pandas.Index."""
        import pandas as pd

        empty = self._empty
        if self._single:
            names = empty.names if hasattr(empty, "names") else [empty.name]
            return pd.Index(names, dtype=object, tupleize_cols=False)
        return empty.columns.view()

    @property
    def dtypes(self) -> Any:
        """The dtypes, as ``DataFrame.dtypes`` and ``Series.dtypes`` give them."""
        empty = self._empty
        return empty.dtypes if hasattr(empty, "dtypes") else empty.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns; of a Series rows. With a filter, what it names is read."""
        return (len(self),) if self._single else (len(self), self._view.width)

    def __len__(self) -> int:
        if self._count is None:
            self._count = self._view.count()
        return self._count

    @property
    def value(self) -> Any:
        """All of it, as :meth:`DatasetStore.get` would load it."""
        return self._made(self._view.frame())

    def head(self, n: int = 5) -> Any:
        """Load the first rows.

        Parameters
        ----------
        n : int
            How many; not negative.
        """
        n = row_count(n)
        return self._made(self._view.head(n))

    def iter_chunks(self, chunksize: int = 65_536) -> Iterator[Any]:
        """Load it in parts, in order; each stored row group is read once.

        Parameters
        ----------
        chunksize : int
            Rows of a part, at least 1; the last part may have fewer.

        Returns
        -------
        iterator
            Of the same kind as :attr:`value`. One part without rows where there are none.

        Raises
        ------
        Invalid
            `chunksize` is below 1.
        NotFound
            While it goes on: the version was removed, more than an hour ago.
        """
        try:
            size = index(chunksize)
        except TypeError:
            size = 0
        if size < 1:
            raise Invalid(
                f"chunksize={chunksize!r} is not a number of rows", hint="iter_chunks(10_000)"
            )
        return map(self._made, self._view.chunks(size))

    def filter(self, *conditions: Q, **filters: Any) -> LazyTable:
        """Choose rows.

        Parameters
        ----------
        *conditions, **filters
            As for :meth:`DatasetStore.get`: on any stored column, chosen or not. All
            must hold, and those that are there already.

        Returns
        -------
        LazyTable

        Raises
        ------
        NotFound
            A column does not exist.
        Invalid
            An operator does not exist, or can't take its value.
        """
        where = all_of(conditions, filters)
        return self._with(self._view.filtered(where), self._single, self._labels)

    def __getitem__(self, key: Any) -> LazyTable:
        """Choose columns: several with a list, one with its label, as of a DataFrame.

        Raises
        ------
        NotFound
            A column does not exist.
        Invalid
            It is a Series, or the key chooses rows.
        """
        if self._single:
            raise Invalid(f"{self._view.what} is one column here: {self.columns[0]!r}")
        several = isinstance(key, list) or getattr(key, "ndim", 0) == 1
        mask = several and str(getattr(key, "dtype", "")).startswith("bool")
        if mask or isinstance(key, slice | Q):
            raise Invalid(
                "Columns are chosen in brackets; rows are not",
                hint="lazy.filter(amount__gte=100), or lazy.head(5)",
            )
        wanted = list(key) if several else [key]
        places = column_positions(self.columns, wanted, None, self._view.what)
        view = self._view.narrowed(places)
        if several:
            labels = None if self._labels is None else self._labels.take(places)
            return self._with(view, False, labels)
        # A label of several levels, or one that is there twice, gives a frame.
        like = self._empty[key if key in self.columns else self.columns[places[0]]]
        return self._with(
            view, like.ndim == 1, like.to_frame().columns if like.ndim == 1 else like.columns
        )

    @property
    def ref(self) -> str:
        """The stored version, ``name@version``."""
        return self._view.what

    def choice(self, url: SecretUrl) -> dict[str, Any] | None:
        """Return columns and rows as JSON, for :meth:`chosen` elsewhere.

        Parameters
        ----------
        url : SecretUrl
            The database where that is to be.

        Returns
        -------
        dict or None
            None where only the table itself can tell: it is of another database, or
            a part of the labels was chosen.

        Raises
        ------
        Invalid
            A condition has a value that can't be kept exactly.
        """
        if self._view.url != url or (self._labels is not None and not self._single):
            return None
        where = self._view.where
        try:
            condition = None if where is None else typed.dumps(where.to_plain())
        except typed.Refused as error:
            raise Invalid(
                f"A condition on {self.ref} {error}, which can't be sent",
                hint="compare with plain values",
            ) from None
        columns = self._view.columns
        return {
            "columns": None if columns is None else [int(place) for place in columns],
            "where": condition,
            "single": self._single,
        }

    def chosen(self, choice: Mapping[str, Any]) -> LazyTable:
        """Return of this whole table what :meth:`choice` described."""
        view = self._view
        if choice["columns"] is not None:
            view = view.narrowed(choice["columns"])
        if choice["where"] is not None:
            view = view.filtered(Q.from_plain(typed.loads(choice["where"])))
        single = bool(choice["single"])
        labels = None
        if single and not self._single:
            labels = self._empty.iloc[:, list(choice["columns"])].columns
        return self._with(view, single, labels)

    def _with(self, view: TableView, single: bool, labels: Any) -> LazyTable:
        return LazyTable(
            view, self._make, single=single, index_is_data=self._index_is_data, labels=labels
        )

    def _pandas(self, frame: Any) -> Any:
        if self._index_is_data:
            return frame.index
        if self._labels is not None:
            frame.columns = self._labels.view()
        return frame.iloc[:, 0] if self._single else frame

    def _made(self, frame: Any) -> Any:
        """Return a frame as the user's own kind of object."""
        if self._labels is not None:
            frame.columns = self._labels.view()
        return self._make(frame, self._single)

    def _rows(self) -> str:
        if self._view.where is not None:
            return f"filtered by {self._view.where!r:.200}"
        return f"{len(self):,} rows"

    def _named(self) -> str:
        """Return how many columns, and the first labels where nothing must be read for them."""
        if self._single and self._view.knows_labels:
            return f"one column, {self.columns[0]!r}"
        count = f"{self._view.width:,} column{'s' * (self._view.width != 1)}"
        if not self._view.knows_labels:
            return count
        shown = [str(label) for label in self.columns[:COLUMNS_SHOWN]]
        return f"{count}: {', '.join(shown + ['…'] * (self._view.width > len(shown)))}"

    def __repr__(self) -> str:
        return f"<LazyTable {self._view.what}, {self._rows()}, {self._named()}>"

    def _repr_html_(self) -> str:
        facts = [("name", self._view.what), ("rows", self._rows()), ("columns", self._named())]
        return facts_html(facts)
