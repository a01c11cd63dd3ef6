"""The handle of one remote call: durable, and usable from any process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter import errors
from omega_jupyter.runtime.ledger import FINAL

if TYPE_CHECKING:
    from omega_jupyter.runtime.ledger import Ledger
    from omega_jupyter.store.connection import Document
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore

__all__ = ["OmegaTask", "Progress"]

# Waiting asks again after 3 ms at first, then after 5 % of the time waited so
# far, at most 0.25 s: short calls end at once, long ones cost next to nothing.
_FIRST_DELAY, _DELAY_SHARE, _LONGEST_DELAY = 0.003, 0.05, 0.25


@dataclass(frozen=True)
class Progress:
    """How far a task is.

    Attributes
    ----------
    fraction : float or None
        Between 0 and 1; None where nothing can be known but the time.
    step : str
        What is being done, ``fit 3 of 15``; may be empty.
    elapsed : float
        Seconds since a worker began with it; 0 before.
    """

    fraction: float | None
    step: str
    elapsed: float


class OmegaTask:
    """One remote call, known by its id.

    Made by :class:`~omega_jupyter.runtime.model.OmegaModelProxy`, or from an id
    with ``om.runtime.task(id)``. It holds nothing that would be lost with it.

    Parameters
    ----------
    task_id : str
    ledger : Ledger
        Where its record is.
    datasets : DatasetStore
        Where arrays and frames come back from.
    models : ModelStore
        Where the metadata of fitted models is.

    Examples
    --------
    >>> task = om.runtime.model("mymodel").fit("X", "y")
    >>> task.state
    'PROGRESS'
    >>> task.get()
    Metadata('mymodel@2')
    """

    def __init__(
        self, task_id: str, ledger: Ledger, datasets: DatasetStore, models: ModelStore
    ) -> None:
        self.id = task_id
        self._ledger = ledger
        self._datasets = datasets
        self._models = models
        self._record: Document = {}

    @property
    def record(self) -> Document:
        """The ledger's record of it; empty where nobody knows the task."""
        if self._record.get("state") not in FINAL:
            self._record = self._ledger.find(self.id) or {}
        return self._record

    def preload(self, record: Document) -> None:
        """Take a record that was read already."""
        self._record = record

    @property
    def state(self) -> str:
        """QUEUED, STARTED, PROGRESS, SUCCESS, FAILURE, CANCELLED, LOST or UNKNOWN."""
        return str(self.record.get("state", "UNKNOWN"))

    @property
    def verb(self) -> str:
        """What was called, for example ``fit``."""
        return str(self.record.get("verb", ""))

    @property
    def model(self) -> str:
        """The model that it was called on, with its version."""
        return str(self.record.get("model", ""))

    @property
    def queue(self) -> str:
        """The queue that it was sent to."""
        return str(self.record.get("queue", ""))

    @property
    def worker(self) -> str | None:
        """The worker that runs or ran it."""
        return self.record.get("worker")

    @property
    def submitted(self) -> datetime | None:
        """When it was submitted, UTC."""
        return self.record.get("submitted")

    @property
    def started(self) -> datetime | None:
        """When a worker began with it, UTC."""
        return self.record.get("started")

    @property
    def finished(self) -> datetime | None:
        """When it ended, UTC."""
        return self.record.get("finished")

    @property
    def elapsed(self) -> float:
        """Seconds that it ran, or has been running; 0 before a worker began."""
        record = self.record
        if "started" not in record:
            return 0.0
        end = record.get("finished") or datetime.now(UTC)
        return max(0.0, float((end - record["started"]).total_seconds()))

    @property
    def progress(self) -> Progress:
        """How far it is."""
        known = self.record.get("progress") or {}
        fraction = 1.0 if self.state == "SUCCESS" else known.get("fraction")
        return Progress(fraction, known.get("step", ""), self.elapsed)

    @property
    def traceback(self) -> str | None:
        """The traceback on the worker, where the call raised."""
        return self.record.get("traceback")

    def ready(self) -> bool:
        """Return whether it has ended, well or badly."""
        return self.state in FINAL

    def successful(self) -> bool:
        """Return whether it has ended well."""
        return self.state == "SUCCESS"

    def wait(
        self, timeout: float | None = None, on_update: Callable[[OmegaTask], None] | None = None
    ) -> OmegaTask:
        """Wait until it has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.
        on_update : callable, optional
            Called with this task each time that its record was read.

        Raises
        ------
        NotFound
            Nobody knows the task.
        TaskTimeout
            It has not ended in time. It goes on.
        """
        for delay in self._delays(timeout):
            if on_update is not None:
                on_update(self)
            time.sleep(delay)
        if on_update is not None:
            on_update(self)
        return self

    def get(self, timeout: float | None = None) -> Any:
        """Wait until it has ended and return its value.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Metadata, ndarray, DataFrame or float
            Of ``fit`` and ``partial_fit`` the metadata of the new version, of
            ``score`` a float, of the others what the estimator returned.

        Raises
        ------
        TaskFailed
            The call raised on the worker; the message is the remote error's and
            ``remote_traceback`` its traceback. Errors of ours (``NotFound``,
            ``Invalid``, …) are raised as what they are.
        TaskCancelled, TaskLost, TaskTimeout
        """
        return self.wait(timeout)._value()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._get_async().__await__()

    async def _get_async(self) -> Any:
        delays = self._delays(None)
        while (delay := await asyncio.to_thread(next, delays, None)) is not None:
            await asyncio.sleep(delay)
        return await asyncio.to_thread(self._value)

    def _delays(self, timeout: float | None) -> Iterator[float]:
        """Yield the seconds to wait before the record is read again, until it is final."""
        began = time.monotonic()
        while not self.ready():
            if not self._record:
                raise errors.NotFound(
                    f"No task {self.id!r}", hint="%omega tasks lists what is known"
                )
            waited = time.monotonic() - began
            delay = min(_LONGEST_DELAY, max(_FIRST_DELAY, waited * _DELAY_SHARE))
            if timeout is not None:
                if waited >= timeout:
                    raise errors.TaskTimeout(
                        f"Task {self.id} has not ended after {timeout:g} s "
                        f"({self._record['state']}); it goes on",
                        hint=f"%omega result {self.id[:8]}",
                    )
                delay = min(delay, timeout - waited)
            yield delay

    def _value(self) -> Any:
        record = self.record
        if record["state"] != "SUCCESS":
            raise _error(record)
        if "result" not in record:  # a list of tasks leaves the results out
            record = self._ledger.find(self.id) or record
        value = json.loads(record["result"])
        match value:
            case {"inline": str(text)}:
                from omega_jupyter.store.inline import decode

                return decode(text)
            case {"model": str(ref)}:
                return self._models.metadata(ref)
            case {"kept": str(ref)}:
                return self._datasets.metadata(ref)
            case {"dataset": str(ref)}:
                return self._stored(ref)
        raise errors.Invalid(
            f"The result of task {self.id} is of a form that this version does not know",
            hint="pip install -U omega-jupyter",
        )

    def _stored(self, ref: str) -> Any:
        try:
            return self._datasets.get(ref)
        except errors.NotFound:
            raise errors.NotFound(
                f"The result of task {self.id} was too large for its record and is gone since",
                hint="results are kept for a day; result='name' keeps one for good",
            ) from None

    def __repr__(self) -> str:
        record = self.record
        if not record:
            return f"<OmegaTask {self.id[:8]} UNKNOWN>"
        took = f" {self.elapsed:.1f} s" if "started" in record else ""
        return f"<OmegaTask {self.id[:8]} {self.verb} {self.model} {self.state}{took}>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"


def _error(record: Document) -> errors.OmegaError:
    """Return what :meth:`OmegaTask.get` raises for a task that did not end well."""
    task_id = str(record["_id"])
    error = record.get("error") or {}
    message, hint = str(error.get("message", "")), error.get("hint")
    code = error.get("code", "")
    if record["state"] == "CANCELLED":
        return errors.TaskCancelled(f"Task {task_id} was cancelled")
    if record["state"] == "LOST":
        return errors.TaskLost(message or f"Task {task_id} is lost", hint=hint)
    if code == errors.Unavailable.code:
        return errors.Unavailable(message, hop=error.get("hop", "worker"), hint=hint)
    if code == errors.Untrusted.code:
        return errors.Untrusted(message, types=error.get("types", []), hint=hint)
    for known in (errors.NotFound, errors.Conflict, errors.Invalid, errors.AuthError):
        if code == known.code:
            return known(message, hint=hint)
    return errors.TaskFailed(
        f"{error.get('type', 'Error')}: {message}",
        task_id=task_id,
        remote_traceback=record.get("traceback"),
        hint=f"%omega status {task_id[:8]} shows the traceback on the worker",
    )
