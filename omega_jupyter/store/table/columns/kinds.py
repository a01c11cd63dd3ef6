"""Which kind keeps a column, and an index written whole.

The two hold each other: categories are an index, and an index is a column of some kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.arrays import plain_array
from omega_jupyter.store.table.columns import arrow, codes, composite, fixed, objects, text, times
from omega_jupyter.store.table.columns.index import (
    check_class,
    dump_freq,
    dump_name,
    dump_range,
    load_range,
    make_index,
    make_multi,
)
from omega_jupyter.store.table.columns.kind import Kind, Piece, Spec
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = ["dump_index", "kind_from_spec", "kind_of", "load_index"]


def kind_of(array: Any, blobs: Blobs) -> Kind:
    """Return the kind that keeps an array of pandas or numpy.

    Parameters
    ----------
    array : array
        A one-dimensional numpy array or pandas extension array.
    blobs : Blobs
        Takes what is too large for a spec (categories).

    Raises
    ------
    Refused
        No kind keeps it exactly.
    """
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        name = "object" if dtype.hasobject else "numpy"
    else:
        name = next((c.__name__ for c in type(dtype).__mro__ if c.__name__ in _MAKERS), "")
    maker = _MAKERS.get(name)
    if maker is None:
        raise Refused(f"has the dtype {dtype}, which can't be stored")
    return maker(array, blobs)


def kind_from_spec(spec: Spec, blob: Callable[[int], bytes]) -> Kind:
    """Return the kind that a description names.

    Parameters
    ----------
    spec : dict
        From a stored description.
    blob : callable
        Returns a blob of the description by its number.
    """
    return _READERS[spec["k"]](spec, blob)


def _category(array: Any, blobs: Blobs) -> Kind:
    try:
        return codes.Category.of(array, blobs.add(dump_index(array.categories)))
    except Refused as error:
        raise Refused(f"has categories of which one {error}") from None


def _read_category(spec: Spec, blob: Callable[[int], bytes]) -> Kind:
    return codes.Category.read(spec, load_index(blob(spec["b"])))


def _intervals(array: Any, blobs: Blobs) -> Kind:
    return composite.Intervals.of(array, kind_of(plain_array(array.left), blobs))


# The class of a dtype to the maker of its kind.
_MAKERS: dict[str, Callable[[Any, Blobs], Kind]] = {
    "numpy": fixed.Numbers.of,
    "object": objects.Objects.of,
    "DatetimeTZDtype": times.Zoned.of,
    "PeriodDtype": times.Periods.of,
    "CategoricalDtype": _category,
    "BaseMaskedDtype": composite.Masked.of,
    "IntervalDtype": _intervals,
    "SparseDtype": composite.Sparse.of,
    "StringDtype": text.Text.of,
    "ArrowDtype": arrow.arrow_kind,
}
# The code of a spec to the reader of its kind.
_READERS: dict[str, Callable[[Spec, Callable[[int], bytes]], Kind]] = {
    "n": lambda spec, blob: fixed.Numbers(spec),
    "z": lambda spec, blob: times.Zoned(spec),
    "p": lambda spec, blob: times.Periods(spec),
    "c": _read_category,
    "l": lambda spec, blob: codes.Codes(spec),
    "m": lambda spec, blob: composite.Masked(spec),
    "i": lambda spec, blob: composite.Intervals(spec, kind_from_spec(spec["sub"], blob)),
    "x": lambda spec, blob: composite.Sparse(spec),
    "s": lambda spec, blob: text.Text(spec),
    "a": lambda spec, blob: arrow.Arrow(spec),
    "d": arrow.Dictionary.read,
    "o": lambda spec, blob: objects.Objects(spec),
}


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
        return dump_range(index)
    if type(index) is pd.MultiIndex:
        return {
            "k": "multi",
            "levels": [_dump(level) for level in index.levels],
            "codes": [np.asarray(places).astype("<i8").tobytes() for places in index.codes],
            "names": dump_name(list(index.names)),
        }
    check_class(index)
    blobs = Blobs()
    array = plain_array(index)
    kind = kind_of(array, blobs)
    return {
        "k": "array",
        "spec": kind.spec,
        "n": len(index),
        "d": kind.pack([array], 0, len(index)),
        "name": dump_name(index.name),
        "freq": dump_freq(index),
        "blobs": blobs.contents(),
    }


def _load(document: dict[str, Any]) -> Any:
    if document["k"] == "range":
        return load_range(document)
    if document["k"] == "multi":
        return make_multi(
            [_load(level) for level in document["levels"]],
            [np.frombuffer(places, "<i8") for places in document["codes"]],
            typed.loads(document["names"]),
        )
    kind = kind_from_spec(document["spec"], lambda number: bytes(document["blobs"][number]))
    collector = kind.collector(1, document["n"])
    collector.add(Piece(0, (0,), 1, document["n"], 0, None), bytes(document["d"]))
    return make_index(collector.finish()[0], typed.loads(document["name"]), document["freq"])
