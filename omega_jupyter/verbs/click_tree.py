"""The click commands that are built from the table of verbs.

Words travel as tokens: click compares and splits values, and would take a text in
quotes that begins with a dash for an option.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import click

from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.words import Word

if TYPE_CHECKING:
    from omega_jupyter.verbs.verb import Argument, Option, Verb

__all__ = ["parse"]

_MARK = "\x00"


def parse(
    verb: Verb, words: Sequence[Word], *, prefix: str, place: Literal["magic", "cli"]
) -> Mapping[str, Any]:
    """Sort a verb's words into its arguments and options.

    Parameters
    ----------
    verb : Verb
    words : sequence of Word
        What follows the verb.
    prefix : str
        What goes before the verb in messages.
    place : str
        Where the line comes from: ``magic`` or ``cli``.

    Returns
    -------
    mapping
        By parameter of the verb's function; arguments are words, or tuples of
        words, options have the type of the table.

    Raises
    ------
    UsageError
        A word is missing, too many, or an option that does not exist.
    """
    command = build(verb, place)
    # An option's own text must not be taken for a token.
    argv = [
        word.text.replace(_MARK, "\N{REPLACEMENT CHARACTER}") if word.option else f"{_MARK}{number}"
        for number, word in enumerate(words)
    ]
    try:
        with command.make_context(f"{prefix} {verb.name}", argv, obj=tuple(words)) as context:
            # click writes the names of arguments small; ours has X.
            names = [argument.name for argument in verb.arguments]
            names += [option.name for option in verb.options_of(place)]
            return {name: context.params[name.lower()] for name in names}
    except click.ClickException as error:
        raise UsageError(
            _plain(error, words), hint=f"{prefix} {verb.usage()}   (-h tells more)"
        ) from None


@cache
def build(verb: Verb, place: Literal["magic", "cli"]) -> click.Command:
    """Return the click command of a verb."""
    parameters: list[click.Parameter] = [_argument(argument) for argument in verb.arguments]
    parameters += [_option(option) for option in verb.options_of(place)]
    return click.Command(verb.name, params=parameters, help=verb.summary, add_help_option=False)


def _argument(argument: Argument) -> click.Argument:
    return click.Argument(
        [argument.name],
        required=argument.required,
        nargs=-1 if argument.many else 1,
        metavar=argument.label.strip("[]"),
        type=_WordType(partial(_choice, argument.choices)) if argument.choices else _WordType(),
    )


def _option(option: Option) -> click.Option:
    if option.type is bool:
        return click.Option([option.name, *option.flags], is_flag=True, default=False)
    return click.Option(
        [option.name, *option.flags],
        multiple=option.many,
        default=option.default,
        type=_WordType(partial(_choice, option.choices) if option.choices else option.type),
    )


@dataclass(frozen=True)
class _WordType(click.ParamType[Any]):
    """Turns a token back into its word, and the word's text into a value.

    ``read`` makes a value of the text and raises ValueError where it can't; None
    leaves the word as it is.
    """

    read: Any = None
    name: str = "word"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value of a token, or of an option's text such as ``gpu``."""
        if not isinstance(value, str) or ctx is None:
            return value  # a default
        word = ctx.obj[int(value[1:])] if value.startswith(_MARK) else Word.of_argv(value)
        if self.read is None:
            return word
        try:
            return self.read(word.text)
        except ValueError as error:
            kinds = {int: "is not a whole number", float: "is not a number"}
            self.fail(f"{word.text!r} {kinds.get(self.read, error)}", param, ctx)


def _choice(choices: tuple[str, ...], text: str) -> str:
    for choice in choices:
        if text.casefold() == choice.casefold():
            return choice
    raise ValueError(f"is not one of {', '.join(choices)}")


def _plain(error: click.ClickException, words: Sequence[Word]) -> str:
    """Return click's message with the words instead of their tokens."""
    message = error.format_message()
    for number in reversed(range(len(words))):
        message = message.replace(f"{_MARK}{number}", words[number].raw)
    return message.rstrip(".")
