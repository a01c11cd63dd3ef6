"""Who comes in: each message is looked at before Celery acts on any of it.

Celery trusts its broker. A message may name any registered task (its own ``celery.group``
among them, which sends whatever it is told to), have tasks called back, be kept for
years, change limits, or end the worker by being malformed. Here such a message ends with
one line in the log, and what Celery gets to see of others is what their sender signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from celery.worker.state import active_requests, reserved_requests, scheduled_requests
from kombu import compression
from kombu.exceptions import ContentDisallowed, DecodeError

from omega_jupyter.errors import AuthError, OmegaError
from omega_jupyter.runtime.arguments import MAX_BYTES
from omega_jupyter.runtime.envelope import HEADER, Envelope, digest
from omega_jupyter.runtime.keyring import keyring
from omega_jupyter.worker.model_task import ModelTask

__all__ = ["Reception", "held"]

logger = get_logger(__name__)

# The body holds the arguments once more, with spaces, and little else.
MAX_BODY = 2 * MAX_BYTES
AGAIN_SECONDS = 2.0

_TASK_ID = re.compile(r"[0-9a-zA-Z-]{1,64}")
# What Celery would do something about, and no sender of ours asks for.
_CELERYS = (
    *("eta", "expires", "retries", "timelimit", "shadow", "group", "chord", "chain"),
    *("callbacks", "errbacks", "ignore_result", "replaced_task_nesting", "stamped_headers"),
)
_NOTHING: tuple[Any, ...] = (None, 0, "", [], {}, [None, None])


class Reception(Consumer):
    """Celery's consumer, with a doorkeeper."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what is called with each message."""
        receive = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            try:
                message.headers = self._checked(message)
            except AuthError as error:
                logger.warning("Refused: %s", error.message)
                message.reject_log_error(logger, self.connection_errors)
            except OmegaError as error:
                # Nobody knows yet whether it may come in.
                logger.warning("Kept waiting: a message; %s", error.message)
                back = (logger, self.connection_errors, True)
                self.timer.call_after(AGAIN_SECONDS, message.reject_log_error, back)
            else:
                receive(message)

        return on_message

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop what can't be read, also among control messages."""
        logger.warning("Refused: a message that can't be read: %s", _shown(str(exc)))
        message.ack_log_error(logger, self.connection_errors)

    def _checked(self, message: Any) -> dict[str, Any]:
        """Return the headers that Celery gets to see.

        Raises
        ------
        AuthError
            The message is refused.
        Unavailable, Invalid
            The worker's keys can't be read.
        """
        task, task_id = _named(self.app, message)
        kwargs = _arguments(message, task_id)
        for name in _CELERYS:
            if message.headers.get(name) not in _NOTHING:
                raise AuthError(f"Task {task_id} comes with {name!r}, which no sender asks for")
        envelope = keyring(self.app.omega_config).verify(
            message.headers.get(HEADER), task=task, task_id=task_id
        )
        if envelope.arguments != _digest(kwargs):
            raise AuthError(f"The arguments of task {task_id} were altered")
        terms = envelope.terms
        if not self.task_consumer.consuming_from(terms.queue):
            raise AuthError(
                f"Task {task_id} was sent to the queue {_shown(terms.queue)}, not to this worker's"
            )
        again = (message.delivery_info or {}).get("redelivered", False)
        if not again and terms.number in held().get(task_id, ()):
            raise AuthError(f"Task {task_id} is here already: this message is a copy")
        return _headers(task, task_id, envelope)


def held() -> dict[str, set[int]]:
    """Return the tasks that this worker has, running or waiting, by id.

    Returns
    -------
    dict
        The numbers of their messages. Not Celery's own table: a copy of a message would
        take the place of the first one there.
    """
    found: dict[str, set[int]] = {}
    for request in {*reserved_requests, *active_requests, *scheduled_requests}:
        number = int(request.request_dict[HEADER]["n"])
        found.setdefault(str(request.id), set()).add(number)
    return found


def _named(app: Any, message: Any) -> tuple[str, str]:
    """Return the name and the id of the task that a message asks for."""
    headers = message.headers
    if not isinstance(headers, Mapping):
        raise AuthError("A message without headers is no task")
    task, task_id = headers.get("task"), headers.get("id")
    if not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id):
        raise AuthError(f"A message with the id {_shown(task_id)} is no task")
    if not isinstance(task, str) or not isinstance(app.tasks.get(task), ModelTask):
        raise AuthError(f"Task {task_id} asks for {_shown(task)}, which is none of ours")
    return task, task_id


def _arguments(message: Any, task_id: str) -> dict[str, Any]:
    """Return the arguments that are all of a message's body."""
    if message.content_type != "application/json":
        raise AuthError(
            f"Task {task_id} comes as {_shown(message.content_type)}: workers read JSON alone"
        )
    if not isinstance(message.content_encoding, str | None):
        raise AuthError(f"The body of task {task_id} can't be read")
    if len(message.body) > MAX_BODY:
        raise AuthError(f"Task {task_id} is too large: {len(message.body):,} bytes")
    try:
        body = message.decode()
    except (ContentDisallowed, DecodeError):
        raise AuthError(f"The body of task {task_id} can't be read") from None
    match body:
        case [[], dict(arguments), dict(embed)]:
            for name, value in embed.items():
                if value not in _NOTHING:
                    raise AuthError(
                        f"Task {task_id} comes with {_shown(name)}, which no sender asks for"
                    )
            return arguments
    raise AuthError(f"The body of task {task_id} is none of a task")


def _digest(arguments: dict[str, Any]) -> str | None:
    """Return the digest, or None of what no sender can have sent."""
    try:
        return digest((), arguments)
    except (TypeError, ValueError, RecursionError):
        # kombu reads dates and more from JSON, and json itself what it can't write.
        return None


def _headers(task: str, task_id: str, envelope: Envelope) -> dict[str, Any]:
    start = envelope.terms.not_before
    return {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "",
        "kwargsrepr": "",
        "retries": 0,
        "eta": None if start is None else datetime.fromtimestamp(start, UTC).isoformat(),
        HEADER: envelope.to_header(),
    }


def _refuse_to_unpack(body: bytes) -> bytes:
    raise DecodeError("it is compressed")


# Nothing of ours is, and a small message may unpack to more than there is memory.
for _kind in compression.encoders():
    compression.register(None, _refuse_to_unpack, _kind)


def _shown(value: object) -> str:
    """Return what somebody wrote as a log may show it: short, and on one line."""
    return f"{str(value)!r:.80}"
