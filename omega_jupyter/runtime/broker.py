"""What a client can know of messages that were sent and not answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.app import client_app

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl
    from omega_jupyter.runtime.transport.messages import Messages

__all__ = ["Broker"]

# How long workers get to answer that they hold a message.
ANSWER_SECONDS = 1.0


@dataclass(frozen=True)
class Broker:
    """The broker as a client sees it.

    Attributes
    ----------
    config : OmegaConfig
    url : SecretUrl
        ``amqp://…`` or ``mongodb://…``.
    """

    config: OmegaConfig
    url: SecretUrl

    def count(self, queue: str) -> tuple[int, int] | None:
        """Return how many messages wait in a queue, and how many workers listen to it.

        Returns
        -------
        tuple of int, or None
            None where the broker does not answer, or the user may not ask it.
        """
        from amqp.exceptions import AMQPError, NotFound
        from kombu.exceptions import OperationalError
        from pymongo.errors import PyMongoError

        try:
            if self._in_mongodb:
                messages = self._messages()
                listening = [queues for queues in messages.listeners() if queue in queues]
                return messages.size(queue), len(listening)
            app = client_app(self.config, self.url)
            with app.connection_for_read(connect_timeout=ANSWER_SECONDS) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
                return _counts(connection, queue)
        except NotFound:
            return 0, 0  # not even the queue is there
        except (AMQPError, OperationalError, OSError, PyMongoError, OmegaError):
            return None

    def listeners(self) -> int | None:
        """Return how many workers there are, where the broker knows that (MongoDB)."""
        return len(self._messages().listeners()) if self._in_mongodb else None

    def filled(self) -> set[str]:
        """Return the queues in which tasks wait, where the broker tells them (MongoDB)."""
        return self._messages().of_all_tasks() if self._in_mongodb else set()

    @property
    def _in_mongodb(self) -> bool:
        return self.url.reveal().startswith("mongodb")

    def _messages(self) -> Messages:
        from omega_jupyter.runtime.transport.messages import Messages

        return Messages(self.url, lease=0.0)

    def missing(self, queue: str, task_ids: Collection[str]) -> set[str]:
        """Return those of the tasks whose messages are surely gone.

        They are neither in the queue nor with a worker. What can't be known is not
        returned: RabbitMQ tells how many messages a queue has, not which, and a
        worker that does not answer may hold one.

        Parameters
        ----------
        queue : str
            Where they were sent to.
        task_ids : collection of str

        Returns
        -------
        set of str
            Also empty where the broker does not answer, or the user may not ask it.
        """
        if self._in_mongodb:
            return self._missing_in_mongodb(queue, task_ids)
        return self._missing_in_rabbitmq(queue, task_ids)

    def _missing_in_mongodb(self, queue: str, task_ids: Collection[str]) -> set[str]:
        from pymongo.errors import PyMongoError

        try:
            return set(task_ids) - self._messages().of_tasks(queue, task_ids)
        except PyMongoError:
            return set()

    def _missing_in_rabbitmq(self, queue: str, task_ids: Collection[str]) -> set[str]:
        from amqp.exceptions import AMQPError, NotFound
        from kombu.exceptions import OperationalError

        app = client_app(self.config, self.url)
        try:
            with app.connection_for_read() as connection:
                ready, consumers = _counts(connection, queue)
                if ready:
                    return set()  # it may be one of them
                held, answers = _held(app, connection, queue, task_ids) if consumers else (set(), 0)
                # What was given back meanwhile is in the queue again.
                if answers < consumers or _counts(connection, queue) != (ready, consumers):
                    return set()
                return set(task_ids) - held
        except NotFound:
            return set(task_ids)  # not even the queue is there
        except (AMQPError, OperationalError, OSError):
            return set()


def _counts(connection: Any, queue: str) -> tuple[int, int]:
    """Return how many messages wait in a queue, and how many workers listen to it."""
    with connection.channel() as channel:
        declared = channel.queue_declare(queue=queue, passive=True)
        return int(declared.message_count), int(declared.consumer_count)


def _held(app: Any, connection: Any, queue: str, task_ids: Collection[str]) -> tuple[set[str], int]:
    """Ask the workers; return the tasks that they hold, and how many of the queue answered."""
    from amqp.exceptions import NotFound

    try:
        replies = app.control.broadcast(
            "omega_holds",
            arguments={"task_ids": list(task_ids)},
            reply=True,
            timeout=ANSWER_SECONDS,
            connection=connection,
        )
    except NotFound:
        return set(), 0  # who listens is none of our workers, which make what to ask through
    answers = [answer for reply in replies for answer in reply.values()]
    listening = [answer for answer in answers if queue in answer.get("queues", ())]
    return {task_id for answer in listening for task_id in answer["holds"]}, len(listening)
