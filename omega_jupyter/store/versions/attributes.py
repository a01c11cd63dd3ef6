"""The users' own notes on what they store: plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid

__all__ = ["has_attributes", "plain_attributes"]


def plain_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's attributes, which must be JSON as it is.

    Raises
    ------
    Invalid
        A key is not text, or a value would not come back equal.
    """
    if not isinstance(attributes, Mapping | None):
        raise Invalid(
            f"Attributes are names with values, not a {type(attributes).__name__}",
            hint="attributes={'source': 'crm'}",
        )
    checked: dict[str, Any] = {}
    for key, value in (attributes or {}).items():
        if "\0" in str(key) or str(key) != key:
            raise Invalid(f"The attribute {key!r} has a key that is not plain text")
        if not _is_json(value):
            raise Invalid(
                f"The attribute {key!r} is not plain JSON",
                hint="text, numbers, true, false, None, lists and dicts of them",
            )
        checked[key] = value
    return checked


def _is_json(value: Any) -> bool:
    if type(value) is dict:
        return all(type(k) is str and "\0" not in k and _is_json(v) for k, v in value.items())
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    return value is None or type(value) in (str, bool, float)


def has_attributes(stored: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Say whether all wanted attributes are there and equal; true is not 1.

    Parameters
    ----------
    stored : mapping, optional
        Of a version.
    wanted : mapping
        Plain attributes.
    """
    stored = stored or {}
    return all(key in stored and _equal(stored[key], wanted[key]) for key in wanted)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
