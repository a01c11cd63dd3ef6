"""Sending the message of a task whose record is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.credentials import (
    HEADER,
    LIFETIME_SECONDS,
    Credentials,
    Envelope,
    digest,
)
from omega_jupyter.runtime.limits import TIME_LIMIT

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.runtime.keys import SendingKeys

__all__ = ["send"]


def send(
    app: Celery,
    keys: SendingKeys,
    credentials: Credentials,
    *,
    verb: str,
    task_id: str,
    queue: str,
    arguments: Mapping[str, Any],
    time_limit: float | None = None,
) -> None:
    """Seal the credentials to this very task, and give its message to the broker.

    Parameters
    ----------
    app : celery.Celery
    keys : SendingKeys
        Those of a client, or of a worker that sends to others of its kind.
    credentials : Credentials
        For whom the task acts.
    verb, task_id, queue : str
    arguments : mapping
        As in the record.
    time_limit : float, optional
        Seconds.

    Raises
    ------
    kombu.exceptions.OperationalError
        The broker does not take it.
    """
    name = f"omega.{verb}"
    envelope = Envelope.seal(
        credentials,
        keys.recipient,
        keys.sender.private,
        task=name,
        task_id=task_id,
        arguments=digest((), arguments),
    )
    app.send_task(
        name,
        kwargs=dict(arguments),
        task_id=task_id,
        queue=queue,
        headers={HEADER: envelope.to_header(), TIME_LIMIT: time_limit},
        # No worker takes it any more then.
        expiration=LIFETIME_SECONDS,
        retry=True,
        retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
    )
