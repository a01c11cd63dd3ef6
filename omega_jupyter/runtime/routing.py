"""How a message gets into its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

__all__ = ["route"]


def route(app: Celery, queue: str) -> dict[str, Any]:
    """Return the options with which kombu publishes to a queue that is there.

    On RabbitMQ each queue has an exchange of the same name: the right to write to that
    is one to send to this queue. Celery's own way, through the default exchange, would
    need a right to send to all. Whoever listens makes both; so does a sender, where
    there is none yet.

    Parameters
    ----------
    app : celery.Celery
    queue : str

    Raises
    ------
    amqp.exceptions.AccessRefused
        There is no such queue, and the user may not make one.
    kombu.exceptions.OperationalError
        The broker does not answer.
    """
    if app.conf.broker_transport:
        return {"exchange": "", "routing_key": queue, "declare": [app.amqp.queues[queue]]}
    # Asked once: a connection that is not the pool's, since a refusal closes its channel.
    if queue not in app.omega_queues:
        _make_sure(app, queue)
        app.omega_queues.add(queue)
    return {"exchange": queue, "routing_key": queue, "declare": []}


def _make_sure(app: Celery, queue: str) -> None:
    from amqp.exceptions import NotFound
    from kombu import Exchange, Queue

    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=3, interval_start=0, interval_step=0.2)
        try:
            with connection.channel() as channel:
                # To look needs no right.
                channel.queue_declare(queue, passive=True)
                channel.exchange_declare(queue, "direct", passive=True)
        except NotFound:
            with connection.channel() as channel:
                Queue(queue, Exchange(queue), queue)(channel).declare()
