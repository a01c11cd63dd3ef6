"""The table of verbs: magic, CLI, help, completion and docs are made from it."""

from __future__ import annotations

from omega_jupyter.runtime.ledger import STATES
from omega_jupyter.verbs import files, objects, services, store, tasks, versions
from omega_jupyter.verbs.help import show_help
from omega_jupyter.verbs.models import ModelCall, SearchCall
from omega_jupyter.verbs.verb import Argument, Option, Verb

__all__ = ["THEMES", "VERBS"]

STORED, CALLS, TASKS, SERVICES = "Data and models", "Running models", "Tasks", "Services and help"
THEMES = (STORED, CALLS, TASKS, SERVICES)

_OUTPUT = Option(
    "output",
    ("-o", "--output"),
    "bind the result to this variable; in a shell: write it to this file (.csv, .parquet, "
    ".npy, .json)",
    metavar="NAME",
)
_JSON = Option("json", ("--json",), "print it as JSON", type=bool, default=False, place="cli")
_STORE = Option(
    "store",
    ("--store",),
    "look only there; needed where a data set and a model have the same name",
    choices=("datasets", "models"),
)
_RESULT = Option(
    "result", ("--result",), "keep the output as the data set of this name", metavar="NAME"
)
_BACKGROUND = Option(
    "background",
    ("-b", "--background"),
    "return the task at once, do not wait for its value",
    type=bool,
    default=False,
)
_TIMEOUT = Option(
    "timeout",
    ("--timeout",),
    "wait at most so long; the task goes on",
    type=float,
    metavar="SECONDS",
)
_QUEUE = Option("queue", ("--queue",), "send it to the workers of this queue", metavar="NAME")
_APPEND = Option(
    "append",
    ("--append",),
    "add the rows to those that are stored under the name",
    type=bool,
    default=False,
)
_NEW = Option(
    "new", ("--new",), "refuse where the name is taken, add no version", type=bool, default=False
)
_CALL_WAITING = (_OUTPUT, _BACKGROUND, _TIMEOUT)
_TIME_LIMIT = Option(
    "time_limit",
    ("--time-limit",),
    "end the task on its worker after so long",
    type=float,
    metavar="SECONDS",
)
_CALL_OPTIONS = (_OUTPUT, _BACKGROUND, _QUEUE, _TIMEOUT, _TIME_LIMIT)

_MODEL = Argument("model", "a stored model: name, name@version or name@tag", "model")
_X = Argument("X", "features: a stored data set, or an object of yours", "data")
_Y = Argument("y", "target: the same", "data", required=False)
_NAME = Argument("name", "a data set or model: name, name[a,b], name@version or @tag", "name")
_VERSION = Argument("name", "a data set or model: name, name@version, name@tag", "name")
_TASK = Argument(
    "task", "a task's id, the beginning of one, or last (default)", "task", required=False
)


def _call(
    name: str, summary: str, *, y: bool, result: bool, examples: tuple[str, ...], notes: str = ""
) -> Verb:
    return Verb(
        name,
        summary,
        ModelCall(name),
        CALLS,
        arguments=(_MODEL, _X, _Y) if y else (_MODEL, _X),
        options=(*_CALL_OPTIONS, _RESULT) if result else _CALL_OPTIONS,
        keywords=f"further keywords of the estimator's {name}",
        examples=examples,
        notes=notes,
    )


