"""What kombu calls a channel, and which of its messages are not yet acknowledged."""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.transport.base import to_rabbitmq_queue_arguments
from kombu.utils.json import dumps, loads

from omega_jupyter.runtime.transport.messages import Messages
from omega_jupyter.runtime.transport.watcher import Watcher
from omega_jupyter.store.database.connection import Document

__all__ = ["Channel"]

# What a client that died leaves behind (its queue for replies) is removed after this.
TEMPORARY = timedelta(hours=1)

logger = logging.getLogger(__name__)

Payload = dict[str, Any]
Route = tuple[str, str | None, str]


class _QoS(virtual.QoS):
    """Which messages this channel holds. Its end gives them back."""

    def append(self, message: Any, delivery_tag: str) -> None:
        self._delivered[delivery_tag] = message

    def can_consume(self) -> bool:
        return not self.prefetch_count or len(self._delivered) < self.prefetch_count

    def ack(self, delivery_tag: str) -> None:
        self._delivered.pop(delivery_tag, None)
        self.channel.watcher.ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self._delivered.pop(delivery_tag, None)
            self.channel.watcher.release([delivery_tag])
        else:
            self.ack(delivery_tag)

    def restore_unacked(self) -> list[tuple[BaseException, Any]]:
        tags = list(self._delivered)
        self._delivered.clear()
        self.channel.watcher.release(tags)
        return []

    def restore_unacked_once(self, stderr: object = None) -> None:
        self._on_collect.cancel()
        self.restore_unacked()


class Channel(virtual.Channel):
    """A channel on leased messages.

    Parameters
    ----------
    connection : Transport
        The transport that it belongs to.
    """

    QoS = _QoS
    supports_fanout = True

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        # Kept beyond close(), which forgets the connection: a task that ends later
        # still acknowledges its message.
        self.messages: Messages = connection.messages
        self.watcher: Watcher = connection.watcher
        self._unacknowledged: set[str] = set()
        self._temporary: set[str] = set()

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,
        callback: Callable[[Any], Any],
        consumer_tag: str,
        **kwargs: Any,
    ) -> None:
        """Deliver the queue's messages to the callback."""
        (self._unacknowledged.add if no_ack else self._unacknowledged.discard)(queue)
        super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        if not self.watcher.is_broadcast(queue):
            self.watcher.subscribe(queue)
            if not no_ack and queue not in self._temporary:
                self.watcher.announce(queue)

    def basic_cancel(self, consumer_tag: str) -> None:
        """Deliver no more to that consumer."""
        queue = self._tag_to_queue.get(consumer_tag)
        super().basic_cancel(consumer_tag)
        if queue is not None and queue not in self._active_queues:
            self.watcher.unsubscribe(queue)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        """Return one message of the queue, or None."""
        found = self.messages.pop(queue) if no_ack else self.messages.take(queue)
        if found is None:
            return None
        payload = _payload(found)
        if payload is None:
            self.messages.delete([str(found["_id"])])
            return self.basic_get(queue, no_ack, **kwargs)
        message = self.Message(payload, channel=self)
        if not no_ack:
            self.watcher.hold(message.delivery_tag, queue)
            self.qos.append(message, message.delivery_tag)
        return message

    def basic_qos(
        self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False
    ) -> None:
        """Set how many messages may be held at once; 0: any number."""
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        self.watcher.wake()

    def prepare_queue_arguments(self, arguments: Payload, **kwargs: Any) -> Payload:
        """Translate a queue's options to AMQP's names."""
        translated: Payload = to_rabbitmq_queue_arguments(arguments, **kwargs)
        return translated

    def get_table(self, exchange: str) -> set[Route]:
        """Return the routes of an exchange: those of this connection and those stored."""
        table: set[Route] = set(self.state.exchanges.get(exchange, {}).get("table", ()))
        for route in self.messages.routes(exchange):
            table.add((route["routing_key"], route["pattern"], route["queue"]))
            if route.get("expire_at") is not None:
                self._temporary.add(route["queue"])
        return table

    def _new_queue(
        self,
        queue: str,
        auto_delete: bool = False,
        arguments: Payload | None = None,
        **kwargs: Any,
    ) -> None:
        if auto_delete or "x-expires" in (arguments or {}):
            self._temporary.add(queue)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        if self.typeof(exchange).type == "fanout":
            self.watcher.subscribe(queue, exchange)
        else:
            until = datetime.now(UTC) + TEMPORARY if queue in self._temporary else None
            self.messages.bind(exchange, routing_key, pattern, queue, until)

    def _get(self, queue: str, timeout: float | None = None) -> Payload:
        if self.watcher.is_broadcast(queue):
            broadcasts = self.watcher.broadcasts(queue)
            while broadcasts:
                payload = _read(broadcasts.popleft())
                if payload is not None:
                    return payload
            raise Empty
        while True:
            found = self.watcher.take(queue, keep=queue not in self._unacknowledged)
            if found is None:
                raise Empty
            payload = _payload(found)
            if payload is not None:
                return payload
            self.watcher.ack(str(found["_id"]))

    def _put(self, queue: str, message: Payload, **kwargs: Any) -> None:
        expire_at = None
        lifetime = message["properties"].get("expiration")
        if lifetime is not None:
            expire_at = datetime.now(UTC) + timedelta(milliseconds=int(lifetime))
        elif queue in self._temporary:
            expire_at = datetime.now(UTC) + TEMPORARY
        task_id = message["headers"].get("id") if message.get("headers") else None
        self.messages.put(queue, dumps(message), expire_at, task_id)

    def _put_fanout(self, exchange: str, message: Payload, routing_key: str, **kwargs: Any) -> None:
        self.messages.broadcast(exchange, dumps(message))

    def _size(self, queue: str) -> int:
        if self.watcher.is_broadcast(queue):
            return len(self.watcher.broadcasts(queue))
        return self.messages.size(queue)

    def _purge(self, queue: str) -> int:
        if self.watcher.is_broadcast(queue):
            size = len(self.watcher.broadcasts(queue))
            self.watcher.broadcasts(queue).clear()
            return size
        return self.messages.purge(queue)

    def _delete(self, queue: str, exchange: str, *route: Any, **kwargs: Any) -> None:
        table = self.state.exchanges.get(exchange, {}).get("table", [])
        table[:] = [entry for entry in table if entry[2] != queue]
        if self.watcher.is_broadcast(queue):
            self.watcher.unsubscribe(queue)
        else:
            self.messages.unbind(exchange, queue)
            self.messages.purge(queue)


def _read(text: object) -> Payload | None:
    """Return a message as it was put, or None where somebody put there what is none."""
    try:
        payload = loads(text)
        b64decode(payload["body"])
        if isinstance(payload["headers"], dict) and isinstance(payload["properties"], dict):
            return dict(payload)
    except (KeyError, TypeError, ValueError, RecursionError):
        pass
    logger.warning("Refused: a message that is none")
    return None


def _payload(found: Document) -> Payload | None:
    payload = _read(found.get("payload"))
    if payload is None:
        return None
    properties = payload["properties"]
    properties["delivery_tag"] = str(found["_id"])
    # Whatever a sender wrote there.
    if not isinstance(properties.get("delivery_info"), dict):
        properties["delivery_info"] = {}
    properties["delivery_info"]["redelivered"] = found.get("again", False)
    earlier = found.get("deliveries", 1) - 1
    if earlier:
        # The name that RabbitMQ's quorum queues use.
        payload["headers"]["x-delivery-count"] = earlier
    return payload
