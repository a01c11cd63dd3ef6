"""Which names somebody means: a glob, a regular expression, internal ones or not."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.connection import Document

__all__ = ["NamePattern", "like"]

_WILDCARD = re.compile(r"[*?\[]")
# What a regular expression begins with as long as it stands for itself.
_PLAIN = re.compile(r"(?:[\w /,:;=!\"'<>~%&@`-]|\\[^\w\s])+")
_QUANTIFIERS = "*+?{"
_LAST = 0x10FFFF


class NamePattern:
    """What a name must look like.

    Parameters
    ----------
    pattern : str, optional
        With ``*``, ``?`` and ``[abc]``, as in file names, for the whole name.
    regexp : str or re.Pattern, optional
        A regular expression that the name begins with, as in ``re.match``.
    hidden : bool
        Also names that begin with a dot. Where a pattern does, it means these anyway.

    Attributes
    ----------
    ranges : list of dict
        Where these names are in the index: conditions on ``name``.
    exact : bool
        Whether everything in the ranges is meant.

    Raises
    ------
    Invalid
        One of them can't be read.
    """

    def __init__(
        self,
        pattern: str | None = None,
        regexp: str | re.Pattern[str] | None = None,
        *,
        hidden: bool = False,
    ) -> None:
        fits = like(pattern)
        compiled = None if regexp is None else _compile(regexp)
        beginnings = [
            "" if pattern is None else _WILDCARD.split(pattern, maxsplit=1)[0],
            "" if compiled is None else _beginning(compiled),
        ]
        shorter, longer = sorted(beginnings, key=len)
        self.ranges = _ranges(longer, hidden) if longer.startswith(shorter) else []
        self.exact = compiled is None and (pattern is None or pattern == f"{longer}*")
        self._tests: list[Callable[[str], object]] = []
        if pattern is not None:
            self._tests.append(fits)
        if compiled is not None:
            self._tests.append(compiled.match)

    def fits(self, name: str) -> bool:
        """Say whether a name from the ranges is meant."""
        return all(test(name) is not None for test in self._tests)


def like(pattern: str | None) -> Callable[[str], object]:
    """Return what says whether a whole name is like a pattern; all are where there is none.

    Raises
    ------
    Invalid
        The pattern is no text.
    """
    if pattern is not None and not isinstance(pattern, str):
        raise Invalid(f"A pattern is text, not {type(pattern).__name__}", hint="such as 'sales/*'")
    return re.compile(fnmatch.translate("*" if pattern is None else pattern)).match


def _compile(regexp: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        compiled: Any = re.compile(regexp)
    except (re.error, TypeError) as error:
        raise Invalid(
            f"The regular expression {regexp!r:.80} can't be read: {error}",
            hint="'sales/*' is a pattern: list('sales/*')",
        ) from None
    if isinstance(compiled.pattern, bytes):
        raise Invalid(f"The regular expression {regexp!r:.80} is of bytes", hint="names are text")
    checked: re.Pattern[str] = compiled
    return checked


def _beginning(regexp: re.Pattern[str]) -> str:
    """Return the text that whatever matches begins with, as far as that is easily told."""
    text = regexp.pattern.removeprefix(r"\A").removeprefix("^")
    if regexp.flags & (re.IGNORECASE | re.VERBOSE) or "|" in text:
        return ""
    plain = _PLAIN.match(text)
    if plain is None:
        return ""
    begun = plain[0]
    if text[plain.end() : plain.end() + 1] in tuple(_QUANTIFIERS):
        # It stands for any number of the last character.
        begun = begun[:-2] if begun[-2:-1] == "\\" else begun[:-1]
    return re.sub(r"\\(.)", r"\1", begun)


def _ranges(beginning: str, hidden: bool) -> list[Document]:
    if beginning:
        after = _after(beginning)
        return [{"$gte": beginning} if after is None else {"$gte": beginning, "$lt": after}]
    if hidden:
        return [{"$gte": ""}]
    # "/" follows ".": names never begin with it.
    return [{"$gte": "", "$lt": "."}, {"$gte": "/"}]


def _after(beginning: str) -> str | None:
    """Return what follows on everything that begins so; None where nothing does."""
    kept = beginning.rstrip(chr(_LAST))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    # Surrogates are no characters.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
