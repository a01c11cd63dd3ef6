"""The verbs on what is stored: put, get, import, export, ls, info, head, rm."""

from __future__ import annotations

from omega_jupyter.verbs import files, objects
from omega_jupyter.verbs.themes.parts import APPEND, JSON, NAME, NEW, OUTPUT, STORE
from omega_jupyter.verbs.verb import Argument, Option, Verb

__all__ = ["STORED", "STORED_VERBS"]

STORED = "Data and models"

STORED_VERBS: tuple[Verb, ...] = (
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
            APPEND,
            NEW,
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
        arguments=(NAME,),
        options=(
            OUTPUT,
            STORE,
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
            STORE,
            Option(
                "hidden",
                ("-a", "--all"),
                "show also what runs have left in .folders",
                type=bool,
                default=False,
            ),
            JSON,
        ),
        examples=("ls", "ls 'sales/*' -l", "ls --kind estimator"),
    ),
    Verb(
        "info",
        "Tell what is known of a data set or model, without loading it.",
        objects.info,
        STORED,
        arguments=(NAME,),
        options=(
            STORE,
            Option("versions", ("--versions",), "list all its versions", type=bool, default=False),
            JSON,
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
            OUTPUT,
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
        options=(APPEND, NEW),
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
            STORE,
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
)
