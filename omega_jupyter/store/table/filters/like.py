"""SQL's LIKE: ``%`` for any text, ``_`` for one character, a backslash before a plain one."""

from __future__ import annotations

import re
from typing import Any

from omega_jupyter.errors import Invalid

__all__ = ["Like"]

_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")
_ANY, _ONE = "(?s:.*)", "(?s:.)"


class Like:
    r"""A pattern, taken apart.

    Parameters
    ----------
    pattern : str
        Matches a text as a whole, with case.

    Attributes
    ----------
    prefix : str
        What each text that matches begins with.
    exact : bool
        Whether the prefix is all that matches.

    Raises
    ------
    Invalid
        It ends with a backslash that stands before nothing.

    Examples
    --------
    >>> Like(r"100\%_a%").prefix
    '100%'
    """

    def __init__(self, pattern: str) -> None:
        # Wildcards as regular expressions, and plain text between them.
        self._parts: list[tuple[str, bool]] = []
        characters = iter(pattern)
        for character in characters:
            if character in "%_":
                self._add(_ANY if character == "%" else _ONE, wild=True)
                continue
            plain = next(characters, None) if character == "\\" else character
            if plain is None:
                raise Invalid(
                    f"The pattern {pattern!r} ends with a backslash",
                    hint=r"a backslash itself is written as \\",
                )
            self._add(plain, wild=False)
        text, wild = self._parts[0] if self._parts else ("", False)
        self.prefix = "" if wild else text
        self.exact = not any(wild for _, wild in self._parts)

    def _add(self, text: str, *, wild: bool) -> None:
        if self._parts and not wild and not self._parts[-1][1]:
            text = self._parts.pop()[0] + text
        if (text, wild) != (_ANY, True) or (_ANY, True) not in self._parts[-1:]:
            self._parts.append((text, wild))

    def ask(self, column: Any) -> Any:
        """Ask pandas which texts of a Series match."""
        # What can be had without a regular expression is several times faster.
        match self._parts:
            case [(text, False), (wild, True)] if wild == _ANY:
                return column.str.startswith(text)
            case [(wild, True), (text, False)] if wild == _ANY:
                return column.str.endswith(text)
            case [(wild, True), (text, False), (also, True)] if wild == also == _ANY:
                return column.str.contains(text, regex=False)
        return column.str.fullmatch(self.regex)

    @property
    def regex(self) -> str:
        """The pattern as Python and RE2 (which Arrow uses) read it."""
        # In a group: pandas would take a dollar at the end for its own.
        parts = (text if wild else _SPECIAL.sub(r"\\\1", text) for text, wild in self._parts)
        return f"(?:{''.join(parts)})"
