"""Whether a worker may do at the broker what it will have to do there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from omega_jupyter.errors import Unavailable
from omega_jupyter.runtime.broker_errors import broker_errors

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.config import SecretUrl

__all__ = ["check_rights"]

ANSWER_SECONDS = 5.0


def check_rights(app: Celery, url: SecretUrl, queues: Sequence[str]) -> None:
    """Do once all that a worker does at RabbitMQ, and undo it.

    Celery would begin with a traceback, or go on without being able to answer.

    Parameters
    ----------
    app : celery.Celery
        A worker's.
    url : SecretUrl
        The broker's.
    queues : sequence of str
        Those to listen to.

    Raises
    ------
    AuthError
        RabbitMQ refuses the login, the virtual host or a right; the message says which.
    """
    from kombu import Exchange, Producer, Queue

    mailbox = app.control.mailbox
    for made in (mailbox.exchange, mailbox.reply_exchange):
        made.no_declare = False  # unlike for clients
    connecting = app.connection_for_write(connect_timeout=ANSWER_SECONDS)
    # The worker waits for a broker that is away.
    with suppress(Unavailable), broker_errors(url), connecting as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        channel = connection.channel()
        mailbox.reply_exchange(channel).declare()
        # A worker's name and host stand before the @ and behind it.
        own = mailbox.get_queue(f"{uuid.uuid4().hex}@check")(channel)
        own.declare()
        for queue in queues:
            Queue(queue, Exchange(queue), queue)(channel).declare()
        own.get()
        own.delete()
        # Messages that get nowhere: an answer that nobody waits for, and a task.
        for exchange in (mailbox.reply_exchange.name, *queues):
            Producer(channel).publish({}, exchange=exchange, routing_key=uuid.uuid4().hex)
