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

    def publish() -> None:
        app.send_task(
            name,
            kwargs=dict(arguments),
            task_id=task_id,
            **route(app, terms.queue),
            headers={HEADER: envelope.to_header()},
            # No worker takes it any more then.
            expiration=LIFETIME_SECONDS,
            retry=True,
            retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
        )

    try:
        publish()
    except NotFound:
        # Somebody has removed the queue since we looked.
        app.omega_queues.discard(terms.queue)
        publish()