VERBS: tuple[Verb, ...] = (
    Verb(
        "put",
        "Store data and models.",
        objects.put,
        STORED,
        arguments=(
            Argument(
                "objects", "objects of yours; `as NAME` renames the one before", "object", many=True
            ),
        ),
        options=(
            _APPEND,
            _NEW,
            Option(
                "format_",
                ("--format",),
                "how models are kept; joblib must be turned on",
                choices=("skops", "joblib"),
            ),
        ),
        keywords="notes of yours, kept as attributes",
        examples=(
            "put X",
            "put X y model as mymodel",
            "put {df[df.year > 2020]} as recent",
            "put X source=crm",
            "put today as sales --append",
        ),
        notes="An estimator becomes a model, all else a data set. Each put is a new version. "
        "In a shell the objects are files: `omega put X.csv as X`. Data (.csv, .parquet, .npy, "
        ".json) is read, a file of another kind is kept as it is; in a notebook "
        "`put {Path('report.pdf')} as report` keeps one.",
    ),
    Verb(
        "get",
        "Load a data set or model.",
        objects.get,
        STORED,
        arguments=(_NAME,),
        options=(
            _OUTPUT,
            _STORE,
            Option(
                "trust",
                ("--trust",),
                "a type that the model may hold, as module.Class",
                metavar="TYPE",
                many=True,
            ),
            Option(
                "as_",
                ("--as",),
                "make a frame or table of this library of a table",
                choices=("pandas", "polars", "arrow"),
            ),
        ),
        keywords="keeps the rows where it holds: column=value, column__gte=value, ...",
        examples=("get X", "get X[a,b]@3 sales__gte=100", "get mymodel@1", "get X --as polars"),
        notes="A file comes as a binary file object, and has `save(path)`; in a shell "
        "`omega get report -o report.pdf` writes it.",
        files=True,
    ),
    Verb(
        "ls",
        "List the data sets and models.",
        objects.ls,
        STORED,
        arguments=(
            Argument(
                "pattern", "names like this; * stands for anything", "pattern", required=False
            ),
        ),
        options=(
            Option(
                "long",
                ("-l", "--long"),
                "show type, tags, origin, scores, task and attributes",
                type=bool,
                default=False,
            ),
            Option("kind", ("--kind",), "only of this kind, such as dataframe", metavar="KIND"),
            _STORE,
            Option(
                "hidden",
                ("-a", "--all"),
                "show also what runs have left in .folders",
                type=bool,
                default=False,
            ),
            _JSON,
        ),
        examples=("ls", "ls 'sales/*' -l", "ls --kind estimator"),
    ),
    Verb(
        "info",
        "Tell what is known of a data set or model, without loading it.",
        objects.info,
        STORED,
        arguments=(_NAME,),
        options=(
            _STORE,
            Option("versions", ("--versions",), "list all its versions", type=bool, default=False),
            _JSON,
        ),
        examples=("info mymodel", "info X --versions"),
        notes="Kind, tags, size, shape and columns; of a model also its parameters, from which "
        "data it was fitted, its scores and the environment.",
    ),
    Verb(
        "head",
        "Load the first rows of a data set.",
        objects.head,
        STORED,
        arguments=(Argument("name", "a data set: name, name[a,b], name@version or @tag", "data"),),
        options=(
            _OUTPUT,
            Option(
                "rows", ("-n", "--rows"), "how many (default: 5)", type=int, metavar="N", default=5
            ),
        ),
        examples=("head X", "head X[a,b] -n 20"),
    ),
    Verb(
        "import",
        "Store tables from files: .parquet, .feather, .csv.",
        files.import_,
        STORED,
        arguments=(
            Argument("files", "paths of files; `as NAME` names the one before", "file", many=True),
        ),
        options=(_APPEND, _NEW),
        keywords="notes of yours, kept as attributes",
        examples=("import data/sales.parquet as sales", "import today.csv as sales --append"),
        notes="A part of a file is in memory at a time. Types are those that pandas gives the "
        "whole file.",
    ),
    Verb(
        "export",
        "Write a table to a file for other programs: .parquet, .feather, .csv.",
        files.export,
        STORED,
        arguments=(
            Argument("name", "a data set: name, name[a,b], name@version or @tag", "name"),
            Argument("file", "the path of the file; replaced where it is there", "file"),
        ),
        keywords="keeps the rows where it holds: column=value, column__gte=value, ...",
        examples=("export sales sales.parquet", "export sales[day,amount]@3 x.csv amount__gte=100"),
        notes="A part of the table is in memory at a time. What Parquet and Feather would change "
        "is refused; CSV keeps what a text can say.",
    ),
    Verb(
        "rm",
        "Remove data sets, models, or single versions of them.",
        objects.rm,
        STORED,
        arguments=(
            Argument("names", "names, patterns in quotes, or name@version", "name", many=True),
        ),
        options=(
            _STORE,
            Option(
                "force",
                ("-f", "--force"),
                "do not mind what is not there, nor that a version has a tag",
                type=bool,
                default=False,
            ),
        ),
        examples=("rm X y", "rm 'scratch/*'", "rm mymodel@3"),
        notes="Nothing is removed where one of the names does not exist, or a single version has "
        "a tag. Where the latest version is removed, the one before is the latest.",
    ),
    Verb(
        "mv",
        "Rename a data set or model, with all its versions.",
        versions.mv,
        STORED,
        arguments=(
            Argument("old", "a data set or model", "name"),
            Argument("new", "a name that is free", "name"),
        ),
        options=(_STORE,),
        examples=("mv scratch/mymodel mymodel",),
    ),
    Verb(
        "cp",
        "Store a version under another name as well.",
        versions.cp,
        STORED,
        arguments=(
            _VERSION,
            Argument("new", "the other name; where it exists it gets a version more", "name"),
        ),
        options=(_STORE,),
        examples=("cp X X_before", "cp mymodel@3 mymodel"),
        notes="Its data is not copied. `cp X@3 X` makes an older version the latest again.",
    ),
    Verb(
        "tag",
        "Give a version a tag, or list the tags.",
        versions.tag,
        STORED,
        arguments=(
            _VERSION,
            Argument("tag", "a word such as prod; it moves where it was", "tag", required=False),
        ),
        options=(
            Option("remove", ("--remove",), "take the tag off", type=bool, default=False),
            _STORE,
        ),
        examples=(
            "tag mymodel prod",
            "tag mymodel@3 staging",
            "tag mymodel@staging prod",
            "tag mymodel prod --remove",
        ),
        notes="`mymodel@prod` then names the version wherever `mymodel@3` would. Without a version "
        "the latest one gets the tag; another one that had it loses it.",
    ),
    Verb(
        "keep",
        "Keep only the newest versions from now on.",
        versions.keep,
        STORED,
        arguments=(
            Argument("name", "a data set or model", "name"),
            Argument("count", "how many of the newest; all: every one", "word", required=False),
        ),
        options=(_STORE,),
        examples=("keep mymodel 5", "keep mymodel all", "keep mymodel"),
        notes="Those with a tag stay too. Others are removed at once, and after each new version, "
        "also by fits on workers. Without a number it tells how many are kept.",
    ),
    Verb(
        "store",
        "Check, clean up, measure, export or import all that is stored.",
        store.store,
        STORED,
        arguments=(
            Argument("action", "what to do", "choice", choices=tuple(store.ACTIONS)),
            Argument(
                "target",
                "export and import: a file; behind it, and for check and usage: names like this "
                "(in quotes)",
                "pattern",
                required=False,
                many=True,
            ),
        ),
        options=(
            Option(
                "now",
                ("--now",),
                "gc: leave those who load what was dropped no hour to finish",
                type=bool,
                default=False,
            ),
            Option(
                "dry_run",
                ("--dry-run",),
                "gc: remove nothing, tell what would be removed",
                type=bool,
                default=False,
            ),
            Option(
                "latest",
                ("--latest",),
                "export: the latest version of each name alone",
                type=bool,
                default=False,
            ),
            Option(
                "store",
                ("--store",),
                "export: only these",
                choices=("datasets", "models"),
            ),
            Option(
                "if_exists",
                ("--if-exists",),
                "import: where a name is there with other versions, import nothing (default), "
                "leave it alone, or add behind it",
                choices=("fail", "skip", "add"),
            ),
            _JSON,
        ),
        examples=(
            "store check",
            "store gc --dry-run",
            "store usage 'sales/*'",
            "store export backup.omega",
            "store export sales.omega 'sales/*' --latest",
            "store import backup.omega",
        ),
        notes="check reads all that is stored and compares it with its checksums; in a shell its "
        "status is 1 where something is damaged. An archive holds versions with their numbers, "
        "tags, scores and lineage; it is imported whole, or not at all where it was changed.",
    ),
    _call(
        "fit",
        "Fit a model on a worker; the value is the metadata of the new version.",
        y=True,
        result=False,
        examples=(
            "fit mymodel X y",
            "fit mymodel X y -b",
            "fit mymodel X y sample_weight=w",
            "fit mymodel X[a,b] y --queue gpu",
        ),
    ),
    _call(
        "partial_fit",
        "Go on fitting a model with more data; the value is the new version's metadata.",
        y=True,
        result=False,
        examples=("partial_fit mymodel X y classes=[0,1]",),
    ),
    _call(
        "predict",
        "Predict with a model.",
        y=False,
        result=True,
        examples=(
            "predict mymodel X",
            "predict mymodel :X_new -o pred",
            "predict mymodel X --result predictions",
        ),
    ),
    _call(
        "predict_proba",
        "Predict the probability of each class.",
        y=False,
        result=True,
        examples=("predict_proba mymodel X",),
    ),
    _call(
        "predict_log_proba",
        "Predict the logarithm of the probability of each class.",
        y=False,
        result=True,
        examples=("predict_log_proba mymodel X",),
    ),
    _call(
        "decision_function",
        "Return a model's confidence in each class.",
        y=False,
        result=True,
        examples=("decision_function mymodel X",),
    ),
    _call(
        "score",
        "Score a model; the value is a number, kept with the version too.",
        y=True,
        result=False,
        examples=("score mymodel X_test y_test",),
    ),
    _call(
        "transform",
        "Transform data with a fitted model.",
        y=False,
        result=True,
        examples=("transform scaler X --result X_scaled",),
    ),
    _call(
        "inverse_transform",
        "Transform data back to what it was before a transform.",
        y=False,
        result=True,
        examples=("inverse_transform scaler X_scaled",),
    ),
    _call(
        "fit_predict",
        "Fit a model, publish it as a new version, and return its labels of the data.",
        y=True,
        result=True,
        examples=("fit_predict clusters X",),
    ),
    _call(
        "fit_transform",
        "Fit a model, publish it as a new version, and return the transformed data.",
        y=True,
        result=True,
        examples=("fit_transform scaler X",),
    ),
    _call(
        "cross_validate",
        "Cross-validate a model on all workers; the value is a dict of arrays of scores.",
        y=True,
        result=False,
        examples=(
            "cross_validate mymodel X y",
            "cross_validate mymodel X y cv=10 scoring=['accuracy','roc_auc']",
        ),
        notes="Keywords: cv, scoring, return_train_score, error_score, groups, and those of the "
        "estimator's fit. Nothing is published.",
    ),
    Verb(
        "search",
        "Look for a model's best parameters on all workers, and publish the best model.",
        SearchCall("grid_search"),
        CALLS,
        arguments=(_MODEL, _X, _Y),
        options=(
            *_CALL_OPTIONS,
            Option("cv", ("--cv",), "how many folds (default: 5)", type=int, metavar="N"),
            Option("scoring", ("--scoring",), "the name of a scorer", metavar="NAME"),
            Option(
                "n_iter",
                ("--n-iter",),
                "try so many candidates, drawn at random; default: all",
                type=int,
                metavar="N",
            ),
            Option(
                "random_state",
                ("--random-state",),
                "how they are drawn",
                type=int,
                metavar="SEED",
            ),
        ),
        keywords="values of the parameter to try; sample_weight= and groups= are data",
        examples=(
            "search mymodel X y C=[0.1,1,10]",
            "search mymodel X y max_depth=[2,4,8] criterion=['gini','entropy'] --cv 3",
            "search mymodel X y C=[0.1,1,10] penalty=['l1','l2'] --n-iter 4",
        ),
        notes="The value has best_params_, best_score_, cv_results_ (a table) and model, the "
        "metadata of the new version. A stored search needs no values.",
    ),
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
            _JSON,
        ),
        examples=("tasks", "tasks -n 5 --state failure", "tasks --since 12h"),
    ),
    Verb(
        "status",
        "Tell how a task is; of a failed one also the traceback on the worker.",
        tasks.status,
        TASKS,
        arguments=(_TASK,),
        options=(_JSON,),
        examples=("status", "status 4f3c"),
    ),
    Verb(
        "result",
        "Wait for a task and return its value.",
        tasks.result,
        TASKS,
        arguments=(_TASK,),
        options=(_OUTPUT, _TIMEOUT),
        examples=("result", "result 4f3c -o pred"),
        notes="Also of a task that another notebook submitted, or that Ctrl-C detached from.",
    ),
    Verb(
        "watch",
        "Show how a task gets on until it has ended.",
        tasks.watch,
        TASKS,
        arguments=(_TASK,),
        options=(_JSON,),
        examples=("watch", "watch 4f3c"),
        notes="The value is how it ended, as of `status`. Ctrl-C ends the watching alone.",
    ),
    Verb(
        "logs",
        "Show what a task has printed and logged on its worker.",
        tasks.logs,
        TASKS,
        arguments=(_TASK,),
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
        arguments=(_TASK,),
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
        arguments=(_TASK,),
        options=_CALL_WAITING,
        examples=("retry", "retry 4f3c -b"),
    ),
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
        options=(_JSON,),
        examples=("workers",),
    ),
    Verb(
        "queues",
        "List the queues: how many tasks wait in each, how many workers listen to it.",
        services.queues,
        SERVICES,
        options=(_JSON,),
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
