"""Who works: the workers that answer, the queues that they listen to."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import OmegaError, Unavailable
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.asking import Answers, ask, connected
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.broker_errors import broker_errors
from omega_jupyter.runtime.echo import echo
from omega_jupyter.runtime.workers import Found, QueueInfo, WorkerInfo

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["ANSWER_SECONDS", "Roster", "ask_workers"]

# How long workers get to answer where nobody knows how many there are …
ANSWER_SECONDS = 0.7
# … and where it is known, which is seldom too much.
MEET_SECONDS = 0.5
# What a worker said is believed for so long, by those who must not wait for an answer.
KNOWN_SECONDS = 600.0

_known: dict[tuple[int, SecretUrl], tuple[float, list[WorkerInfo]]] = {}
# By queue: who answered the last ping.
_answered: dict[tuple[int, SecretUrl, str], list[str]] = {}


def ask_workers(
    app: Celery,
    timeout: float = ANSWER_SECONDS,
    enough: Callable[[Answers], bool] = lambda answers: False,
) -> list[WorkerInfo]:
    """Ask all workers of a broker about themselves, with one message.

    Parameters
    ----------
    app : celery.Celery
    timeout : float
        Seconds.
    enough : callable
        Takes the answers so far; True where nobody else is to be waited for.

    Returns
    -------
    list of WorkerInfo
        Those that answered, by name.
    """
    with connected(app) as connection:
        answers = ask(app, connection, "omega_about", timeout=timeout, enough=enough)
    return [_info(name, answers[name]) for name in sorted(answers)]


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
        return self._known() or []

    def meet(self, queue: str, listening: int) -> None:
        """Ask the workers of a queue about themselves, where nobody has for some minutes.

        Parameters
        ----------
        queue : str
        listening : int
            How many there are.
        """
        if self._known() is not None:
            return
        found: list[WorkerInfo] = []
        with suppress(OmegaError), broker_errors(self.url):  # it was nobody's wish
            found = ask_workers(
                client_app(self.config, self.url),
                MEET_SECONDS,
                lambda answers: _listening(queue, answers) >= listening,
            )
        self._learn(found)

    def workers(self, timeout: float = ANSWER_SECONDS) -> Found[WorkerInfo]:
        """Answer :meth:`OmegaRuntime.workers`."""
        with broker_errors(self.url):
            listeners = Broker(self.config, self.url).listeners()
            there = math.inf if listeners is None else listeners
            app = client_app(self.config, self.url)
            found = ask_workers(app, timeout, lambda found: len(found) >= there) if there else []
        self._learn(found)
        return Found(found)

    def queues(self, timeout: float = ANSWER_SECONDS) -> Found[QueueInfo]:
        """Answer :meth:`OmegaRuntime.queues`."""
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
        """Answer :meth:`OmegaRuntime.ping`, for any queue."""
        app = client_app(self.config, self.url)
        known = self._known()
        there = known and {worker.name for worker in known}
        before = _answered.get((os.getpid(), self.url, queue), ())
        names = [name for name in before if there is None or name in there]
        if names and self.url.reveal().startswith("amqp"):
            with broker_errors(self.url):
                began = time.perf_counter()
                if echo(app).answers(names, timeout / 2):
                    return time.perf_counter() - began
        counts = Broker(self.config, self.url).count(queue)
        answers: Answers = {}
        took = 0.0
        if counts is None or counts[1]:
            with broker_errors(self.url), connected(app) as connection:
                began = time.perf_counter()
                answers = ask(
                    app,
                    connection,
                    "omega_about",
                    timeout=timeout,
                    enough=lambda answers: _listening(queue, answers) > 0,
                )
                took = time.perf_counter() - began
        listening = [name for name, answer in answers.items() if queue in answer["queues"]]
        _answered[os.getpid(), self.url, queue] = listening
        if not listening:
            raise Unavailable(
                f"No worker of the queue {queue!r} answers",
                hop="worker",
                hint=f"`omega worker --queues {queue}` starts one; %omega workers lists those "
                "there are",
            )
        return took

    def _known(self) -> list[WorkerInfo] | None:
        at, workers = _known.get((os.getpid(), self.url), (0.0, []))
        return workers if at and time.monotonic() - at < KNOWN_SECONDS else None

    def _learn(self, found: list[WorkerInfo]) -> None:
        _known[os.getpid(), self.url] = (time.monotonic(), found)


def _listening(queue: str, answers: Answers) -> int:
    return sum(queue in answer["queues"] for answer in answers.values())


def _info(name: str, answer: dict[str, Any]) -> WorkerInfo:
    host = name.partition("@")[2]
    return WorkerInfo(name, host, **answer | {"queues": tuple(answer["queues"])})
