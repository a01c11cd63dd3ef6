"""What a worker tells about itself: the remote-control commands ``omega_…``."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command
from celery.worker.state import active_requests

from omega_jupyter.store.model.environment import environment
from omega_jupyter.worker.reception import held

__all__ = ["omega_about", "omega_holds"]


@inspect_command()  # type: ignore[untyped-decorator]  # Celery has no types
def omega_about(state: Any) -> dict[str, Any]:
    """Return the worker's queues, what it runs, and its versions.

    Parameters
    ----------
    state : celery.utils.collections.AttributeDict
        Has the worker's consumer.

    Returns
    -------
    dict
        As of :class:`~omega_jupyter.runtime.workers.WorkerInfo`.
    """
    return {
        "queues": _queues(state),
        "concurrency": int(state.consumer.pool.num_processes),
        "running": len(active_requests),
        "versions": environment(),
    }


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
    here = held()
    return {"holds": [task_id for task_id in task_ids if task_id in here], "queues": _queues(state)}


def _queues(state: Any) -> list[str]:
    consumer = state.consumer.task_consumer
    return sorted(queue.name for queue in consumer.queues) if consumer else []
