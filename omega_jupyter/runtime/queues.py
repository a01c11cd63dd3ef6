"""Names of queues, and the warning that nobody listens to one."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING

from omega_jupyter.errors import Invalid, QueueWarning, VersionMismatch
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.roster import Roster
from omega_jupyter.store.model.environment import outside, version_of

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["checked_queue", "warn_of_queue", "warn_of_workers"]

# AMQP's limit.
MAX_BYTES = 255
# A queue is looked at, and warned of, so often by one process.
AGAIN_SECONDS = 60.0

_looked: dict[tuple[int, SecretUrl, str], float] = {}
_warned: set[tuple[str, str, str]] = set()


def checked_queue(name: str) -> str:
    """Return the name of a queue, if it can be one.

    Raises
    ------
    Invalid
        It is no text, empty, too long, or has a character that RabbitMQ, or the list of a
        worker's ``--queues``, gives another meaning.
    """
    if not isinstance(name, str):
        raise _no_queue(name)
    bad = not name or name != name.strip()
    if bad or "," in name or not name.isprintable() or name.startswith("amq."):
        raise _no_queue(name)
    if len(name.encode()) > MAX_BYTES:
        raise Invalid(f"The queue's name {name[:20]!r}… is longer than {MAX_BYTES} bytes")
    return name


def _no_queue(name: object) -> Invalid:
    return Invalid(
        f"{name!r:.80} can't be the name of a queue",
        hint="a name such as 'gpu' or 'user.alice': no comma, no space around it, not amq.…",
    )


def warn_of_queue(config: OmegaConfig, broker_url: SecretUrl, queue: str) -> None:
    """Warn where no worker listens to a queue; at most once a minute, and never in doubt.

    Those who do are met: :func:`warn_of_workers` knows their versions then.

    Warns
    -----
    QueueWarning
        Names the queue and how to start a worker for it.
    """
    if config.is_local and queue == config.queue:
        return  # the local worker may be starting
    key, now = (os.getpid(), broker_url, queue), time.monotonic()
    if now < _looked.get(key, 0.0):
        return
    counts = Broker(config, broker_url).count(queue)
    _looked[key] = now + AGAIN_SECONDS
    if counts is None:
        return
    if counts[1]:
        Roster(config, broker_url).meet(queue, counts[1])
        return
    warnings.warn(
        f"No worker listens to the queue {queue!r}: the task waits until one does "
        f"(`omega worker --queues {queue}`; %omega workers lists those there are)",
        QueueWarning,
        stacklevel=outside(),
    )


def warn_of_workers(
    config: OmegaConfig, broker_url: SecretUrl, queue: str, model: Metadata
) -> None:
    """Warn where a worker is known to have another scikit-learn than a model was stored with.

    Not where the worker has the one that is here: of that ``warn_of_mismatch`` tells.

    Warns
    -----
    VersionMismatch
        Once for each worker and model, of those who were met.
    """
    stored = model.environment.get("scikit-learn")
    here = version_of("scikit-learn")
    for worker in Roster(config, broker_url).known():
        there = worker.versions.get("scikit-learn")
        key = (worker.name, model.ref, str(there))
        if stored is None or there in (None, here) or queue not in worker.queues or key in _warned:
            continue
        if stored.split(".")[:2] != there.split(".")[:2]:
            _warned.add(key)
            warnings.warn(
                f"Model {model.ref} was stored with scikit-learn {stored}; the worker "
                f"{worker.name} has {there}. It may fail or predict something else",
                VersionMismatch,
                stacklevel=outside(),
            )
