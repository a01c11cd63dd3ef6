"""What a worker tells about itself: the remote-control command ``omega_versions``."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command

from omega_jupyter.store.model.environment import environment

__all__ = ["omega_versions"]


@inspect_command()  # type: ignore[untyped-decorator]  # Celery has no types
def omega_versions(state: Any) -> dict[str, Any]:
    """Return the versions of Python and libraries, and the queues listened to.

    Parameters
    ----------
    state : celery.utils.collections.AttributeDict
        Has the worker's consumer.

    Returns
    -------
    dict
        ``versions``, name to version, and ``queues``, a list of names.
    """
    consumer = state.consumer.task_consumer
    queues = sorted(queue.name for queue in consumer.queues) if consumer else []
    return {"versions": environment(), "queues": queues}
