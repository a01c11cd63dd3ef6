"""What a worker tells about itself, and to whom: the remote-control commands.

Everyone who may send tasks may send control messages to all workers, unsigned. So what
they can ask is little and changes nothing: Celery's own commands, which revoke tasks,
end workers or have them listen elsewhere, are refused.
"""

from __future__ import annotations

from typing import Any

from celery.utils.log import get_logger
from celery.worker.control import inspect_command
from celery.worker.state import active_requests
from kombu import pidbox

from omega_jupyter.runtime.workers import versions
from omega_jupyter.worker.reception import held

__all__ = ["Mailbox", "omega_about", "omega_holds"]

logger = get_logger(__name__)

# The commands, and the lists that each takes.
_COMMANDS: dict[str, set[str]] = {"ping": set(), "omega_about": set(), "omega_holds": {"task_ids"}}
_FIELDS = {
    *("method", "arguments", "destination", "pattern", "matcher", "reply_to", "ticket"),
}
# AMQP's limit, in bytes.
MAX_KEY = 255


class Mailbox(pidbox.Node):
    """A worker's end of the remote control."""

    def listen(self, channel: Any = None, callback: Any = None) -> Any:
        """Make what clients have no right to make, and listen."""
        self.mailbox.reply_exchange(channel or self.channel).declare()
        return super().listen(channel, callback)

    def handle_message(self, body: Any, message: Any = None) -> Any:
        """Answer, unless the message asks for more than it may."""
        why = _unfit(body) or self._stray(body)
        if why is not None:
            logger.warning("Refused: a control message %s", why)
            return None
        # Without its headers: they set a clock that nobody here looks at.
        return super().handle_message(body)

    def _stray(self, body: dict[str, Any]) -> str | None:
        """Return what is wrong with whom it is for, and where the answer is to go."""
        if not isinstance(body.get("destination"), list | None):
            return "to nobody in particular"
        if body.get("pattern") or body.get("matcher"):
            return "with a pattern"
        match body.get("reply_to"):
            case None:
                return None
            case {"exchange": str(exchange), "routing_key": str(key)}:
                if exchange == self.mailbox.reply_exchange.name and len(key.encode()) <= MAX_KEY:
                    return None
        return "that wants its answer elsewhere"


def _unfit(body: Any) -> str | None:
    """Return what is wrong with what it asks for."""
    if not isinstance(body, dict) or body.keys() - _FIELDS:
        return "that is none"
    if not isinstance(body.get("method"), str) or not isinstance(body.get("ticket"), str | None):
        return "that is none"
    wanted = _COMMANDS.get(body["method"])
    if wanted is None:
        return f"with the command {body['method']!r:.40}"
    arguments = body.get("arguments") or {}
    if not isinstance(arguments, dict) or arguments.keys() != wanted:
        return f"with other arguments than {body['method']!r} takes"
    if not all(isinstance(value, list) for value in arguments.values()):
        return f"with other arguments than {body['method']!r} takes"
    return None


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
        "versions": versions(),
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
