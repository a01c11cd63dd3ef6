"""Asking workers, with one message to all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["Answers", "ask", "connected"]

# By the worker's name.
Answers = dict[str, dict[str, Any]]

CONNECT_SECONDS = 3.0


class _EnoughError(Exception):
    """Ends the waiting for answers."""


@contextmanager
def connected(app: Celery) -> Iterator[Any]:
    """Give a connection of its own: the pool's may have been lost since it was used."""
    with app.connection_for_write(connect_timeout=CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        yield connection


def ask(
    app: Celery,
    connection: Any,
    command: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    timeout: float,
    enough: Callable[[Answers], bool],
) -> Answers:
    """Ask all workers of a broker; nobody knows how many there are.

    Parameters
    ----------
    app : celery.Celery
    connection : kombu.Connection
    command : str
        One of :mod:`omega_jupyter.worker.control`.
    arguments : mapping, optional
    timeout : float
        Seconds, all of which are waited unless enough have answered.
    enough : callable
        Takes the answers so far, and tells whether to wait for no more.
    """
    from amqp.exceptions import NotFound

    answers: Answers = {}
    over = False
    end = time.monotonic() + timeout

    def heard(reply: Mapping[str, dict[str, Any]]) -> None:
        nonlocal over
        if over:  # it comes while the subscription is being cancelled
            return
        # A worker without this command, of an earlier version, answers with an error.
        answers.update((name, said) for name, said in reply.items() if "error" not in said)
        over = enough(answers) or time.monotonic() > end
        if over:
            raise _EnoughError

    # What one asks through is made by the first worker.
    with suppress(_EnoughError, NotFound):
        app.control.broadcast(
            command,
            arguments=dict(arguments or {}),
            reply=True,
            timeout=timeout,
            callback=heard,
            connection=connection,
        )
    return answers
