"""Indexes of pandas: labels of columns, categories, levels, and the index of the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.arrays import plain_array
from omega_jupyter.store.table.fixed import Codes, check_codes
from omega_jupyter.store.table.kinds import Kind, Piece, kind_from_spec, kind_of
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.typed import Refused

__all__ = ["RowIndex", "dump_index", "load_index", "load_range"]


def dump_index(index: Any) -> bytes:
    """Write an index whole.

    Parameters
    ----------
    index : pandas.Index
        Of any class.

    Raises
    ------
    Refused
        A label, name or frequency can't be kept.
    """
    import bson

    return bson.encode(_dump(index))


def load_index(data: bytes) -> Any:
    """Return the index that :func:`dump_index` wrote."""
    import bson

    return _load(bson.decode(data))


def _dump(index: Any) -> dict[str, Any]:
    import pandas as pd

    if type(index) is pd.RangeIndex:
        return _dump_range(index)
    if type(index) is pd.MultiIndex:
        return {
            "k": "multi",
            "levels": [_dump(level) for level in index.levels],
            "codes": [np.asarray(codes).astype("<i8").tobytes() for codes in index.codes],
            "names": _dump_name(list(index.names)),
        }
    _check_class(index)
    blobs = Blobs()
    array = plain_array(index)
    kind = kind_of(array, blobs)
    return {
        "k": "array",
        "spec": kind.spec,
        "n": len(index),
        "d": kind.pack([array], 0, len(index)),
        "name": _dump_name(index.name),
        "freq": dump_freq(index),
        "blobs": blobs.contents(),
    }


def _load(document: dict[str, Any]) -> Any:

    if document["k"] == "range":
        return load_range(document)
    if document["k"] == "multi":
        return make_multi(
            [_load(level) for level in document["levels"]],
            [np.frombuffer(codes, "<i8") for codes in document["codes"]],
            typed.loads(document["names"]),
        )
    kind = kind_from_spec(document["spec"], lambda number: bytes(document["blobs"][number]))
    collector = kind.collector(1, document["n"])
    collector.add(Piece(0, (0,), 1, document["n"], 0, None), bytes(document["d"]))
    return make_index(collector.finish()[0], typed.loads(document["name"]), document["freq"])


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


class RowIndex:
    """The index of a table's rows: a range, or columns behind the data columns.

    Attributes
    ----------
    spec : dict
        For the table's description.
    kinds, arrays : list
        The columns that it needs.
    """

    def __init__(self, spec: dict[str, Any], kinds: list[Kind], arrays: list[Any]) -> None:
        self.spec = spec
        self.kinds = kinds
        self.arrays = arrays

    @classmethod
    def of(cls, index: Any, blobs: Blobs) -> RowIndex:
        """Describe an index.

        Raises
        ------
        Refused
            It can't be kept; the reason follows "the index".
        """
        import pandas as pd

        if type(index) is pd.RangeIndex:
            return cls(_dump_range(index), [], [])
        if type(index) is pd.MultiIndex:
            levels = [blobs.add(dump_index(level)) for level in index.levels]
            spec: dict[str, Any] = {
                "k": "levels",
                "levels": levels,
                "names": _dump_name(list(index.names)),
            }
            arrays = [np.asarray(codes) for codes in index.codes]
            return cls(spec, [Codes.make(len(level)) for level in index.levels], arrays)
        _check_class(index)
        array = plain_array(index)
        spec = {"k": "column", "name": _dump_name(index.name), "freq": dump_freq(index)}
        return cls(spec, [kind_of(array, blobs)], [array])


def names_of(spec: dict[str, Any]) -> list[Any]:
    """Return the names of a row index's levels."""
    if spec["k"] == "levels":
        return list(typed.loads(spec["names"]))
    return [typed.loads(spec["name"])]


def rebuild(
    spec: dict[str, Any], arrays: list[Any], load: Callable[[int], Any], *, step: int | None
) -> Any:
    """Make the row index again.

    Parameters
    ----------
    spec : dict
        From the table's description; not of a range, whose caller knows the rows.
    arrays : list
        The index columns.
    load : callable
        Returns the index in a blob of the description, by its number.
    step : int, optional
        The distance of the rows that were read, which the frequency is multiplied
        with. None: they have no common distance, and the index no frequency.
    """
    if spec["k"] == "levels":
        levels = [load(number) for number in spec["levels"]]
        codes = list(arrays)
        for level in spec.get("sort", ()):
            levels[level], codes[level] = _sorted_level(levels[level], codes[level])
        return make_multi(levels, codes, typed.loads(spec["names"]))
    freq = spec["freq"] if step is not None else None
    index = make_index(arrays[0], typed.loads(spec["name"]), freq if step == 1 else None)
    if freq is not None and step != 1:
        import pandas as pd

        index.freq = pd.tseries.frequencies.to_offset(freq) * step
    return index


def _sorted_level(level: Any, codes: Any) -> tuple[Any, Any]:
    """Return a level in order, and its codes: pandas takes slices by the order of the codes."""
    order = level.argsort()
    # One more, for -1.
    places = np.full(len(level) + 1, -1)
    places[order] = np.arange(len(level))
    return level.take(order), places[codes]


def rebuild_level(spec: dict[str, Any], level: int, array: Any, load: Callable[[int], Any]) -> Any:
    """Return the values of one level of a row index that is not a range."""
    if spec["k"] == "levels":
        return make_multi([load(spec["levels"][level])], [array], [None]).get_level_values(0)
    return make_index(array, None, None)


def _dump_name(name: Any) -> str:
    try:
        return typed.dumps(name)
    except Refused as error:
        raise Refused(f"has a name that {error}") from None


def _dump_range(index: Any) -> dict[str, Any]:
    bounds = {"start": index.start, "stop": index.stop, "step": index.step}
    return {"k": "range", **bounds, "name": _dump_name(index.name)}


def load_range(document: dict[str, Any]) -> Any:
    """Return the range index of a description."""
    import pandas as pd

    name = typed.loads(document["name"])
    return pd.RangeIndex(document["start"], document["stop"], document["step"], name=name)


def _check_class(index: Any) -> None:
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
