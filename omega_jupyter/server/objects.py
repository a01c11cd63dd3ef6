"""What is stored, read beside the server's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from omega_jupyter.store.names.listing import Brief

__all__ = ["ObjectsReader"]

# The first request also imports what reads the stores.
IMPORT_SECONDS = 20.0


class ObjectsReader:
    """Reads the newest version of every stored object.

    Blocking calls run in threads of its own, so that a database that hangs holds up
    neither the server nor the other users of its executor.

    Parameters
    ----------
    timeout : float
        Seconds that the database has to answer.
    threads : int
        How many calls may wait at once.
    """

    def __init__(self, *, timeout: float, threads: int) -> None:
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="omega-panel")
        self._under_way: asyncio.Task[dict[str, Any]] | None = None

    async def read(self) -> dict[str, Any]:
        """Return what the panel lists.

        Requests that come while one is under way get its answer.

        Returns
        -------
        dict
            ``datasets`` and ``models``, lists of ``name``, ``version`` and ``kind``
            in the order of names; ``stopped``, whether the local services are used
            and do not run.

        Raises
        ------
        Unavailable
            The database does not answer in time, or the settings can't be used.
        AuthError
            The database refuses the credentials.
        """
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.ensure_future(self._in_thread())
        # One browser that goes away must not take the answer from the others.
        return await asyncio.shield(self._under_way)

    def close(self) -> None:
        """Start no further calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self) -> dict[str, Any]:
        call = asyncio.get_running_loop().run_in_executor(self._threads, _read, self._timeout)
        try:
            return await asyncio.wait_for(call, self._timeout + IMPORT_SECONDS)
        except TimeoutError:
            raise Unavailable(
                f"MongoDB did not answer within {self._timeout:g} seconds",
                hop="mongodb",
                hint="`omega doctor` checks every hop",
            ) from None


def _read(timeout: float) -> dict[str, Any]:
    """Read the stores; blocks."""
    import pymongo

    from omega_jupyter.omega import Omega

    try:
        url = _running(OmegaConfig.load())
        if url is None:
            return {"datasets": [], "models": [], "stopped": True}
        # With the URL given, nothing is started and nothing counts as used: a panel
        # that is left open must not keep the local services alive.
        om = Omega(mongo_url=url)
        with pymongo.timeout(timeout):
            return {
                "datasets": _listed(om.datasets.brief()),
                "models": _listed(om.models.brief()),
                "stopped": False,
            }
    except Invalid as error:
        # The browser sent nothing that could be invalid: it is the server's settings.
        raise Unavailable(error.message, hop="settings", hint=error.hint) from error


def _running(config: OmegaConfig) -> SecretUrl | None:
    """Return the database's URL; None where the local services would have to be started."""
    if config.mongo_url is not None:
        return config.mongo_url
    from omega_jupyter.local.services import LocalServices

    return LocalServices(config).peek()


def _listed(briefs: Iterable[Brief]) -> list[dict[str, Any]]:
    return [brief._asdict() for brief in briefs]
