"""The store as a whole: is it sound, what takes how much room, what can go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.archive.export import Exported, export_archive
from omega_jupyter.store.archive.restore import Imported, import_archive
from omega_jupyter.store.names.catalog import KINDS_OF_STORES
from omega_jupyter.store.upkeep.check import check
from omega_jupyter.store.upkeep.garbage import DROPPED_GRACE, Collected, collect
from omega_jupyter.store.upkeep.report import Report
from omega_jupyter.store.upkeep.usage import Usage, usage
from omega_jupyter.store.wording.progress import Notify

__all__ = ["Store"]


class Store:
    """All data sets and models of a user.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.

    Examples
    --------
    >>> om.store.check()
    >>> om.store.gc(dry_run=True)
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url

    def __repr__(self) -> str:
        return f"Store({str(self._url)!r})"

    def check(self, pattern: str | None = None, *, notify: Notify | None = None) -> Report:
        """Read all that is stored and compare it with its checksums.

        Nothing is changed. Others may work meanwhile.

        Parameters
        ----------
        pattern : str, optional
            Only names like this one, with ``*`` and ``?`` as in file names.
        notify : callable, optional
            Called with a :class:`~omega_jupyter.store.wording.progress.Progress` from time to time.

        Returns
        -------
        Report
            True where all is well; ``problems`` names what is not.
        """
        return check(self._url, pattern, notify=notify)

    def gc(
        self,
        *,
        grace: timedelta = DROPPED_GRACE,
        dry_run: bool = False,
        notify: Notify | None = None,
    ) -> Collected:
        """Remove what no version needs: of dropped objects, and of writers that died.

        What is being written is never touched.

        Parameters
        ----------
        grace : timedelta
            How long dropped objects stay; default an hour. With less, somebody who is
            loading one at this moment gets an error.
        dry_run : bool
            Remove nothing, and tell what would be removed.
        notify : callable, optional
            Called with a :class:`~omega_jupyter.store.wording.progress.Progress` from time to time.

        Returns
        -------
        Collected
        """
        if not isinstance(grace, timedelta):
            raise Invalid(f"grace={grace!r:.80} is no timedelta", hint="grace=timedelta(minutes=5)")
        return collect(self._url, grace=grace, dry_run=dry_run, notify=notify)

    def usage(self, pattern: str | None = None) -> Usage:
        """Tell how much room objects take, each and together.

        Parameters
        ----------
        pattern : str, optional
            Only names like this one, with ``*`` and ``?`` as in file names.

        Returns
        -------
        Usage
            With ``objects``, the largest first, what is garbage, and sizes on the disk.
        """
        return usage(self._url, pattern)

    def export(
        self,
        path: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        stores: Sequence[str] = (),
        versions: str = "all",
        notify: Notify | None = None,
    ) -> Exported:
        """Write all that is stored, or a part of it, into one file.

        What is put or dropped meanwhile changes nothing in it.

        Parameters
        ----------
        path : path
            The file, by custom ``….omega``; an archive that is there is replaced when the
            new one is whole.
        pattern : str, optional
            Only names like this one, with ``*`` and ``?`` as in file names.
        stores : sequence of {'datasets', 'models'}
            Default: both.
        versions : {'all', 'latest'}
            All versions of each name, or the latest alone.
        notify : callable, optional
            Called with a :class:`~omega_jupyter.store.wording.progress.Progress` from time to time.

        Returns
        -------
        Exported

        Raises
        ------
        NotFound
            Nothing has such a name, or there is no such folder.
        Conflict
            The file is there, and is something else.
        Invalid
            The file can't be written, or something that is stored is damaged; named.
        """
        unknown = set(stores) - set(KINDS_OF_STORES)
        if unknown or versions not in ("all", "latest"):
            raise Invalid(
                f"versions={versions!r}, stores={list(stores)!r} can't be exported",
                hint="versions='all' or 'latest'; stores=['datasets', 'models']",
            )
        return export_archive(
            self._url,
            Path(path).expanduser(),
            pattern,
            stores=stores,
            latest=versions == "latest",
            notify=notify,
        )

    def import_(
        self,
        path: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        if_exists: str = "fail",
        notify: Notify | None = None,
    ) -> Imported:
        """Publish what an archive holds: versions with their numbers, scores and lineage.

        Nothing is published before all of the file was compared with its checksums. What
        is here already is recognised: importing the same archive again does no harm.

        Parameters
        ----------
        path : path
            What :meth:`export` wrote, here or elsewhere.
        pattern : str, optional
            Only names like this one, with ``*`` and ``?`` as in file names.
        if_exists : {'fail', 'skip', 'add'}
            What to do where a name is there with other versions: import nothing at all,
            leave these names alone, or put the archive's versions behind those that are
            there, under new numbers.
        notify : callable, optional
            Called with a :class:`~omega_jupyter.store.wording.progress.Progress` from time to time.

        Returns
        -------
        Imported

        Raises
        ------
        NotFound
            There is no such file, or nothing in it has such a name.
        Invalid
            It is no archive, is cut off, was changed, or holds what no store has written.
        Conflict
            Names are there, and ``if_exists='fail'``; or somebody writes to one of them now.
        """
        return import_archive(
            self._url, Path(path).expanduser(), pattern, if_exists=if_exists, notify=notify
        )
