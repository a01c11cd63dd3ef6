"""Indexes of pandas, made of arrays, names and frequencies, and taken apart."""

from __future__ import annotations

from typing import Any

from omega_jupyter.store.table.columns.codes import check_codes
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = [
    "check_class",
    "dump_freq",
    "dump_name",
    "dump_range",
    "load_range",
    "make_index",
    "make_multi",
]


def make_index(array: Any, name: Any, freq: str | None) -> Any:
    """Make the index of an array, of the class that its dtype asks for."""
    import pandas as pd

    index = pd.Index(array, dtype=array.dtype, name=name, copy=False, tupleize_cols=False)
    if freq is not None:
        index.freq = freq
    return index


def make_multi(levels: list[Any], codes: list[Any], names: list[Any]) -> Any:
    """Make a MultiIndex with exactly these levels and codes."""
    import pandas as pd

    # What else pandas verifies may not hold for what was put: levels with equal values.
    sound = [check_codes(found, len(level)) for found, level in zip(codes, levels, strict=True)]
    return pd.MultiIndex(levels, sound, names=names, verify_integrity=False)


def dump_freq(index: Any) -> str | None:
    """Return the name of an index's frequency, if it has one."""
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) or index.freq is None:
        return None
    name: str = index.freq.freqstr
    try:
        kept = pd.tseries.frequencies.to_offset(name) == index.freq
    except ValueError:
        kept = False
    if not kept:
        raise Refused(f"has the frequency {index.freq!r}, which has no name to keep")
    return name


def dump_name(name: Any) -> str:
    """Return a name, or a list of names, as text.

    Raises
    ------
    Refused
        It can't be kept.
    """
    try:
        return typed.dumps(name)
    except Refused as error:
        raise Refused(f"has a name that {error}") from None


def dump_range(index: Any) -> dict[str, Any]:
    """Describe a range index."""
    bounds = {"start": index.start, "stop": index.stop, "step": index.step}
    return {"k": "range", **bounds, "name": dump_name(index.name)}


def load_range(document: dict[str, Any]) -> Any:
    """Return the range index of a description."""
    import pandas as pd

    name = typed.loads(document["name"])
    return pd.RangeIndex(document["start"], document["stop"], document["step"], name=name)


def check_class(index: Any) -> None:
    """Refuse an index whose class would not come back.

    Raises
    ------
    Refused
        It is of another library, or of the user's own.
    """
    import pandas as pd

    known = (
        pd.Index,
        pd.DatetimeIndex,
        pd.TimedeltaIndex,
        pd.PeriodIndex,
        pd.CategoricalIndex,
        pd.IntervalIndex,
    )
    if type(index) not in known:
        raise Refused(f"is a {type(index).__name__}, which can't be stored")
