"""A worker that is to stop does not wait for a RabbitMQ that has fallen silent."""

from __future__ import annotations

from typing import Any

from celery.bootsteps import StartStopStep
from celery.utils.threads import bound_open_broker_sockets

__all__ = ["Farewell"]

# For each of some ten answers that Celery waits for. What has not come by then, RabbitMQ
# does by itself once the connection is closed.
ANSWER_SECONDS = 1.0


class Farewell(StartStopStep):
    """Bounds the waiting for answers once the worker is to stop, which has no end by itself."""

    def close(self, worker: Any) -> None:
        """Get ready to stop."""
        connection = worker.consumer.connection
        if connection is not None:
            bound_open_broker_sockets(connection, ANSWER_SECONDS)
