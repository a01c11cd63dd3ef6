"""Who works: the workers that answer, the queues that they listen to."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from omega_jupyter.errors import Unavailable
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.broker_errors import broker_errors
from omega_jupyter.runtime.echo import echo

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["ANSWER_SECONDS", "Found", "QueueInfo", "Roster", "WorkerInfo", "ask_workers"]

# How long workers get to answer where nobody knows how many there are.
ANSWER_SECONDS = 0.7
# What a worker said is believed for so long, by those who must not wait for an answer.
KNOWN_SECONDS = 600.0

_known: dict[tuple[int, SecretUrl], tuple[float, list[WorkerInfo]]] = {}


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker told about itself.

    Attributes
    ----------
    name : str
        ``name@host``.
    host : str
    queues : tuple of str
        Those that it listens to.
    concurrency : int
        How many tasks it runs at once.
    running : int
        How many it runs now.
    versions : dict
        Of Python and its libraries, by name.
    """

    name: str
    host: str
    queues: tuple[str, ...]
    concurrency: int
    running: int
    versions: dict[str, str]

    columns: ClassVar = ("name", "queues", "running", "versions")

    def texts(self) -> tuple[str, ...]:
        """Return its row in a table."""
        shown = ", ".join(
            f"{name} {self.versions[name]}"
            for name in ("python", "scikit-learn")
            if name in self.versions
        )
        running = f"{self.running} of {self.concurrency}"
        return self.name, ", ".join(self.queues), running, shown


@dataclass(frozen=True)
class QueueInfo:
    """A queue, what waits in it and who listens to it.

    Attributes
    ----------
    name : str
    waiting : int or None
        Messages that no worker has taken; None where the user may not ask.
    workers : int
        Workers that listen to it.
    """

    name: str
    waiting: int | None
    workers: int

    columns: ClassVar = ("name", "waiting", "workers")

    def texts(self) -> tuple[str, ...]:
        """Return its row in a table."""
        return self.name, "?" if self.waiting is None else f"{self.waiting:,}", str(self.workers)


T = TypeVar("T", WorkerInfo, QueueInfo)


class Found(list[T], Generic[T]):
    """A list that is shown as a table."""

    def _rows(self) -> list[tuple[str, ...]]:
        return [self[0].columns, *(item.texts() for item in self)] if self else []

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
        return "\n".join(lines) or "no worker answers (`omega worker` starts one)"

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(repr(self))}</p>"
        head, *body = (
            "".join(f"<td style='text-align:left'>{escape(text)}</td>" for text in row)
            for row in self._rows()
        )
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        head = head.replace("td", "th")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the items as JSON-able values."""
        return [asdict(item) for item in self]


def ask_workers(
    app: Celery, timeout: float = ANSWER_SECONDS, limit: int | None = None
) -> list[WorkerInfo]:
    """Ask all workers of a broker about themselves, with one message.

    Parameters
    ----------
    app : celery.Celery
    timeout : float
        Seconds.
    limit : int, optional
        How many there are, where that is known: then nobody waits longer than they need.

    Returns
    -------
    list of WorkerInfo
        Those that answered, by name.
    """
    from amqp.exceptions import NotFound

    replies: list[dict[str, Any]] | None = None
    # Not a connection of the pool: that may have been lost since it was used.
    with app.connection_for_write() as connection, suppress(NotFound):
        # What one asks through is made by the first worker.
        connection.ensure_connection(max_retries=1, interval_start=0)
        replies = app.control.broadcast(
            "omega_about", reply=True, timeout=timeout, limit=limit, connection=connection
        )
    return sorted(
        (
            WorkerInfo(name, name.partition("@")[2], **answer | {"queues": tuple(answer["queues"])})
            for reply in replies or ()
            for name, answer in reply.items()
            if "queues" in answer
        ),
        key=lambda worker: worker.name,
    )


@dataclass(frozen=True)
class Roster:
    """The workers and queues of a broker.

    Attributes
    ----------
    config : OmegaConfig
    url : SecretUrl
        The broker's.
    """

    config: OmegaConfig
    url: SecretUrl

    def known(self) -> list[WorkerInfo]:
        """Return the workers that answered some minutes ago or later; asks nobody."""
        at, workers = _known.get((os.getpid(), self.url), (0.0, []))
        return workers if at and time.monotonic() - at < KNOWN_SECONDS else []

    def workers(self, timeout: float = ANSWER_SECONDS) -> Found[WorkerInfo]:
        """Return the workers that answer within the timeout.

        Raises
        ------
        Unavailable
            The broker does not answer.
        """
        with broker_errors(self.url):
            limit = Broker(self.config, self.url).listeners()
            app = client_app(self.config, self.url)
            found = ask_workers(app, timeout, limit) if limit != 0 else []
        _known[os.getpid(), self.url] = (time.monotonic(), found)
        return Found(found)

    def queues(self, timeout: float = ANSWER_SECONDS) -> Found[QueueInfo]:
        """Return the queues that are listened to, or in which something waits.

        RabbitMQ does not tell its queues: there it is those that are listened to, and
        the user's own.
        """
        broker = Broker(self.config, self.url)
        workers = self.workers(timeout)
        listened = {name for worker in workers for name in worker.queues}
        found: Found[QueueInfo] = Found()
        for name in sorted(listened | broker.filled() | {self.config.queue}):
            counts = broker.count(name)
            listening = sum(name in worker.queues for worker in workers)
            found.append(QueueInfo(name, counts and counts[0], listening))
        return found

    def ping(self, queue: str, timeout: float = ANSWER_SECONDS) -> float:
        """Return the seconds that a worker of the queue takes to answer.

        Raises
        ------
        Unavailable
            The broker does not answer, or no worker of the queue does; ``hop`` says which.
        """
        listening = [
            worker.name
            for worker in self.known() or self.workers(timeout)
            if queue in worker.queues
        ]
        with broker_errors(self.url):
            answered, took = self._ping(listening, timeout)
        if not answered:
            _known.pop((os.getpid(), self.url), None)
            raise Unavailable(
                f"No worker of the queue {queue!r} answers",
                hop="worker",
                hint=f"`omega worker --queues {queue}` starts one; %omega workers lists those "
                "there are",
            )
        return took

    def _ping(self, names: list[str], timeout: float) -> tuple[bool, float]:
        """Return whether one of these workers has answered, and after how many seconds."""
        app = client_app(self.config, self.url)
        if self.url.reveal().startswith("amqp"):
            began = time.perf_counter()
            answered = bool(names) and echo(app).answers(names, timeout)
            return answered, time.perf_counter() - began
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            began = time.perf_counter()
            found = names and app.control.ping(names, timeout, limit=1, connection=connection)
            return bool(found), time.perf_counter() - began
