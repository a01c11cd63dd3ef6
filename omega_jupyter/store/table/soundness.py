"""A look at the numbers of a table's description, before anything is made of their size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.wording.damage import DAMAGE_HINT

__all__ = ["check_numbers"]

# Far above what is written: what one damaged number can ask for stays small.
_GROUP_ROWS = 1 << 18
_COLUMNS = 1 << 24


def check_numbers(body: Mapping[str, Any], what: str) -> None:
    """Refuse a description whose counts don't fit each other, or are beyond all measure.

    Parameters
    ----------
    body : mapping
        The description.
    what : str
        The table, such as ``sales@3``.

    Raises
    ------
    Invalid
        It is damaged, or made up.
    """
    try:
        fault = _fault(body)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        fault = f"its description can't be read ({error})"
    if fault is not None:
        raise Invalid(
            f"{what} is damaged: {fault}",
            hint=DAMAGE_HINT,
        )


def _fault(body: Mapping[str, Any]) -> str | None:
    return _fault_of_rows(body) or _fault_of_columns(body)


def _fault_of_rows(body: Mapping[str, Any]) -> str | None:
    rows, head, index = int(body["rows"]), body.get("head"), body["index"]
    groups = [int(count) for table in body["tables"] for count in table["rows"]]
    if not all(0 <= count <= _GROUP_ROWS for count in groups) or sum(groups) != rows:
        return "its row groups have not as many rows as it says"
    if not 1 <= int(body["group_rows"]) <= _GROUP_ROWS:
        return f"its row groups can't have {body['group_rows']} rows"
    if head and not 0 <= int(head["rows"]) <= min(rows, _GROUP_ROWS):
        return "its first rows are more than it has"
    if index["k"] == "range":
        span = range(int(index["start"]), int(index["stop"]), int(index["step"]))
        # Not len(): that is bounded, and these may be anything.
        if bool(span) != bool(rows) or (rows and span[rows - 1] != span[-1]):
            return "its row index has not as many rows as it says"
    return None


def _fault_of_columns(body: Mapping[str, Any]) -> str | None:
    runs = [int(run) for run, _ in body["columns"]]
    if min(runs, default=1) < 1 or not 0 <= int(body["width"]) <= sum(runs) <= _COLUMNS:
        return "it has not as many columns as it says"
    at = 0
    for first, count, _ in body["blocks"]:
        if int(first) != at or int(count) < 1:
            return "its columns are not in one piece"
        at += int(count)
    return None if at == sum(runs) else "its blocks have not as many columns as it says"
