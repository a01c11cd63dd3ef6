"""The Celery application, the same on both sides."""

from __future__ import annotations

import atexit
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.amqp_url import tls_of

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["make_app"]

TRANSPORT = "omega_jupyter.runtime.transport:Transport"

# RabbitMQ takes milliseconds. One that has fallen silent must not hold a call for ever.
ANSWER_SECONDS = 10

# Each answers a failure that was seen: tests/services has them.
_SETTINGS: dict[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    # A process killed for its memory must not take the next one with it, for ever.
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    # A fit goes on where the broker is lost, and tells the ledger: whoever gets its message
    # again finds there that it runs, and puts the message back.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_track_started": False,  # the ledger's claim does it, in the same command
    "result_extended": False,
    "result_backend_always_retry": True,
    "result_backend_max_retries": 30,
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # RabbitMQ gives the messages of a machine that has vanished to others after twice as long.
    "broker_heartbeat": 20,
    "worker_max_tasks_per_child": 1_000,  # a new process has nothing in its cache
    "worker_hijack_root_logger": True,
    "worker_redirect_stdouts": True,
    "enable_utc": True,
}


def make_app(config: OmegaConfig, broker_url: SecretUrl) -> Celery:
    """Return the Celery application for a broker.

    Parameters
    ----------
    config : OmegaConfig
        Kept on the application as ``omega_config``, for the result backend. Beside it
        ``omega_queues`` has those that are known to be there.
    broker_url : SecretUrl
        ``amqp://…``, ``amqps://…`` or ``mongodb://…``; the latter through a transport
        of our own, since kombu's loses messages when a worker is killed.

    Returns
    -------
    celery.Celery

    Raises
    ------
    Invalid
        The options of an ``amqps://…`` can't be used.
    """
    from celery import Celery

    broker, tls = broker_url.reveal(), None
    if broker.startswith("amqp"):
        broker, tls = tls_of(broker_url)
    if broker.startswith("mongodb+srv:"):
        # kombu takes what stands before a `+` for the transport's name; importing ours names it.
        import_module("omega_jupyter.runtime.transport")
        broker = f"omega+{broker}"
    app = Celery("omega_jupyter", broker=broker, set_as_current=False, fixups=[])
    app.conf.update(_SETTINGS)
    app.conf.task_default_queue = config.queue
    app.conf.result_backend = "omega_jupyter.runtime.backend:OmegaBackend"
    if broker_url.reveal().startswith("mongodb"):
        app.conf.broker_transport = TRANSPORT
        # A full pool must not block the main loop, which answers pings and cancels tasks.
        app.conf.worker_pool_putlocks = False
    else:
        app.conf.broker_use_ssl = tls
        # kombu shares connections by these options; with `ssl` alone a plain URL would get
        # the connection that was opened with a certificate.
        app.conf.broker_transport_options = {
            "confirm_publish": True,
            "ssl": tls,
            "read_timeout": ANSWER_SECONDS,
        }
        # It closes the channel of who acknowledges late; a worker opens another one.
        app.conf.broker_channel_error_retry = True
        # What workers make; a client need not have the right to.
        app.control.mailbox.exchange.no_declare = True
        app.control.mailbox.reply_exchange.no_declare = True
    app.omega_config = config
    app.omega_queues = set()
    return app


_apps: dict[tuple[int, SecretUrl, str], Celery] = {}


def client_app(config: OmegaConfig, broker_url: SecretUrl) -> Celery:
    """Return this process's application for the broker, with its open connections."""
    key = (os.getpid(), broker_url, config.queue)
    if key not in _apps:
        _apps[key] = make_app(config, broker_url)
    return _apps[key]


@atexit.register
def _close_all() -> None:
    """Close the pools' connections to RabbitMQ, but not what the parent of a forked process has."""
    for (pid, _, _), app in _apps.items():
        if pid == os.getpid() and app._pool is not None and not app.conf.broker_transport:
            app.pool.force_close_all()
