"""Sending the message of a task whose record is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.envelope import HEADER, LIFETIME_SECONDS, Envelope, digest
from omega_jupyter.runtime.routing import route
from omega_jupyter.runtime.terms import Terms

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.runtime.credentials import Credentials
    from omega_jupyter.runtime.keys import SendingKeys

__all__ = ["send"]


def send(
    app: Celery,
    keys: SendingKeys,
    credentials: Credentials,
    *,
    verb: str,
    task_id: str,
    arguments: Mapping[str, Any],
    terms: Terms,
) -> None:
    """Seal the credentials to this very task, and give its message to the broker.

    Parameters
    ----------
    app : celery.Celery
    keys : SendingKeys
        Those of a client, or of a worker that sends to others of its kind.
    credentials : Credentials
        For whom the task acts.
    verb, task_id : str
    arguments : mapping
        As in the record.
    terms : Terms

    Raises
    ------
    kombu.exceptions.OperationalError
        The broker does not take it.
    amqp.exceptions.AccessRefused
        Its user may not send to this queue.
    """
    from amqp.exceptions import NotFound

    name = f"omega.{verb}"
    envelope = Envelope.seal(
        credentials,
        keys.recipient,
        keys.sender.private,
        task=name,
        task_id=task_id,
        arguments=digest((), arguments),
        terms=terms,
    )
    headers = {"lang": "py", "task": name, "id": task_id, HEADER: envelope.to_header()}
    try:
        _publish(app, terms.queue, arguments, headers)
    except NotFound:
        # Somebody has removed the queue since we looked.
        app.omega_queues.discard(terms.queue)
        _publish(app, terms.queue, arguments, headers)


def _publish(
    app: Celery, queue: str, arguments: Mapping[str, Any], headers: dict[str, Any]
) -> None:
    """Give the broker a message of Celery's protocol 2, with what a worker of ours reads of it.

    ``app.send_task`` adds two dozen headers, which no such worker looks at, and takes more
    time for them than for the rest.
    """
    where = route(app, queue)
    with app.producer_pool.acquire(block=True) as producer:
        producer.publish(
            ([], arguments, {}),
            **where,
            headers=headers,
            serializer="json",
            delivery_mode="persistent",
            correlation_id=headers["id"],
            # No worker takes it any more then.
            expiration=LIFETIME_SECONDS,
            retry=True,
            retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
        )
