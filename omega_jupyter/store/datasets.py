"""The data sets: frames, series, arrays, sparse matrices and plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Conflict, Invalid
from omega_jupyter.store.append.frames import FrameStream, is_stream
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.interchange.exchange import TableExchange
from omega_jupyter.store.names.catalog import Latest
from omega_jupyter.store.names.names import ObjectName, new_name
from omega_jupyter.store.objects import notes_of
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.query import Q, all_of
from omega_jupyter.store.versions.metadata import Metadata

if TYPE_CHECKING:
    from omega_jupyter.store.table.lazy import LazyTable

__all__ = ["DatasetStore"]


LIBRARIES = ("pandas", "polars", "arrow")


class DatasetStore(TableExchange):
    """Named, versioned data.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.

    Examples
    --------
    >>> om.datasets.put(df, "sales/2026")
    >>> om.datasets.get("sales/2026[amount,day]", amount__gte=100)
    """

    store = "datasets"

    def put(
        self,
        obj: Any,
        name: str,
        *,
        append: bool = False,
        attributes: Mapping[str, Any] | None = None,
        if_exists: str = "replace",
        task: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Metadata:
        """Store data as a new version.

        Parameters
        ----------
        obj : object
            A DataFrame or Series of pandas or polars, an Index, a table or array of
            pyarrow, a numpy array, a scipy sparse matrix, plain data (a ``str`` is text,
            never a path), bytes, or a file: a ``Path``, or what ``open(path, "rb")``
            gives, which is read from where it stands to its end.
            An iterator of frames, such as ``pd.read_csv(path, chunksize=100_000)``, is
            stored as one table; only some of its rows are in memory at a time.
        name : str
            With ``/`` for folders.
        append : bool
            Put the rows of a table or series behind those that are stored, as
            ``pandas.concat([stored, obj])`` would; where nothing is stored, as any
            put. Labels, dtypes and the kind of index must be equal; columns are
            found by their labels. Where both indexes just count the rows from 0, the
            rows go on counting (``ignore_index=True``); any other index is kept. What
            is written grows with `obj`, not with what is stored.
        attributes : mapping, optional
            Your own notes, plain JSON.
        if_exists : {'replace', 'fail'}
            What to do where the name exists: add a version, or refuse.
        task : str, optional
            Idempotency key: a second put with it publishes nothing.
        inputs : mapping, optional
            What it was made of: role to ``name@version``.

        Returns
        -------
        Metadata
            Of the new version.

        Raises
        ------
        Invalid
            Something can't be kept exactly, or rows don't fit the table; the message
            names the column.
        Conflict
            The name exists, and ``if_exists='fail'``.

        Examples
        --------
        >>> om.datasets.put(today, "sales", append=True)
        >>> om.datasets.put(pd.read_csv("large.csv", chunksize=100_000), "large")
        """
        streamed = is_stream(obj, self.store)
        if not append and not streamed:
            return self._put(
                obj, name, attributes=attributes, if_exists=if_exists, task=task, inputs=inputs
            ).version
        if append and if_exists == "fail":
            raise Invalid("append=True adds to what exists, if_exists='fail' refuses it")
        name, notes = new_name(name, task=task), notes_of(attributes, if_exists, inputs)
        done = self._done(name, task)
        if done is not None:
            return done
        if if_exists == "fail":
            self._refuse_taken(name, self._catalog.latest(self.store, name))
        stream = FrameStream(obj if streamed else [obj], self.store, single=not streamed)
        return self._put_rows(stream, name, append, if_exists, task, notes)

    def _put_rows(
        self,
        stream: FrameStream,
        name: str,
        append: bool,
        if_exists: str,
        task: str | None,
        notes: Mapping[str, Mapping[str, Any]],
    ) -> Metadata:
        from omega_jupyter.store.append.appending import RowsPut

        rows = RowsPut(self._url, self.store, name, stream, append=append, notes=notes)

        def make(latest: Latest) -> Document:
            if if_exists == "fail":
                self._refuse_taken(name, latest)
            return rows.document(latest)

        try:
            published = self._catalog.publish(
                self.store, name, make, task=task, base=lambda: rows.base
            )
        except (Conflict, Invalid):
            rows.settle([])
            raise
        rows.settle(published["segments"])
        return Metadata.from_document(published)

    def get(
        self,
        name: str,
        *conditions: Q,
        version: int | str | None = None,
        columns: Sequence[Any] | None = None,
        as_: str | None = None,
        **filters: Any,
    ) -> Any:
        """Load data, or the wanted part of a table.

        Parameters
        ----------
        name : str
            May carry columns and a version or tag: ``"sales[amount,day]@3"``.
        *conditions : Q
            Conditions on rows, combined with ``&``, ``|`` and ``~``. All must hold.
        version : int or str, optional
            Negative counts from the latest, which is -1; text is a tag.
        columns : sequence, optional
            Labels of the columns, in the wanted order.
        as_ : {'pandas', 'polars', 'arrow'}, optional
            The library whose frame, series, table or array a table becomes. Default:
            what was put. Of pandas' columns what is missing becomes null elsewhere; the
            columns of the others become columns of ArrowDtype in pandas.
        **filters
            Conditions too: ``amount__gte=100``, ``country__in=["DE", "AT"]``. A column that
            is called as a parameter: ``version__eq=2``, or ``Q(version=2)``.
            Operators: eq (may be left out), ne, gt, gte, lt, lte, in, nin, between,
            isnull, notnull, contains, startswith, endswith, and like with SQL's ``%``
            and ``_``. Each answers as pandas does.

        Returns
        -------
        object
            Equal to what was put; of a file a
            :class:`~omega_jupyter.store.files.stored_file.StoredFile`.

        Raises
        ------
        NotFound
            The name, version or a column does not exist.
        Invalid
            A condition can't be applied, or a part can't be converted without a change.

        Examples
        --------
        >>> om.datasets.get("sales", Q(amount__gte=100) | ~Q(country="DE"), day__notnull=True)
        """
        where = all_of(conditions, filters)
        metadata, part = self._wanted(name, version, columns, where)
        return self.get_version(
            metadata, columns=part.columns, exclude=part.exclude, where=part.where, as_=as_
        )

    def getl(
        self,
        name: str,
        *conditions: Q,
        version: int | str | None = None,
        columns: Sequence[Any] | None = None,
        **filters: Any,
    ) -> LazyTable:
        """Find a table, to look at it, choose from it and go through it without loading it.

        Parameters
        ----------
        name, *conditions, version, columns, **filters
            As for :meth:`get`.

        Returns
        -------
        LazyTable
            Of the version that is found now.

        Raises
        ------
        NotFound
            The name, version or a column does not exist.
        Invalid
            It is no table, or an operator does not exist.

        Examples
        --------
        >>> sales = om.datasets.getl("sales", amount__gte=100)
        >>> sales.shape
        (12345, 10)
        >>> total = sum(chunk["amount"].sum() for chunk in sales.iter_chunks())
        """
        where = all_of(conditions, filters)
        lazy: LazyTable = self._lazy(*self._wanted(name, version, columns, where))
        return lazy

    def getl_version(self, metadata: Metadata) -> LazyTable:
        """Return a table that the catalog has found already, as :meth:`getl` does."""
        lazy: LazyTable = self._lazy(metadata, Part())
        return lazy

    def get_version(
        self,
        metadata: Metadata,
        *,
        columns: Sequence[Any] | None = None,
        exclude: Sequence[Any] | None = None,
        where: Q | None = None,
        as_: str | None = None,
        as_put: bool = False,
    ) -> Any:
        """Load data that the catalog has found already.

        Parameters
        ----------
        metadata : Metadata
            From :meth:`metadata` or :meth:`Catalog.resolve`.
        columns, exclude : sequence, optional
            Labels of the columns to keep or to leave out.
        where : Q, optional
            The condition that rows must meet.
        as_ : str, optional
            As for :meth:`get`.
        as_put : bool
            Also lay a whole frame out in memory as it lay when it was put, so
            that what is computed from it is equal to the last bit. Costs a copy.

        Returns
        -------
        object
        """
        if as_ not in (None, *LIBRARIES):
            raise Invalid(f"as_={as_!r} is none of {', '.join(map(repr, LIBRARIES))}")
        part = Part(columns=columns, exclude=exclude, where=where, as_=as_, as_put=as_put)
        return self._get(metadata, part)

    def head(self, name: str, n: int = 5) -> Any:
        """Load the first rows of a table or array, or the first items of a list.

        Parameters
        ----------
        name : str
            May carry columns and version.
        n : int
            How many.
        """
        from omega_jupyter.store.table.rows import row_count

        rows = row_count(n)
        parsed = ObjectName.parse(name)
        metadata = self._catalog.find(self.store, parsed.name, parsed.version)
        return self._get(metadata, Part(columns=parsed.columns, exclude=parsed.exclude, rows=rows))
