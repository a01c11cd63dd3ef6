"""Arguments and options that several verbs share."""

from __future__ import annotations

from omega_jupyter.verbs.verb import Argument, Option

__all__ = [
    "APPEND",
    "BACKGROUND",
    "CALL_OPTIONS",
    "CALL_WAITING",
    "JSON",
    "MODEL",
    "NAME",
    "NEW",
    "OUTPUT",
    "QUEUE",
    "RESULT",
    "STORE",
    "TASK",
    "TIMEOUT",
    "TIME_LIMIT",
    "VERSION",
    "X",
    "Y",
]

OUTPUT = Option(
    "output",
    ("-o", "--output"),
    "bind the result to this variable; in a shell: write it to this file (.csv, .parquet, "
    ".npy, .json)",
    metavar="NAME",
)
JSON = Option("json", ("--json",), "print it as JSON", type=bool, default=False, place="cli")
STORE = Option(
    "store",
    ("--store",),
    "look only there; needed where a data set and a model have the same name",
    choices=("datasets", "models"),
)
RESULT = Option(
    "result", ("--result",), "keep the output as the data set of this name", metavar="NAME"
)
BACKGROUND = Option(
    "background",
    ("-b", "--background"),
    "return the task at once, do not wait for its value",
    type=bool,
    default=False,
)
TIMEOUT = Option(
    "timeout",
    ("--timeout",),
    "wait at most so long; the task goes on",
    type=float,
    metavar="SECONDS",
)
QUEUE = Option("queue", ("--queue",), "send it to the workers of this queue", metavar="NAME")
APPEND = Option(
    "append",
    ("--append",),
    "add the rows to those that are stored under the name",
    type=bool,
    default=False,
)
NEW = Option(
    "new", ("--new",), "refuse where the name is taken, add no version", type=bool, default=False
)
CALL_WAITING = (OUTPUT, BACKGROUND, TIMEOUT)
TIME_LIMIT = Option(
    "time_limit",
    ("--time-limit",),
    "end the task on its worker after so long",
    type=float,
    metavar="SECONDS",
)
CALL_OPTIONS = (OUTPUT, BACKGROUND, QUEUE, TIMEOUT, TIME_LIMIT)

MODEL = Argument("model", "a stored model: name, name@version or name@tag", "model")
X = Argument("X", "features: a stored data set, or an object of yours", "data")
Y = Argument("y", "target: the same", "data", required=False)
NAME = Argument("name", "a data set or model: name, name[a,b], name@version or @tag", "name")
VERSION = Argument("name", "a data set or model: name, name@version, name@tag", "name")
TASK = Argument(
    "task", "a task's id, the beginning of one, or last (default)", "task", required=False
)
