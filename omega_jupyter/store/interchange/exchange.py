"""Tables from files and to files, as a part of the data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.append.source import FrameSource
from omega_jupyter.store.chunks.chunks import StoredSource
from omega_jupyter.store.interchange.importing import frames_of_file, suffix_of
from omega_jupyter.store.names.names import ObjectName, one_version
from omega_jupyter.store.objects import ObjectStore
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.query import Q, all_of
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.wording.progress import Notify

__all__ = ["TableExchange"]


class TableExchange(ObjectStore, ABC):
    """What exchanges tables with other programs.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

    @abstractmethod
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
        """Store an object as a new version."""

    def import_(
        self,
        path: str | Path,
        name: str,
        *,
        append: bool = False,
        attributes: Mapping[str, Any] | None = None,
        if_exists: str = "replace",
        task: str | None = None,
        inputs: Mapping[str, str] | None = None,
        notify: Notify | None = None,
    ) -> Metadata:
        """Store a table from a file of another program; a part of it is in memory at a time.

        The dtypes are those of ``pandas.read_parquet``, ``read_feather`` and
        ``read_csv(low_memory=False)`` for the whole file.

        Parameters
        ----------
        path : str or Path
            ``.parquet``, ``.feather`` or ``.csv``.
        name, append, attributes, if_exists, task, inputs
            As for :meth:`put`.
        notify : callable, optional
            Called with a :class:`~omega_jupyter.store.wording.progress.Progress`, in rows, from
            time to time.

        Returns
        -------
        Metadata
            Of the new version.

        Raises
        ------
        NotFound
            There is no such file.
        Invalid
            The file can't be read, or its rows don't fit the table.
        Conflict
            The name exists, and ``if_exists='fail'``.

        Examples
        --------
        >>> om.datasets.import_("data/sales.parquet", "sales")
        """
        return self.put(
            FrameSource(frames_of_file(Path(path), notify), file=Path(path).name),
            name,
            append=append,
            attributes=attributes,
            if_exists=if_exists,
            task=task,
            inputs=inputs,
        )

    def export(
        self,
        name: str,
        path: str | Path,
        *conditions: Q,
        version: int | str | None = None,
        columns: Sequence[Any] | None = None,
        notify: Notify | None = None,
        **filters: Any,
    ) -> Path:
        """Write a table to a file for other programs; a part of it is in memory at a time.

        The file appears when it is whole. From Parquet and Feather pandas reads the table
        back equal (but for the frequency of datetimes in the index), or it is refused with
        what would change. CSV keeps what a text can say: no dtypes, and no numbers of rows.

        Parameters
        ----------
        name : str
            May carry columns and a version or tag.
        path : str or Path
            ``.parquet``, ``.feather`` or ``.csv``; a file that is there is replaced.
        *conditions, version, columns, **filters
            As for :meth:`get`.
        notify : callable, optional
            As for :meth:`import_`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        NotFound
            The name, version or a column does not exist.
        Invalid
            It is no table, the file would not keep it, or can't be written.

        Examples
        --------
        >>> om.datasets.export("sales[day,amount]@3", "sales.parquet", amount__gte=100)
        """
        from omega_jupyter.store.interchange.exporting import export_table

        where = all_of(conditions, filters)
        suffix_of(Path(path))
        metadata, part = self._wanted(name, version, columns, where)
        document = self._document(metadata)
        source = StoredSource(self._url, document)
        export_table(source, document, part, metadata.ref, Path(path), notify)
        return Path(path)

    def _wanted(
        self,
        name: str,
        version: int | str | None,
        columns: Sequence[Any] | None,
        where: Q | None,
    ) -> tuple[Metadata, Part]:
        """Return the version, and the part of it, that a call names."""
        parsed = ObjectName.parse(name)
        if isinstance(columns, str | bytes):
            raise Invalid(
                f"columns={columns!r} is one label, and not a list of them",
                hint=f"columns=[{columns!r}]",
            )
        if columns is not None and not isinstance(columns, Iterable):
            raise Invalid(
                f"columns={columns!r} is no list of labels", hint=f"columns=[{columns!r}]"
            )
        if columns is not None and (parsed.columns is not None or parsed.exclude is not None):
            raise Invalid(
                f"Two choices of columns are made: by the brackets of {name!r}, and by columns=",
                hint="leave out one of them",
            )
        metadata = self._catalog.find(self.store, parsed.name, one_version(parsed, version))
        if columns is None and parsed.columns is not None:
            columns = parsed.columns
        exclude = parsed.exclude if columns is None else None
        return metadata, Part(columns=columns, exclude=exclude, where=where)
