"""The worker process: a Celery worker with our tasks and a pool of processes."""

from __future__ import annotations

import gc
import os
import socket
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.queues import checked_queue

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["run_worker"]

MAX_DEFAULT_CONCURRENCY = 4


def run_worker(
    config: OmegaConfig,
    *,
    queues: Sequence[str] = (),
    concurrency: int | None = None,
    name: str | None = None,
    log_level: str = "INFO",
) -> None:
    """Run a worker until it is told to stop (SIGTERM lets running tasks end).

    Parameters
    ----------
    config : OmegaConfig
        Needs ``mongo_url`` or ``broker_url``, and a key to open credentials with:
        that of the database at ``mongo_url``, or ``worker_key``.
    queues : sequence of str
        The queues that it listens on; default: ``config.queue``.
    concurrency : int, optional
        Number of processes; default: ``config.concurrency``, else one per core,
        at most four.
    name : str, optional
        Its name before the ``@host``; default: made of the process id.
    log_level : str
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.

    Raises
    ------
    Invalid
        Nothing is configured that it could listen to.
    AuthError
        It has no keys; or RabbitMQ refuses its user, or a right that it needs.
    """
    from omega_jupyter.worker.cores import share_cores

    broker_url = _broker(config)
    processes = concurrency or config.concurrency or _default_concurrency()
    listened = [checked_queue(queue) for queue in queues or [config.queue]]
    if config.memory_limit:
        # What is kept between tasks must not be what ends one.
        kept = min(config.cache_bytes, config.memory_limit // 4)
        config = replace(config, cache_bytes=kept)
    share_cores(processes)

    from omega_jupyter.runtime.app import make_app
    from omega_jupyter.runtime.keyring import keyring

    keyring(config)  # a worker without one should not start, rather than refuse each task
    app = make_app(config, broker_url)
    app.conf.worker_consumer = "omega_jupyter.worker.reception:Reception"
    app.conf.worker_pool = "omega_jupyter.worker.pool:Pool"
    app.set_default()
    _import_before_fork()

    from omega_jupyter.worker.control import Mailbox

    app.control.mailbox.node_cls = Mailbox
    if not app.conf.broker_transport:
        from omega_jupyter.worker.rights import check_rights

        check_rights(app, broker_url, listened)
    from celery.signals import worker_ready

    from omega_jupyter.worker.farewell import Farewell
    from omega_jupyter.worker.heartbeat import Heartbeat
    from omega_jupyter.worker.limits import Limits

    app.steps["worker"].update((Farewell, Heartbeat, Limits))
    worker_ready.connect(_ignore_advice)
    app.finalize()
    app.worker_main(
        [
            "worker",
            f"--concurrency={processes}",
            f"--queues={','.join(listened)}",
            f"--hostname={name or f'omega-{os.getpid()}'}@{socket.gethostname()}",
            f"--loglevel={log_level}",
            "--pool=prefork",
            "--without-gossip",
            "--without-mingle",
            # Events that nobody listens to: heartbeats of the ledger tell who lives.
            "--without-heartbeat",
            "-O",
            "fair",
        ]
    )


def _ignore_advice(**_: Any) -> None:
    """Have Celery not warn, at each lost connection, of what we want: see runtime/app.py."""
    from celery.exceptions import CPendingDeprecationWarning

    warnings.simplefilter("ignore", CPendingDeprecationWarning)


def _broker(config: OmegaConfig) -> SecretUrl:
    url = config.broker_url or config.mongo_url
    if url is None:
        raise Invalid(
            "A worker needs to know what to listen to",
            hint="set OMEGA_MONGO_URL (and OMEGA_BROKER_URL for RabbitMQ); "
            "on a laptop `omega local start` runs one by itself",
        )
    return url


def _default_concurrency() -> int:
    return max(1, min(len(os.sched_getaffinity(0)), MAX_DEFAULT_CONCURRENCY))


def _import_before_fork() -> None:
    """Import what every task needs once: children share it, and replacing one is quick."""
    for name in (
        "sklearn.ensemble",
        "sklearn.linear_model",
        "sklearn.pipeline",
        "skops.io",
        "omega_jupyter.worker.control",
        "omega_jupyter.worker.tasks",
    ):
        import_module(name)
    # Nobody looks through these objects for garbage again: neither the children, which would
    # copy their pages, nor this process before each fork.
    gc.collect()
    gc.freeze()
