"""An open line to the workers: asking whether one is there costs one message each way."""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["Echo", "echo"]

AGAIN_SECONDS = 0.25

_echoes: dict[tuple[int, int], Echo] = {}


def echo(app: Celery) -> Echo:
    """Return this process's open line of an application."""
    key = (os.getpid(), id(app))
    if key not in _echoes:
        _echoes[key] = Echo(app)
    return _echoes[key]


@atexit.register
def _close() -> None:
    """Close what is open, but not what the parent of a forked process has."""
    for (pid, _), line in _echoes.items():
        if pid == os.getpid():
            line.close()


class Echo:
    """Asks workers for a sign of life, on a connection and with a queue that stay.

    Celery's own ``ping`` declares its queue for the answers anew each time, which takes
    eight times the way to the broker and back.

    Parameters
    ----------
    app : celery.Celery
        On RabbitMQ.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._mailbox: Any = None
        self._connection: Any = None
        self._producer: Any = None
        self._tickets: set[str] = set()

    def answers(self, names: Sequence[str], timeout: float) -> bool:
        """Return whether one of the workers has answered in time.

        Raises
        ------
        kombu.exceptions.OperationalError, OSError
            The broker does not answer.
        """
        with self._lock:
            if self._connection is not None:
                try:
                    if self._ask(names, timeout):
                        return True
                except self._connection.recoverable_connection_errors:
                    pass
                # It was lost, perhaps, since it was used: another one tells.
                self.close()
                timeout = min(timeout, AGAIN_SECONDS)
            self._open()
            return self._ask(names, timeout)

    def close(self) -> None:
        """Close the line; the next question opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    def _open(self) -> None:
        from kombu import Consumer, Producer

        connection = self._app.connection_for_write()
        connection.ensure_connection(max_retries=1, interval_start=0)
        self._mailbox = self._app.control.mailbox(connection)
        channel = connection.default_channel
        queue = self._mailbox.reply_queue
        consumer = Consumer(channel, [queue], accept=["json"], no_ack=True)
        consumer.register_callback(self._note)
        consumer.consume()
        self._producer = Producer(channel, auto_declare=False)
        self._connection = connection

    def _note(self, body: object, message: Any) -> None:
        self._tickets.add(str(message.headers.get("ticket")))

    def _ask(self, names: Sequence[str], timeout: float) -> bool:
        ticket = uuid.uuid4().hex
        self._tickets.clear()
        answer = {"exchange": self._mailbox.reply_exchange.name, "routing_key": self._mailbox.oid}
        question = {"method": "ping", "arguments": {}, "destination": list(names)}
        end = time.monotonic() + timeout
        self._producer.publish(
            question | {"ticket": ticket, "reply_to": answer},
            exchange=self._mailbox.exchange.name,
            headers={"clock": self._app.clock.forward(), "expires": time.time() + timeout},
            serializer="json",
        )
        while ticket not in self._tickets:
            left = end - time.monotonic()
            if left <= 0:
                return False
            try:
                self._connection.drain_events(timeout=left)
            except TimeoutError:
                return False
        return True
