"""The verbs that only a shell has: worker, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omega_jupyter.verbs.keys import keys
from omega_jupyter.verbs.themes.services import SERVICES
from omega_jupyter.verbs.verb import Argument, Option, Verb

if TYPE_CHECKING:
    from omega_jupyter.verbs.caller import Caller

__all__ = ["SHELL_VERBS"]


def _run_worker(
    caller: Caller,
    queues: str | None,
    concurrency: int | None,
    name: str | None,
    log_level: str,
    time_limit: float | None,
    memory_limit: str | None,
) -> None:
    """Run a worker until it is told to stop."""
    from omega_jupyter.config import OmegaConfig
    from omega_jupyter.worker.process import run_worker

    run_worker(
        OmegaConfig.load(time_limit=time_limit, memory_limit=memory_limit),
        queues=[queue.strip() for queue in (queues or "").split(",") if queue.strip()],
        concurrency=concurrency,
        name=name,
        log_level=log_level,
    )


_WORKER = Verb(
    "worker",
    "Run a worker until Ctrl-C or SIGTERM, which let running tasks end.",
    _run_worker,
    SERVICES,
    options=(
        Option(
            "queues",
            ("--queues",),
            "listen on these (default: OMEGA_QUEUE or omega)",
            metavar="A,B",
        ),
        Option(
            "concurrency",
            ("--concurrency",),
            "number of processes (default: one per core, at most 4)",
            type=int,
            metavar="N",
        ),
        Option("name", ("--name",), "its name before the @host", metavar="NAME"),
        Option(
            "time_limit",
            ("--time-limit",),
            "end tasks that have no limit of their own after so long (default: never)",
            type=float,
            metavar="SECONDS",
        ),
        Option(
            "memory_limit",
            ("--memory-limit",),
            "end tasks whose process uses more, such as 4GB (default: no limit)",
            metavar="SIZE",
        ),
        Option(
            "log_level",
            ("--log-level",),
            "default: INFO",
            default="INFO",
            choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        ),
    ),
    examples=("worker", "worker --queues gpu --concurrency 1 --memory-limit 4GB"),
    notes="It needs OMEGA_MONGO_URL, and OMEGA_BROKER_URL for RabbitMQ.",
)

_KEYS = Verb(
    "keys",
    "Make the keys that seal and sign credentials, or new ones for them.",
    keys,
    SERVICES,
    arguments=(
        Argument("action", "", "choice", choices=("create", "rotate")),
        Argument("kind", "whose key", "choice", required=False, choices=("worker", "sender")),
        Argument(
            "file", "its file; to rotate without: the keys of the database", "word", required=False
        ),
    ),
    options=(
        Option("name", ("--name",), "the sender's (default: your user name)", metavar="NAME"),
    ),
    examples=(
        "keys create worker worker.key",
        "keys create sender alice.key --name alice",
        "keys rotate worker worker.key",
        "keys rotate",
    ),
    notes="Needed where several users share workers; one team on one database needs none.",
)

SHELL_VERBS = (_WORKER, _KEYS)
