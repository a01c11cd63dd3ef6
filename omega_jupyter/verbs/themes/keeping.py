"""The verbs on names, versions and the store as a whole: mv, cp, tag, keep, store."""

from __future__ import annotations

from omega_jupyter.verbs import store, versions
from omega_jupyter.verbs.themes.parts import JSON, STORE, VERSION
from omega_jupyter.verbs.themes.stored import STORED
from omega_jupyter.verbs.verb import Argument, Option, Verb

__all__ = ["KEEPING_VERBS"]

KEEPING_VERBS: tuple[Verb, ...] = (
    Verb(
        "mv",
        "Rename a data set or model, with all its versions.",
        versions.mv,
        STORED,
        arguments=(
            Argument("old", "a data set or model", "name"),
            Argument("new", "a name that is free", "name"),
        ),
        options=(STORE,),
        examples=("mv scratch/mymodel mymodel",),
    ),
    Verb(
        "cp",
        "Store a version under another name as well.",
        versions.cp,
        STORED,
        arguments=(
            VERSION,
            Argument("new", "the other name; where it exists it gets a version more", "name"),
        ),
        options=(STORE,),
        examples=("cp X X_before", "cp mymodel@3 mymodel"),
        notes="Its data is not copied. `cp X@3 X` makes an older version the latest again.",
    ),
    Verb(
        "tag",
        "Give a version a tag, or list the tags.",
        versions.tag,
        STORED,
        arguments=(
            VERSION,
            Argument("tag", "a word such as prod; it moves where it was", "tag", required=False),
        ),
        options=(
            Option("remove", ("--remove",), "take the tag off", type=bool, default=False),
            STORE,
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
        options=(STORE,),
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
            JSON,
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
)
