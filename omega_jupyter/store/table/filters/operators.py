"""What each operator of a filter means, in pandas' own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from omega_jupyter.errors import Invalid
from omega_jupyter.store.table.filters.like import Like

__all__ = ["NOT_COMPARABLE", "OPERATORS", "check_value", "three_valued", "true_only"]

# What pandas, numpy and Arrow raise when a value can't be compared with a column.
NOT_COMPARABLE = (TypeError, ValueError, AttributeError, ArithmeticError, NotImplementedError)


def _null(wanted: bool) -> Callable[[Any, Any], Any]:
    def apply(column: Any, value: Any) -> Any:
        return column.isna() if bool(value) is wanted else column.notna()

    return apply


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "in": lambda column, values: column.isin(list(values)),
    "nin": lambda column, values: ~column.isin(list(values)),
    "between": lambda column, bounds: column.between(*bounds),
    "isnull": _null(True),
    "notnull": _null(False),
    "contains": lambda column, text: column.str.contains(text, regex=False),
    "startswith": lambda column, text: column.str.startswith(text),
    "endswith": lambda column, text: column.str.endswith(text),
    "like": lambda column, pattern: Like(pattern).ask(column),
}


def check_value(written: str, operator: str, value: Any) -> None:
    """Refuse a value that the operator can't mean, before anything is read.

    Parameters
    ----------
    written : str
        The filter's keyword, for the error.
    operator : str
        A key of :data:`OPERATORS`.
    value : object
        Several values are a tuple.

    Raises
    ------
    Invalid
        With an example of what the operator takes.
    """
    several = isinstance(value, tuple)
    if operator == "between":
        fits, needed = several and len(value) == 2, "two values: col__between=(1, 10)"
    elif operator in ("in", "nin"):
        fits, needed = several, "several values: col__in=[1, 2]"
    elif operator in ("isnull", "notnull"):
        truth = isinstance(value, int | np.bool_) and value in (0, 1)
        fits, needed = truth, "True or False: col__isnull=True"
    elif operator in ("startswith", "endswith"):
        texts = value if several else (value,)
        fits, needed = all(isinstance(t, str) for t in texts), "text: col__startswith='a'"
    elif operator in ("contains", "like"):
        fits, needed = isinstance(value, str), f"text: col__{operator}='a'"
    else:
        fits, needed = not several, "one value: col__in=[1, 2]"
    if not fits:
        need, _, example = needed.partition(": ")
        raise Invalid(f"{operator} needs {need}, not {value!r:.80} ({written})", hint=example)
    if operator == "like":
        Like(value)


def three_valued(answer: Any) -> Any:
    """Return pandas' answer for ``&``, ``|`` and ``~``.

    Parameters
    ----------
    answer : pandas.Series
        Of booleans, of any dtype.

    Returns
    -------
    numpy.ndarray of bool or pandas.arrays.BooleanArray
        The latter where some answers are unknown: it combines them by Kleene's logic.
    """
    import pandas as pd

    if answer.dtype == bool:
        return answer.to_numpy()
    unknown = answer.isna().to_numpy()
    values = np.zeros(len(answer), bool)
    values[~unknown] = answer[~unknown].astype(bool).to_numpy()
    return pd.arrays.BooleanArray(values, unknown) if unknown.any() else values


def true_only(answer: Any) -> Any:
    """Return where an answer of :func:`three_valued` is true, unknown being false."""
    return answer if isinstance(answer, np.ndarray) else answer.to_numpy(bool, na_value=False)
