"""What a worker tells about itself: the remote-control commands ``omega_…``."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command
from celery.worker.state import requests

from omega_jupyter.store.model.environment import environment

__all__ = ["omega_holds", "omega_versions"]


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
    return {"versions": environment(), "queues": _queues(state)}


@inspect_command()  # type: ignore[untyped-decorator]  # Celery has no types
def omega_holds(state: Any, task_ids: list[str]) -> dict[str, Any]:
    """Return which of the tasks this worker has, running or waiting for a process.

    Parameters
    ----------
    state : celery.utils.collections.AttributeDict
        Has the worker's consumer.
    task_ids : list of str

    Returns
    -------
    dict
        ``holds``, a list of ids, and ``queues``, those listened to.
    """
    held = [task_id for task_id in task_ids if task_id in requests]
    return {"holds": held, "queues": _queues(state)}


def _queues(state: Any) -> list[str]:
    consumer = state.consumer.task_consumer
    return sorted(queue.name for queue in consumer.queues) if consumer else []
