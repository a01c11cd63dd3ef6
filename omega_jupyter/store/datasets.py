"""The data sets: frames, series, arrays, sparse matrices and plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Part
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.names import ObjectName, one_version
from omega_jupyter.store.objects import ObjectStore
from omega_jupyter.store.query import Q, all_of

__all__ = ["DatasetStore"]


class DatasetStore(ObjectStore):
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
        attributes: Mapping[str, Any] | None = None,
        if_exists: str = "replace",
        task: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Metadata:
        """Store data as a new version.

        Parameters
        ----------
        obj : object
            A DataFrame, Series, numpy array, scipy sparse matrix, plain data (a
            ``str`` is text, never a path), bytes, or a file: a ``Path``, or what
            ``open(path, "rb")`` gives, which is read from where it stands to its end.
        name : str
            With ``/`` for folders.
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
            Something can't be kept exactly; the message names the column.
        Conflict
            The name exists, and ``if_exists='fail'``.
        """
        return self._put(
            obj, name, attributes=attributes, if_exists=if_exists, task=task, inputs=inputs
        )

    def get(
        self,
        name: str,
        *conditions: Q,
        version: int | str | None = None,
        columns: Sequence[Any] | None = None,
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
            :class:`~omega_jupyter.store.stored_file.StoredFile`.

        Raises
        ------
        NotFound
            The name, version or a column does not exist.
        Invalid
            A condition can't be applied.

        Examples
        --------
        >>> om.datasets.get("sales", Q(amount__gte=100) | ~Q(country="DE"), day__notnull=True)
        """
        parsed = ObjectName.parse(name)
        metadata = self._catalog.find(self.store, parsed.name, one_version(parsed, version))
        if columns is None and parsed.columns is not None:
            columns = parsed.columns
        exclude = parsed.exclude if columns is None else None
        where = all_of(conditions, filters)
        return self.get_version(metadata, columns=columns, exclude=exclude, where=where)

    def get_version(
        self,
        metadata: Metadata,
        *,
        columns: Sequence[Any] | None = None,
        exclude: Sequence[Any] | None = None,
        where: Q | None = None,
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
        as_put : bool
            Also lay a whole frame out in memory as it lay when it was put, so
            that what is computed from it is equal to the last bit. Costs a copy.

        Returns
        -------
        object
        """
        part = Part(columns=columns, exclude=exclude, where=where, as_put=as_put)
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
        if n < 0:
            raise Invalid(f"head() needs a number of rows that is not negative, not {n}")
        parsed = ObjectName.parse(name)
        metadata = self._catalog.find(self.store, parsed.name, parsed.version)
        return self._get(metadata, Part(columns=parsed.columns, exclude=parsed.exclude, rows=n))
