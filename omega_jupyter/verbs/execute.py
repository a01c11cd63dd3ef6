"""One line, from words to value: the one way that magic and CLI share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from omega_jupyter.verbs.help import overview, verb_help, verb_named
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.warned import warnings_said

if TYPE_CHECKING:
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.verb import Verb
    from omega_jupyter.verbs.words import Word

__all__ = ["Json", "execute"]

_HELP = ("-h", "--help")


def execute(
    caller: Caller, words: Sequence[Word], settings: Sequence[tuple[str, Word]] = ()
) -> Any:
    """Run the verb that the words begin with.

    Parameters
    ----------
    caller : Caller
    words : sequence of Word
        Verb, arguments, options and ``key=value``.
    settings : sequence of (str, Word)
        More ``key=value``, from the lines of a cell.

    Returns
    -------
    object
        The verb's value; None where it has none, or ``-o`` took it.

    Raises
    ------
    UsageError
        The words can't be read; nothing was done.
    OmegaError
        The verb could not do it.
    """
    if not words or words[0].text in _HELP:
        caller.show(overview(caller.verbs, caller.prefix))
        return None
    verb = verb_named(caller.verbs, words[0].text, caller.prefix)
    words = words[1:]
    if any(word.option and word.text in _HELP for word in words):
        caller.show(verb_help(verb, caller.prefix))
        return None
    words, written = _without_keywords(words)
    values = _parsed(caller, verb, words)
    if verb.keywords:
        values["keywords"] = _keywords(caller, verb, [*written, *settings])
    elif written or settings:
        name, word = [*written, *settings][0]
        raise UsageError(
            f"{verb.name} takes no key=value, such as {name}={word.raw}",
            hint=f"{caller.prefix} {verb.usage()}   (-h tells more)",
        )
    output = values.pop("output", None)
    if output is not None:
        caller.check_target(output, files=verb.files)
    as_json = values.pop("json", False)
    with warnings_said(caller):
        value = verb.function(caller, **values)
    if as_json:
        return _json(value)
    if output is None:
        return value
    caller.keep(output, value)
    return None


def _parsed(caller: Caller, verb: Verb, words: Sequence[Word]) -> dict[str, Any]:
    # click takes 60 ms to import, which `%load_ext` and the first Tab must not pay.
    from omega_jupyter.verbs.click_tree import parse

    place: Literal["magic", "cli"] = "magic" if caller.prefix.startswith("%") else "cli"
    return dict(parse(verb, words, prefix=caller.prefix, place=place))


def _without_keywords(
    words: Sequence[Word],
) -> tuple[list[Word], list[tuple[str, Word]]]:
    """Take the ``key=value`` out; after ``--`` there are none."""
    others: list[Word] = []
    keywords: list[tuple[str, Word]] = []
    for number, word in enumerate(words):
        if word.text == "--" and not word.quoted:
            return [*others, *words[number:]], keywords
        keyword = word.keyword
        if keyword is None:
            others.append(word)
        else:
            keywords.append(keyword)
    return others, keywords


def _keywords(caller: Caller, verb: Verb, written: Sequence[tuple[str, Word]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, word in written:
        if name in values:
            raise UsageError(f"{name}= is given twice", hint=f"{caller.prefix} {verb.name} -h")
        expression = word.expression
        values[name] = word.literal() if expression is None else caller.evaluate(expression)
    return values


class Json(str):
    """A value as JSON, and whether it tells of something bad."""

    ok = True


def _json(value: Any) -> Json:
    import json

    text = Json(json.dumps(value.to_dict(), indent=2, default=str))
    text.ok = getattr(value, "ok", True)
    return text
