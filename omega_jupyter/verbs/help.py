"""Help as text, from the table of verbs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.verb import Verb
    from omega_jupyter.verbs.words import Word

__all__ = ["overview", "show_help", "verb_help", "verb_named"]

WIDTH = 88


def show_help(caller: Caller, verb: Word | None) -> None:
    """Show the verbs, or how one is used."""
    if verb is None:
        caller.show(overview(caller.verbs, caller.prefix))
    else:
        caller.show(verb_help(verb_named(caller.verbs, verb.text, caller.prefix), caller.prefix))


def verb_named(verbs: Sequence[Verb], name: str, prefix: str) -> Verb:
    """Return the verb of that name.

    Raises
    ------
    UsageError
        There is none; the message says which one may be meant.
    """
    for verb in verbs:
        if verb.name == name:
            return verb
    close = get_close_matches(name, [verb.name for verb in verbs], n=1)
    meant = f". Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"No such verb {name!r}{meant}", hint=f"{prefix} help lists the verbs")


def overview(verbs: Sequence[Verb], prefix: str) -> str:
    """Return all verbs with their summaries, by theme."""
    lines = [f"{prefix} VERB ..."]
    for theme in dict.fromkeys(verb.theme for verb in verbs):
        rows = [(verb.name, verb.summary) for verb in verbs if verb.theme == theme]
        lines += ["", theme, *_rows(rows, 18)]
    lines += ["", f"{prefix} VERB -h tells more of one."]
    return "\n".join(lines)


def verb_help(verb: Verb, prefix: str) -> str:
    """Return usage, arguments, options and examples of a verb."""
    place: Literal["magic", "cli"] = "magic" if prefix.startswith("%") else "cli"
    arguments = [(a.label.strip("[]"), a.help) for a in verb.arguments]
    if verb.keywords:
        arguments.append(("key=value", verb.keywords))
    options = [(option.label, option.help) for option in verb.options_of(place)]
    options.append(("-h, --help", "show this"))
    column = max(len(label) for label, _ in arguments + options) + 1
    lines = [f"{prefix} {verb.usage()}", "", verb.summary]
    if verb.notes:
        lines += ["", fill(verb.notes, WIDTH)]
    if arguments:
        lines += ["", *_rows(arguments, column)]
    lines += ["", *_rows(options, column)]
    if verb.examples:
        lines += ["", *(f"  {prefix} {example}" for example in verb.examples)]
    return "\n".join(lines)


def _rows(rows: Iterable[tuple[str, str]], column: int) -> list[str]:
    indent = " " * (column + 3)
    return [
        fill(text, WIDTH, initial_indent=f"  {label:<{column}} ", subsequent_indent=indent)
        for label, text in rows
    ]
