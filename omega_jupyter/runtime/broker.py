"""What a client can know of messages that were sent and not answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import OmegaError
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.asking import Answers, ask, connected
from omega_jupyter.runtime.broker_errors import broker_errors

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
        try:
            with broker_errors(self.url):
                if self._in_mongodb:
                    messages = self._messages()
                    listening = [queues for queues in messages.listeners() if queue in queues]
                    return messages.size(queue), len(listening)
                with connected(client_app(self.config, self.url)) as connection:
                    return _counts(connection, queue) or (0, 0)
        except OmegaError:
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
        find = self._missing_in_mongodb if self._in_mongodb else self._missing_in_rabbitmq
        try:
            with broker_errors(self.url):
                return find(queue, task_ids)
        except OmegaError:
            return set()

    def _missing_in_mongodb(self, queue: str, task_ids: Collection[str]) -> set[str]:
        return set(task_ids) - self._messages().of_tasks(queue, task_ids)

    def _missing_in_rabbitmq(self, queue: str, task_ids: Collection[str]) -> set[str]:
        app = client_app(self.config, self.url)
        with connected(app) as connection:
            counts = _counts(connection, queue)
            if counts is None:
                return set(task_ids)
            ready, consumers = counts
            if ready:
                return set()  # it may be one of them
            answers = _held(app, connection, queue, task_ids, consumers)
            # What was given back meanwhile is in the queue again.
            if len(answers) < consumers or _counts(connection, queue) != (ready, consumers):
                return set()
        return set(task_ids) - {held for answer in answers for held in answer["holds"]}


def _counts(connection: Any, queue: str) -> tuple[int, int] | None:
    """Return how many messages wait in a queue, and how many workers listen to it.

    None where there is no such queue.
    """
    from amqp.exceptions import NotFound

    channel = connection.channel()
    try:
        declared = channel.queue_declare(queue=queue, passive=True)
    except NotFound:  # which closes the channel
        return None
    channel.close()
    return int(declared.message_count), int(declared.consumer_count)


def _held(
    app: Any, connection: Any, queue: str, task_ids: Collection[str], consumers: int
) -> list[dict[str, Any]]:
    """Return what the workers of a queue say of the tasks that they hold."""
    if not consumers:
        return []

    def listening(answers: Answers) -> list[dict[str, Any]]:
        return [answer for answer in answers.values() if queue in answer["queues"]]

    return listening(
        ask(
            app,
            connection,
            "omega_holds",
            {"task_ids": list(task_ids)},
            timeout=ANSWER_SECONDS,
            enough=lambda answers: len(listening(answers)) >= consumers,
        )
    )
