"""What a verb consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Argument", "Option", "Verb"]

Kind = Literal[
    "object", "data", "model", "name", "pattern", "tag", "task", "verb", "choice", "file", "word"
]
Place = Literal["both", "magic", "cli"]


@dataclass(frozen=True)
class Argument:
    """One argument, known by its position.

    Attributes
    ----------
    name : str
        The parameter of the verb's function.
    help : str
        One phrase.
    kind : str
        What it names; completion offers what there is of it. ``object`` is an
        object of the caller's own, ``data`` that or a stored data set, ``name``
        any stored object, ``tag`` a tag of the object that is named before it, ``file``
        a file of tables, ``word`` something else.
    required, many : bool
        Whether there must be one, and whether there may be several.
    choices : tuple of str
        The words of a ``choice``.
    """

    name: str
    help: str
    kind: Kind
    required: bool = True
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How the usage line shows it."""
        label = "|".join(self.choices) or self.name.upper()
        # X stands for features and y for a target; capitals would hide that.
        label = self.name if self.name in ("X", "y") else label
        label = f"{label} ..." if self.many else label
        return label if self.required else f"[{label}]"


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes
    ----------
    name : str
        The parameter of the verb's function.
    flags : tuple of str
        Short and long form.
    help : str
        One phrase.
    type : type
        ``str``, ``int``, ``float``, or ``bool`` for one without a value.
    metavar : str
        How the help shows the value.
    default : object
    choices : tuple of str
        The values that are allowed; empty: any.
    many : bool
        Whether it may be given several times.
    place : str
        ``magic``, ``cli`` or ``both``.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    type: type[str] | type[int] | type[float] | type[bool] = str
    metavar: str = ""
    default: object = None
    choices: tuple[str, ...] = ()
    many: bool = False
    place: Place = "both"

    @property
    def label(self) -> str:
        """How the help shows it, with its value."""
        value = self.metavar or "|".join(self.choices)
        return f"{', '.join(self.flags)} {value}".rstrip()


@dataclass(frozen=True)
class Verb:
    """One verb: the magic, the command, the help and the completion of it.

    Attributes
    ----------
    name : str
    summary : str
        One sentence, for the list of verbs.
    function : callable
        Called with the :class:`~omega_jupyter.verbs.caller.Caller` and what the
        arguments and options name; what it returns is the value.
    theme : str
        The heading that it stands under.
    arguments : tuple of Argument
    options : tuple of Option
    keywords : str
        What ``key=value`` means; empty: there are none.
    examples : tuple of str
        Lines without the prefix.
    notes : str
        What else there is to know.
    files : bool
        Whether its value may be a file, for which ``-o`` takes any name.
    """

    name: str
    summary: str
    function: Callable[..., Any]
    theme: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    keywords: str = ""
    examples: tuple[str, ...] = ()
    notes: str = ""
    files: bool = False

    def usage(self) -> str:
        """Return the usage line without the prefix."""
        parts = [self.name, *(argument.label for argument in self.arguments)]
        if self.keywords:
            parts.append("[key=value ...]")
        if self.options:
            parts.append("[options]")
        return " ".join(parts)

    def options_of(self, place: Literal["magic", "cli"]) -> tuple[Option, ...]:
        """Return the options that exist in a notebook (``magic``) or a shell (``cli``)."""
        return tuple(option for option in self.options if option.place in ("both", place))
