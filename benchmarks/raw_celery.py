"""The peer of the runtime: a Celery no-op, with nothing of ours but the broker's transport."""

from __future__ import annotations

import os

from celery import Celery

# The stock result backend can't read a unix socket's path from a URL, but from these settings.
URL = os.environ["RAW_CELERY_URL"]

app = Celery("raw", broker=URL, backend="mongodb://")
app.conf.update(
    broker_transport="omega_jupyter.runtime.transport:Transport" if URL[:5] == "mongo" else None,
    mongodb_backend_settings={
        "host": os.environ["RAW_CELERY_RESULTS"],
        "database": "raw_results",
    },
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_default_queue="raw",
)


@app.task
def noop() -> None:
    """Do nothing."""
