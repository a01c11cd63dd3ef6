"""Running elsewhere: where a user gets models, tasks and workers from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.model import OmegaModelProxy
from omega_jupyter.runtime.queues import checked_queue
from omega_jupyter.runtime.roster import ANSWER_SECONDS, Roster
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.runtime.task_list import TaskList
from omega_jupyter.runtime.workers import Found, QueueInfo, WorkerInfo
from omega_jupyter.store.names.names import ObjectName

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter

__all__ = ["OmegaRuntime"]


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
        return OmegaTask(self._submitter.ledger.complete(task_id), self._submitter)

    def tasks(
        self,
        limit: int = 20,
        *,
        state: str | None = None,
        model: str | None = None,
        since: datetime | timedelta | None = None,
        parent: OmegaTask | str | None = None,
    ) -> TaskList:
        """Return the newest tasks, newest first, in one query.

        Parameters
        ----------
        limit : int
            At most so many.
        state : str, optional
            Only those in this state, for example ``'FAILURE'``.
        model : str, optional
            Only those of this model, ``'m'``, or of one version of it: ``'m@3'``,
            ``'m@prod'``.
        since : datetime or timedelta, optional
            Only those submitted at this moment or later (without a time zone:
            local time), or within this time.
        parent : OmegaTask or str, optional
            A search or cross-validation: the tasks that do its fits, which are not
            listed otherwise.

        Returns
        -------
        TaskList
            A list, which shows them as a table.

        Raises
        ------
        Invalid
            There is no such state, or an argument is something else.
        NotFound
            The model has not the tag that it is named with.

        Examples
        --------
        >>> om.runtime.tasks(state="FAILURE", since=timedelta(hours=12))
        """
        moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since
        if not isinstance(moment, datetime | None):
            raise Invalid(
                f"since={since!r} is neither a datetime nor a timedelta",
                hint="since=timedelta(hours=12), or datetime(2026, 3, 1)",
            )
        if moment is not None and moment.tzinfo is None:
            moment = moment.astimezone()
        newest = partial(
            self._submitter.ledger.newest,
            limit,
            state=state,
            model=model if model is None else self._numbered(model),
            since=moment,
            parent=parent if parent is None or isinstance(parent, str) else parent.id,
        )
        found = newest()
        if self._submitter.inquiry.settle(found):
            found = newest()
        return TaskList(OmegaTask(str(record["_id"]), self._submitter, record) for record in found)

    def require(self, queue: str) -> OmegaRuntime:
        """Return a runtime that sends to that queue; this one stays as it is.

        Parameters
        ----------
        queue : str
            For example ``'gpu'`` or ``'user.alice'``.

        Raises
        ------
        Invalid
            That can't be the name of a queue.
        """
        return OmegaRuntime(replace(self._submitter, queue=checked_queue(queue)))

    def workers(self, timeout: float = ANSWER_SECONDS) -> Found[WorkerInfo]:
        """Return the workers that answer within the timeout, whatever their queues.

        Parameters
        ----------
        timeout : float
            Seconds, all of which are waited where the broker does not know how many
            workers there are (RabbitMQ).

        Returns
        -------
        list of WorkerInfo
            Name, host, queues, concurrency, running, versions; shown as a table.

        Raises
        ------
        Unavailable
            The broker does not answer.
        AuthError
            Its user may not ask.
        """
        return self._roster.workers(timeout)

    def queues(self) -> Found[QueueInfo]:
        """Return the queues: how much waits in each, how many workers listen to it.

        Those that are listened to, those in which something waits, and the user's own;
        RabbitMQ does not tell the second.

        Raises
        ------
        Unavailable
            The broker does not answer.
        AuthError
            Its user may not ask.
        """
        return self._roster.queues()

    def ping(self, timeout: float = ANSWER_SECONDS) -> float:
        """Return the seconds until a worker of this runtime's queue answers.

        Raises
        ------
        Unavailable
            The broker, or each worker of the queue, is silent; ``hop`` says which.
        AuthError
            The broker's user may not ask.

        Examples
        --------
        >>> om.runtime.require("gpu").ping()
        0.012
        """
        return self._roster.ping(self._submitter.queue, timeout)

    def _numbered(self, model: str) -> str:
        """Return the name of a model with a number where it has a tag, as records have it."""
        version = ObjectName.parse(model).version
        if isinstance(version, str) or (version is not None and version < 0):
            return self._submitter.models.metadata(model).ref
        return model

    @property
    def _roster(self) -> Roster:
        return Roster(self._submitter.config, self._submitter.broker_url)

    def __repr__(self) -> str:
        return f"<OmegaRuntime on queue {self._submitter.queue!r}>"
