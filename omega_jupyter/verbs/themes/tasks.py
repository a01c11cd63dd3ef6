"""The verbs on tasks: what ran, runs and waits."""

from __future__ import annotations

from omega_jupyter.runtime.ledger import STATES
from omega_jupyter.verbs import tasks
from omega_jupyter.verbs.themes.parts import CALL_WAITING, JSON, OUTPUT, TASK, TIMEOUT
from omega_jupyter.verbs.verb import Option, Verb

__all__ = ["TASKS", "TASK_VERBS"]

TASKS = "Tasks"

TASK_VERBS: tuple[Verb, ...] = (
    Verb(
        "tasks",
        "List the newest tasks: what ran, is running, is waiting.",
        tasks.tasks,
        TASKS,
        options=(
            Option(
                "limit",
                ("-n", "--limit"),
                "how many (default: 20)",
                type=int,
                metavar="N",
                default=20,
            ),
            Option(
                "state",
                ("--state",),
                f"only those in this state: {', '.join(STATES).lower()}",
                metavar="STATE",
                choices=STATES,
            ),
            Option("model", ("--model",), "only those of this model", metavar="NAME"),
            Option(
                "since",
                ("--since",),
                "only those submitted within this time (90m, 12h, 7d) or since this date",
                metavar="TIME",
            ),
            JSON,
        ),
        examples=("tasks", "tasks -n 5 --state failure", "tasks --since 12h"),
    ),
    Verb(
        "status",
        "Tell how a task is; of a failed one also the traceback on the worker.",
        tasks.status,
        TASKS,
        arguments=(TASK,),
        options=(JSON,),
        examples=("status", "status 4f3c"),
    ),
    Verb(
        "result",
        "Wait for a task and return its value.",
        tasks.result,
        TASKS,
        arguments=(TASK,),
        options=(OUTPUT, TIMEOUT),
        examples=("result", "result 4f3c -o pred"),
        notes="Also of a task that another notebook submitted, or that Ctrl-C detached from.",
    ),
    Verb(
        "watch",
        "Show how a task gets on until it has ended.",
        tasks.watch,
        TASKS,
        arguments=(TASK,),
        options=(JSON,),
        examples=("watch", "watch 4f3c"),
        notes="The value is how it ended, as of `status`. Ctrl-C ends the watching alone.",
    ),
    Verb(
        "logs",
        "Show what a task has printed and logged on its worker.",
        tasks.logs,
        TASKS,
        arguments=(TASK,),
        options=(
            Option(
                "follow",
                ("-f", "--follow"),
                "show it as it comes, until the task has ended",
                type=bool,
                default=False,
            ),
        ),
        examples=("logs", "logs 4f3c -f"),
        notes="The last 1,000 lines or 64 KiB are kept.",
    ),
    Verb(
        "cancel",
        "End a task; the value tells what came of it.",
        tasks.cancel,
        TASKS,
        arguments=(TASK,),
        examples=("cancel", "cancel 4f3c"),
        notes="One that waits never starts. One that runs is asked to stop, and its process is "
        "killed after five seconds. It publishes nothing then. The value is one of: never "
        "started, stopped, killed, had finished; stopping or finishing where it is not known yet.",
    ),
    Verb(
        "retry",
        "Submit a task's call again, with its very arguments and versions.",
        tasks.retry,
        TASKS,
        arguments=(TASK,),
        options=CALL_WAITING,
        examples=("retry", "retry 4f3c -b"),
    ),
)
