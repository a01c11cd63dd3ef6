"""What users write to name an object: ``folder/name[columns]@version``, or ``@tag``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from omega_jupyter.errors import Invalid

__all__ = [
    "INTERNAL_FOLDERS",
    "ObjectName",
    "check_tag",
    "new_name",
    "one_version",
    "plain_name",
    "whole_name",
]

MAX_LENGTH = 255
INTERNAL_FOLDERS = (".staged", ".results")

_HINT = "names look like sales/2026 or sales/2026[a,b]@3"
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\[\]@*?\\]")
_VERSION = re.compile(r"-?[0-9]+")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ObjectName:
    """The parts of a name that a user wrote.

    Attributes
    ----------
    name : str
        The stored name, with ``/`` between folders.
    columns : tuple of str, optional
        The columns to keep, in this order.
    exclude : tuple of str, optional
        The columns to leave out (``[^a,b]``).
    version : int or str, optional
        A number; negative counts from the latest, which is -1. Text is a tag.

    Examples
    --------
    >>> ObjectName.parse("sales/2026[a,b]@3")
    ObjectName(name='sales/2026', columns=('a', 'b'), exclude=None, version=3)
    >>> ObjectName.parse("mymodel@prod").version
    'prod'
    """

    name: str
    columns: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    version: int | str | None = None

    @property
    def internal(self) -> bool:
        """Whether lists leave it out: its first folder begins with a dot."""
        return self.name.startswith(".")

    @classmethod
    def parse(cls, text: str) -> ObjectName:
        """Take a written name apart and check it.

        Parameters
        ----------
        text : str
            ``name``, then ``[columns]`` and ``@version`` or ``@tag`` in any order.

        Returns
        -------
        ObjectName

        Raises
        ------
        Invalid
            The name is empty, has a forbidden character, or its brackets or
            version can't be read.
        """
        if not isinstance(text, str):
            raise Invalid(f"A name is text, not {type(text).__name__}: {text!r:.80}", hint=_HINT)
        cut = min((i for i in (text.find("["), text.find("@")) if i >= 0), default=len(text))
        name, rest = text[:cut], text[cut:]
        columns = exclude = None
        version: int | str | None = None
        while rest:
            if rest[0] == "@" and version is None:
                version, rest = _read_version(rest, text)
            elif rest[0] == "[" and columns is None and exclude is None:
                listed, negated, rest = _read_columns(rest, text)
                columns, exclude = (None, listed) if negated else (listed, None)
            else:
                raise Invalid(f"{rest!r} in the name {text!r} can't be read", hint=_HINT)
        _check(name, text)
        return cls(name, columns, exclude, version)

    def __str__(self) -> str:
        """Write the name as :meth:`parse` reads it."""
        listed = self.columns if self.exclude is None else self.exclude
        if listed is None:
            brackets = ""
        else:
            negated = "" if self.exclude is None else "^"
            brackets = f"[{negated}{','.join(_quoted(column) for column in listed)}]"
        return f"{self.name}{brackets}{'' if self.version is None else f'@{self.version}'}"


def plain_name(text: str) -> str:
    """Return the name, which must carry neither columns nor version."""
    parsed = ObjectName.parse(text)
    if parsed.name != text:
        raise Invalid(
            f"{text!r} names a part or a version; here a plain name is needed",
            hint=f"use {parsed.name!r}",
        )
    return parsed.name


def new_name(text: str, *, task: str | None = None) -> str:
    """Return the name that somebody gives an object: a plain one, and none of the tasks' own.

    Parameters
    ----------
    text : str
    task : str, optional
        The task that gives it.

    Raises
    ------
    Invalid
        It carries columns or a version, or is in a folder that is emptied after a day.
    """
    name = plain_name(text)
    folder = name.partition("/")[0]
    if task is None and folder in INTERNAL_FOLDERS:
        raise Invalid(
            f"{name!r} can't be kept: what tasks have in {folder!r} goes after a day",
            hint=f"use {name[1:]!r}",
        )
    return name


def whole_name(text: str) -> ObjectName:
    """Return the name of a model, which may carry a version, but no columns."""
    parsed = ObjectName.parse(text)
    if parsed.columns is not None or parsed.exclude is not None:
        whole = str(replace(parsed, columns=None, exclude=None))
        raise Invalid(f"A model has no columns to choose: {text!r}", hint=f"{whole!r}")
    return parsed


def check_tag(tag: str) -> str:
    """Return the tag, which must be one.

    Parameters
    ----------
    tag : str
        A letter, then letters, digits, ``_``, ``.`` and ``-``; at most 64 of them.

    Raises
    ------
    Invalid
        It is not, or it is ``latest``, which would not follow the latest version.
    """
    if type(tag) is not str or _TAG.fullmatch(tag) is None:
        raise Invalid(
            f"{tag!r:.80} can't be a tag",
            hint="a letter, then letters, digits, _ . and -; at most 64 of them",
        )
    if tag == "latest":
        raise Invalid(
            "'latest' can't be a tag: it would stay where it is",
            hint="a name without a tag is the latest version",
        )
    return tag


def one_version(parsed: ObjectName, version: int | str | None) -> int | str | None:
    """Return the version that a name or an argument gives, where they don't contradict.

    Parameters
    ----------
    parsed : ObjectName
    version : int or str, optional
        A number, negative from the latest; or a tag.

    Raises
    ------
    Invalid
        They do, or it is neither.
    """
    if version is None:
        return parsed.version
    if type(version) not in (int, str) or version == 0:
        raise Invalid(f"{version!r} is no version", hint="a number from 1, -1: latest; or a tag")
    if parsed.version is None or version == parsed.version:
        return check_tag(version) if isinstance(version, str) else version
    raise Invalid(f"Two versions are asked for: {parsed.version} in the name, and {version}")


def _read_version(rest: str, text: str) -> tuple[int | str, str]:
    match = _VERSION.match(rest, 1) or _TAG.match(rest, 1)
    if match is None or rest[match.end() : match.end() + 1] not in ("", "["):
        raise Invalid(f"The version in {text!r} is neither a whole number nor a tag", hint=_HINT)
    if _VERSION.fullmatch(match[0]) is None:
        return match[0], rest[match.end() :]
    version = int(match[0])
    if version == 0:
        raise Invalid(f"There is no version 0 ({text!r})", hint="versions count from 1; -1: latest")
    return version, rest[match.end() :]


def _read_columns(rest: str, text: str) -> tuple[tuple[str, ...], bool, str]:
    """Read ``[a, "b,c"]``; return the columns, whether ``^`` negates them, what follows."""
    at = 1
    negated = rest[at : at + 1] == "^"
    at += negated
    columns: list[str] = []
    while True:
        match = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\[\],"']*))\s*([,\]])""").match(
            rest, at
        )
        if match is None:
            raise Invalid(f"The brackets in {text!r} can't be read", hint=_HINT)
        quoted = match[1] if match[1] is not None else match[2]
        column = match[3].strip() if quoted is None else quoted
        if not column and quoted is None:
            raise Invalid(f"A column name in {text!r} is empty", hint=_HINT)
        columns.append(column)
        at = match.end()
        if match[4] == "]":
            return tuple(columns), negated, rest[at:]


def _quoted(column: str) -> str:
    if '"' in column:
        return f"'{column}'"
    plain = column and column == column.strip() and not set(column) & set("[],'^")
    return column if plain else f'"{column}"'


def _check(name: str, text: str) -> None:
    if not name:
        raise Invalid(f"The name in {text!r} is empty", hint=_HINT)
    if len(name) > MAX_LENGTH:
        raise Invalid(f"The name {name[:40]!r}… is longer than {MAX_LENGTH} characters")
    bad = _FORBIDDEN.search(name)
    if bad is not None:
        raise Invalid(f"The name {name!r} holds {bad[0]!r}, which names can't", hint=_HINT)
    if name[0] in ":-" or name != name.strip():
        raise Invalid(f"The name {name!r} begins or ends with {_edge(name)!r}", hint=_HINT)
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise Invalid(f"The name {name!r} has an empty or relative folder", hint=_HINT)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Invalid(f"The name {name!r} is not valid Unicode", hint=_HINT) from None


def _edge(name: str) -> str:
    return name[0] if name[0] in ":-" or name[0].isspace() else name[-1]
