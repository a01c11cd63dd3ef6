"""The kombu transport: connection, waiting, event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty
from typing import Any

import pymongo
from kombu.transport import virtual
from pymongo.errors import ConnectionFailure, OperationFailure

from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime.transport.channel import Channel
from omega_jupyter.runtime.transport.messages import Messages
from omega_jupyter.runtime.transport.watcher import Watcher

__all__ = ["Transport"]

LEASE_SECONDS = 30.0
# Messages that are handed out before the event loop gets its turn again.
BATCH = 64


class Transport(virtual.Transport):
    """Messages in MongoDB, for Celery.

    Parameters
    ----------
    client : kombu.Connection
        Has the URL and the ``transport_options``.
    """

    Channel = Channel

    can_parse_url = True
    default_port = 27017
    driver_type = "mongodb"
    driver_name = "pymongo"
    connection_errors = (*virtual.Transport.connection_errors, ConnectionFailure)
    channel_errors = (*virtual.Transport.channel_errors, OperationFailure)
    # A wrong password stays wrong: only what time can heal is tried again.
    recoverable_connection_errors = connection_errors
    recoverable_channel_errors = ()
    implements = virtual.Transport.implements.extend(
        asynchronous=True, exchange_type=frozenset(["direct", "topic", "fanout"])
    )

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        url = SecretUrl(client.hostname)
        lease = float(client.transport_options.get("lease", LEASE_SECONDS))
        self.messages = Messages(url, lease)
        self.watcher = Watcher(self.messages)
        self._loop: Any = None

    def establish_connection(self) -> Any:
        """Ask the server, so that a wrong address or password shows here."""
        self.messages.prepare()
        if self.watcher.stopped:
            self.watcher = Watcher(self.messages)
        return super().establish_connection()

    def close_connection(self, connection: Any) -> None:
        """Give back what is held and end the background thread."""
        if self._loop is not None:
            self.unregister_from_event_loop(connection, self._loop)
        super().close_connection(connection)
        self.watcher.stop()

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Deliver one message; wait for it up to ``timeout`` seconds.

        Raises
        ------
        TimeoutError
            None came.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._deliver_one():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            if self.watcher.bell.wait(left):
                self.watcher.bell.clear()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Let the worker's event loop deliver messages when there is news."""
        self._loop = loop
        loop.add_reader(self.watcher.bell.fileno(), self._on_news)

    def unregister_from_event_loop(self, connection: Any, loop: Any) -> None:
        """Undo :meth:`register_with_event_loop`."""
        self._loop = None
        loop.remove_reader(self.watcher.bell.fileno())

    def on_readable(self, connection: Any, loop: Any) -> None:
        """Deliver what there is."""
        self._on_news()

    def _on_news(self) -> None:
        self.watcher.bell.clear()
        for _ in range(BATCH):
            if not self._deliver_one():
                return
        self.watcher.wake()

    def _deliver_one(self) -> bool:
        deliver: Callable[..., None] = self._deliver
        try:
            self.cycle.get(deliver)
        except Empty:
            return False
        return True

    def driver_version(self) -> str:
        """Return pymongo's version."""
        return str(pymongo.version)

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:
        """Return the URL for people: without the password."""
        return uri if include_password else str(SecretUrl(uri)).replace(":***@", f":{mask}@")
