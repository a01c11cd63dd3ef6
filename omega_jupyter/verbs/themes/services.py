"""The verbs on services and help: local, doctor, workers, queues, help."""

from __future__ import annotations

from omega_jupyter.verbs import services
from omega_jupyter.verbs.help import show_help
from omega_jupyter.verbs.themes.parts import JSON
from omega_jupyter.verbs.verb import Argument, Verb

__all__ = ["SERVICES", "SERVICE_VERBS"]

SERVICES = "Services and help"

SERVICE_VERBS: tuple[Verb, ...] = (
    Verb(
        "local",
        "Start or stop the local MongoDB and worker, or tell how they are.",
        services.local,
        SERVICES,
        arguments=(
            Argument(
                "action",
                "default: status",
                "choice",
                required=False,
                choices=("start", "stop", "status"),
            ),
        ),
        examples=("local", "local stop"),
        notes="They serve where no OMEGA_MONGO_URL is set, are started by the first use, and "
        "outlive the notebook.",
    ),
    Verb(
        "workers",
        "List the workers that answer: their queues, what they run, their versions.",
        services.workers,
        SERVICES,
        options=(JSON,),
        examples=("workers",),
    ),
    Verb(
        "queues",
        "List the queues: how many tasks wait in each, how many workers listen to it.",
        services.queues,
        SERVICES,
        options=(JSON,),
        examples=("queues",),
        notes="RabbitMQ does not name its queues: there it is those that are listened to, and "
        "yours.",
    ),
    Verb(
        "doctor",
        "Check MongoDB, broker, workers and versions, and say what to do.",
        services.doctor,
        SERVICES,
        examples=("doctor",),
    ),
    Verb(
        "help",
        "Show the verbs, or how one is used.",
        show_help,
        SERVICES,
        arguments=(Argument("verb", "a verb", "verb", required=False),),
        examples=("help", "help fit"),
    ),
)
