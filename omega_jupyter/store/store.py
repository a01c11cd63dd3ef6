"""The store as a whole: is it sound, what takes how much room, what can go."""

from __future__ import annotations

from datetime import timedelta

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.check import Report, check
from omega_jupyter.store.garbage import DROPPED_GRACE, Collected, collect
from omega_jupyter.store.progress import Notify
from omega_jupyter.store.usage import Usage, usage

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
            Called with a :class:`~omega_jupyter.store.progress.Progress` from time to time.

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
            Called with a :class:`~omega_jupyter.store.progress.Progress` from time to time.

        Returns
        -------
        Collected
        """
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
