"""Running elsewhere: where a user gets models, tasks and workers from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from omega_jupyter.errors import Unavailable
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.model import OmegaModelProxy

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter
    from omega_jupyter.runtime.task import OmegaTask

__all__ = ["OmegaRuntime"]

PING_TIMEOUT_SECONDS = 1.0


class OmegaRuntime:
    """The client side of remote execution.

    Reached as ``om.runtime``.

    Parameters
    ----------
    submitter : Submitter

    Examples
    --------
    >>> om.runtime.model("mymodel").fit("X", "y").get()
    >>> om.runtime.require("gpu").model("mymodel").predict("X").get()
    """

    def __init__(self, submitter: Submitter) -> None:
        self._submitter = submitter

    def model(self, name: str) -> OmegaModelProxy:
        """Return the stored model of that name, whose methods run on a worker."""
        return OmegaModelProxy(name, self._submitter)

    def task(self, task_id: str) -> OmegaTask:
        """Return the handle of a task, from any process.

        Parameters
        ----------
        task_id : str
            The id, the beginning of one, or ``'last'``.

        Raises
        ------
        NotFound
            Nobody knows such a task.
        Invalid
            Several ids begin so.
        """
        return self._submitter.handle(self._submitter.ledger.complete(task_id))

    def tasks(
        self,
        limit: int = 20,
        *,
        state: str | None = None,
        model: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> list[OmegaTask]:
        """Return the newest tasks, newest first, in one query.

        Parameters
        ----------
        limit : int
            At most so many.
        state : str, optional
            Only those in this state, for example ``'FAILURE'``.
        model : str, optional
            Only those of this model.
        since : datetime or timedelta, optional
            Only those submitted at this moment or later (without a time zone:
            local time), or within this time.

        Raises
        ------
        Invalid
            There is no such state.

        Examples
        --------
        >>> om.runtime.tasks(state="FAILURE", since=timedelta(hours=12))
        """
        moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since
        if moment is not None and moment.tzinfo is None:
            moment = moment.astimezone()
        newest = partial(
            self._submitter.ledger.newest, limit, state=state, model=model, since=moment
        )
        found = newest()
        if self._submitter.inquiry.settle(found):
            found = newest()
        return [self._submitter.handle(str(record["_id"]), record) for record in found]

    def require(self, queue: str) -> OmegaRuntime:
        """Return a runtime that sends to that queue; this one stays as it is."""
        return OmegaRuntime(replace(self._submitter, queue=queue))

    def workers(self, timeout: float = PING_TIMEOUT_SECONDS) -> list[str]:
        """Return the names of the workers that answer within the timeout.

        Parameters
        ----------
        timeout : float
            Seconds, which are always waited: it is not known how many there are.

        Raises
        ------
        Unavailable
            The broker does not answer.
        """
        from kombu.exceptions import OperationalError

        app = client_app(self._submitter.config, self._submitter.broker_url)
        try:
            # Not one of the pool's: that may have been lost since it was used.
            with app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
                replies = app.control.ping(timeout=timeout, connection=connection)
        except (OperationalError, OSError) as error:
            raise Unavailable(
                f"The broker at {self._submitter.broker_url} does not answer: {error}",
                hop="broker",
                hint="`omega doctor` checks every hop",
            ) from None
        return sorted(name for reply in replies for name in reply)

    def __repr__(self) -> str:
        return f"<OmegaRuntime on queue {self._submitter.queue!r}>"
