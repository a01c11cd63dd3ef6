"""From a line to its words: what quotes, brackets, ``:name``, ``$name`` and ``key=`` mean.

Python's own splitters do not fit: ``shlex`` eats the quotes of ``{"a": 1}``, and
IPython's ``arg_split`` keeps those of ``'my data'``.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from omega_jupyter.verbs.usage import UsageError

__all__ = ["Word", "quote", "split", "split_lines"]

_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = {close: opened for opened, close in _OPENING.items()}
_QUOTES = "'\""
_KEYWORD = re.compile(r"([^\W\d]\w*)=(?!=)")
_SETTING = re.compile(r"([^\W\d]\w*)[ \t]*=(?!=)[ \t]*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_PLAIN = re.compile(r"[^\s'\"()\[\]{}#:$;=\-\\][^\s'\"()\[\]{}=;\\]*")


@dataclass(frozen=True)
class Word:
    """One word of a line.

    Attributes
    ----------
    text : str
        What it says: without its quotes, with its brackets.
    raw : str
        As it was written.
    start : int
        Where it begins in the line.
    """

    text: str
    raw: str
    start: int = 0

    @classmethod
    def of_argv(cls, text: str) -> Word:
        """Return a word that a shell has split off already."""
        return cls(text, text)

    @property
    def quoted(self) -> bool:
        """Whether it begins with a quote: then it is text, and nothing else."""
        return self.raw[:1] in _QUOTES and self.raw != ""

    @property
    def option(self) -> bool:
        """Whether it is an option such as ``-o`` or ``--queue=gpu``."""
        return not self.quoted and len(self.text) > 1 and self.text.startswith("-")

    @property
    def expression(self) -> str | None:
        """The Python expression that it stands for: of ``:x``, ``$x.y`` or ``{x + 1}``.

        Raises
        ------
        UsageError
            It begins like one of these, but isn't.
        """
        if self.quoted or self.text[:1] not in (":", "$", "{"):
            return None
        if self.text[0] == "{" and self.text[-1] == "}":
            inside = self.text[1:-1].strip()
            # {x} is the variable, but {"a": x} is a dict.
            return inside if _parses(inside) else self.text
        if self.text[0] != "{" and _DOTTED.fullmatch(self.text, 1):
            return self.text[1:]
        raise UsageError(
            f"{self.raw!r} is no variable",
            hint="a variable is given as :name, $name.attribute or {expression}",
        )

    @property
    def keyword(self) -> tuple[str, Word] | None:
        """Name and value of ``name=value``; None where it is something else."""
        found = None if self.quoted else _KEYWORD.match(self.raw)
        if found is None:
            return None
        return found[1], Word(
            self.text[found.end() :], self.raw[found.end() :], self.start + found.end()
        )

    def literal(self) -> object:
        """Return the Python value that it is written as, else its text.

        ``0.5``, ``None``, ``[1, 2]`` are values, ``"0.5"`` and ``lbfgs`` are texts.
        """
        if not self.quoted:
            try:
                with warnings.catch_warnings():
                    # Python warns of `1is`, which here is a text like another.
                    warnings.simplefilter("ignore")
                    return ast.literal_eval(self.raw)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                return self.text
        try:
            return split(self.raw)[0].text
        except UsageError:  # from a shell, which has taken the other quote
            return self.text


def split(line: str) -> list[Word]:
    """Split a line into words.

    White space separates, quotes group and vanish, brackets group and stay. A
    backslash is itself, but for a backslash or the same quote within quotes. ``#``
    after white space begins a comment; a ``;`` at the end goes.

    Parameters
    ----------
    line : str

    Returns
    -------
    list of Word

    Raises
    ------
    UsageError
        A quote or bracket is not closed.

    Examples
    --------
    >>> [word.text for word in split("fit 'my model' X[a,b] w={'a': 1}  # now")]
    ['fit', 'my model', 'X[a,b]', "w={'a': 1}"]
    """
    return list(_Reader(line).words())


def split_lines(body: str) -> list[tuple[str, Word]]:
    """Split the body of a cell into ``name = value``, one a line.

    Brackets and quotes may go over several lines.

    Returns
    -------
    list of (str, Word)

    Raises
    ------
    UsageError
        A line is something else.
    """
    settings = []
    rest = body
    while rest := re.sub(r"\A(?:\s+|#[^\n]*)+", "", rest):
        name = _SETTING.match(rest)
        line = rest.partition("\n")[0].strip()
        if name is None:
            raise UsageError(
                f"{line!r} is not of the form name=value",
                hint="the lines of a %%omega cell are keywords of the call, one a line",
            )
        reader = _Reader(rest, name.end(), one_line=True)
        words = list(reader.words())
        if len(words) != 1:
            raise UsageError(
                f"{line!r} has {'more than one' if words else 'no'} value",
                hint="put quotes around a text with spaces, {…} around an expression",
            )
        settings.append((name[1], words[0]))
        rest = rest[reader.at :]
    return settings


def quote(text: str) -> str:
    """Return the text so that :func:`split` reads it as one word.

    Examples
    --------
    >>> quote("my data")
    '"my data"'
    """
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parses(expression: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


class _Reader:
    """Reads words from a position of a text on."""

    def __init__(self, line: str, at: int = 0, *, one_line: bool = False) -> None:
        self.line = line
        self.at = at
        self._one_line = one_line

    def words(self) -> Iterator[Word]:
        while self._to_next_word():
            start = self.at
            text = self._word()
            raw = self.line[start : self.at]
            if self._at_end() and raw.endswith(";") and text.endswith(";"):
                text, raw = text.rstrip(";"), raw.rstrip(";")
                if not raw:
                    return
            yield Word(text, raw, start)

    def _space(self, at: int) -> bool:
        char = self.line[at]
        # Whatever ends a word is passed over here, no-break spaces too; else it goes on for ever.
        return char.isspace() and not (self._one_line and char == "\n")

    def _ends(self, at: int) -> bool:
        """Whether a word ends here."""
        return at >= len(self.line) or self.line[at].isspace()

    def _to_next_word(self) -> bool:
        while self.at < len(self.line) and self._space(self.at):
            self.at += 1
        if self.line[self.at : self.at + 1] == "#":
            end = self.line.find("\n", self.at)
            self.at = len(self.line) if end < 0 else end
            return not self._one_line and self._to_next_word()
        if self._one_line and self.line[self.at : self.at + 1] == "\n":
            return False
        return self.at < len(self.line)

    def _at_end(self) -> bool:
        return not self.line[self.at :].strip()

    def _word(self) -> str:
        parts: list[str] = []
        while not self._ends(self.at):
            char = self.line[self.at]
            if char in _QUOTES:
                parts.append(self._quoted())
            elif char in _OPENING:
                parts.append(self._bracketed())
            elif char in _CLOSING:
                raise self._error(f"There is no {_CLOSING[char]} for the {char}", self.at)
            else:
                parts.append(char)
                self.at += 1
        return "".join(parts)

    def _quoted(self) -> str:
        """Read to the closing quote; return what is between."""
        opened, mark = self.at, self.line[self.at]
        parts: list[str] = []
        self.at += 1
        while self.at < len(self.line):
            char = self.line[self.at]
            following = self.line[self.at + 1 : self.at + 2]
            if char == mark:
                self.at += 1
                return "".join(parts)
            if char == "\\" and following in (mark, "\\") and following:
                char = following
                self.at += 1
            parts.append(char)
            self.at += 1
        raise self._error(f"The quote {mark} is not closed", opened)

    def _bracketed(self) -> str:
        """Read to the closing bracket; return all of it, quotes too."""
        opened = self.at
        expected: list[tuple[str, int]] = []
        while self.at < len(self.line):
            char = self.line[self.at]
            if char in _QUOTES:
                self._quoted()
                continue
            if char in _OPENING:
                expected.append((_OPENING[char], self.at))
            elif char in _CLOSING:
                close, begun = expected.pop()
                if char != close:
                    raise self._error(f"The {_CLOSING[close]} is closed by {char}", begun)
            self.at += 1
            if not expected:
                return self.line[opened : self.at]
        close, begun = expected[-1]
        raise self._error(f"The bracket {_CLOSING[close]} is not closed", begun)

    def _error(self, what: str, at: int) -> UsageError:
        around = self.line[max(0, at - 10) : at + 20].split("\n")[0].strip()
        return UsageError(f"{what} (column {at + 1}: {around!r})")
