"""The peer of the runtime: a Celery no-op, with nothing of ours but the broker's transport."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from celery import Celery

__all__ = ["make_raw"]

QUEUE = "raw"


def make_raw(broker: str, results: str) -> Celery:
    """Return an application with one task, `raw.noop`, as a careful user would set it up.

    Parameters
    ----------
    broker : str
        Publishing to RabbitMQ is confirmed, as ours is.
    results : str
        ``rpc://``, or a MongoDB without a database.
    """
    in_mongodb = results.startswith("mongodb")
    app = Celery("raw", broker=broker, backend="mongodb://" if in_mongodb else results)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # Of its own for each backend: the worker is who answers.
        task_default_queue=f"{QUEUE}_{results[:3]}",
    )
    if broker.startswith("mongodb"):
        app.conf.broker_transport = "omega_jupyter.runtime.transport:Transport"
        app.conf.worker_pool_putlocks = False
    else:
        app.conf.broker_transport_options = {"confirm_publish": True}
    if in_mongodb:
        # The stock backend can't read a unix socket's path from a URL, but from these settings.
        app.conf.mongodb_backend_settings = {"host": results, "database": "raw_results"}
    app.task(_noop, name="raw.noop")
    return app


def noop_of(app: Celery) -> Callable[[], Any]:
    """Return what sends one no-op; its answer has ``get``."""
    delay: Callable[[], Any] = app.tasks["raw.noop"].delay
    return delay


def _noop() -> None:
    """Do nothing."""


if __name__ == "__main__":
    make_raw(os.environ["RAW_BROKER"], os.environ["RAW_RESULTS"]).worker_main(
        [
            "worker",
            "-c",
            "2",
            "--loglevel=WARNING",
            f"--hostname=raw{os.getpid()}@%h",
            *sys.argv[1:],
        ]
    )
