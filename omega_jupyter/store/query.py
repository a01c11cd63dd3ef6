"""Conditions on rows, and how they are combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omega_jupyter.errors import Invalid

__all__ = ["Q", "all_of"]

VALUES_SHOWN = 20


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class Q:
    """Conditions on the rows of a table, to be combined with ``&``, ``|`` and ``~``.

    Parameters
    ----------
    *conditions : Q
        Must hold.
    **filters
        Must hold too: column to value, or ``column__operator`` to value, as in
        :meth:`DatasetStore.get`. A column whose name is no identifier:
        ``Q(**{"unit price__gt": 3})``.

    Raises
    ------
    Invalid
        A condition is not a Q.

    Notes
    -----
    Never changes. Which columns and operators there are is only known when it is
    applied to a table.

    A missing value answers as in pandas. With numpy's dtypes (and ``str``) a
    comparison with NaN, None or NaT is false, so that ``~`` makes it true. With
    nullable and Arrow dtypes, and where text is looked for among objects, the answer is
    unknown, and so is its negation: unknown rows are left out, as ``df[mask]``
    leaves them out.

    Examples
    --------
    >>> from omega_jupyter import Q
    >>> om.datasets.get("sales", Q(amount__gte=100, country="DE") | ~Q(day__isnull=True))
    """

    joint: str
    parts: tuple[Any, ...]

    def __init__(self, /, *conditions: Q, **filters: Any) -> None:
        for condition in conditions:
            if not isinstance(condition, Q):
                raise Invalid(
                    f"A condition is a Q, not a {type(condition).__name__}: {condition!r:.80}",
                    hint="Q(amount__gte=100) | Q(country='DE')",
                )
        tests = [_make("test", written, _frozen(value)) for written, value in filters.items()]
        made = _join("and", [*conditions, *tests])
        object.__setattr__(self, "joint", made[0])
        object.__setattr__(self, "parts", made[1])

    def to_plain(self) -> list[Any]:
        """Return it as nested lists, for typed JSON."""
        if self.joint == "test":
            return [self.joint, *self.parts]
        return [self.joint, *(part.to_plain() for part in self.parts)]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Q:
        """Make what :meth:`to_plain` gave."""
        joint, *parts = plain
        return _make(joint, *(parts if joint == "test" else map(cls.from_plain, parts)))

    def __and__(self, other: object) -> Q:
        return _make(*_spread("and", self, other)) if isinstance(other, Q) else NotImplemented

    def __or__(self, other: object) -> Q:
        return _make(*_spread("or", self, other)) if isinstance(other, Q) else NotImplemented

    def __invert__(self) -> Q:
        negated: Q = self.parts[0] if self.joint == "not" else _make("not", self)
        return negated

    def __bool__(self) -> bool:
        raise Invalid(
            f"{self!r} is neither true nor false before it is applied to rows",
            hint="combine conditions with &, | and ~, not with and, or and not",
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Q):
            return NotImplemented
        return self.joint == other.joint and _same(self.parts, other.parts)

    def __hash__(self) -> int:
        return hash((self.joint, self.parts))

    def __repr__(self) -> str:
        if self.joint == "test":
            written, value = self.parts
            shown = repr(value)
            if isinstance(value, tuple) and len(value) > VALUES_SHOWN:
                shown = f"({', '.join(map(repr, value[:VALUES_SHOWN]))}, … {len(value):,} values)"
            plain = written.isidentifier()
            return f"Q({written}={shown})" if plain else f"Q(**{{{written!r}: {shown}}})"
        if self.joint == "not":
            return f"~{_bracketed(self.parts[0])}"
        sign = " & " if self.joint == "and" else " | "
        return sign.join(map(_bracketed, self.parts)) if self.parts else "Q()"


def all_of(conditions: Sequence[Q], filters: Mapping[str, Any]) -> Q | None:
    """Return the condition that all of them hold; None where there are none.

    Raises
    ------
    Invalid
        A condition is not a Q.
    """
    where = Q(*conditions, **filters)
    return where if where.parts else None


def _make(joint: str, *parts: Any) -> Q:
    made = Q.__new__(Q)
    object.__setattr__(made, "joint", joint)
    object.__setattr__(made, "parts", parts)
    return made


def _spread(joint: str, *conditions: Q) -> list[Any]:
    joined = _join(joint, conditions)
    return [joined[0], *joined[1]]


def _join(joint: str, conditions: Sequence[Q]) -> tuple[str, tuple[Any, ...]]:
    """Return joint and parts of several conditions, those of the same joint taken apart."""
    parts: list[Q] = []
    for condition in conditions:
        parts += condition.parts if condition.joint == joint else [condition]
    return (parts[0].joint, parts[0].parts) if len(parts) == 1 else (joint, tuple(parts))


def _frozen(value: Any) -> Any:
    """Return several values as a tuple: a list could change, and an iterator be read but once."""
    if isinstance(value, str | bytes | bytearray | tuple):
        return value
    try:
        return tuple(value)
    except TypeError:
        return value


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or bool(one == other)


def _bracketed(condition: Q) -> str:
    several = condition.joint in ("and", "or") and condition.parts
    return f"({condition!r})" if several else repr(condition)
