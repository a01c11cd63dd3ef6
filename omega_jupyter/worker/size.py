"""How much memory an object takes, quickly: what there is much of is sampled."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from types import ModuleType
from typing import Any

__all__ = ["memory_of", "memory_of_model"]

SAMPLE = 256
# What lies deeper is small change.
DEPTH = 12


def memory_of(obj: Any) -> int:
    """Return about how many bytes a data set takes in memory.

    Parameters
    ----------
    obj : object
        A frame, series or index, an array, a sparse matrix, plain data.

    Returns
    -------
    int
        Exact for numbers; for Python objects (object columns, lists, dicts) what some
        hundred of them take, times their number.
    """
    return _Walk(arrays=True).size(obj)


def memory_of_model(model: Any, stored: int) -> int:
    """Return about how many bytes a model takes in memory.

    Parameters
    ----------
    model : estimator
        As it was loaded.
    stored : int
        Bytes of its file. Arrays and trees take as much in memory; only Python
        objects, such as a vocabulary, take several times that.
    """
    return stored + _Walk(arrays=False).size(model)


class _Walk:
    """Counts what is reachable, each object once."""

    def __init__(self, *, arrays: bool) -> None:
        self._arrays = arrays
        # The objects too: the id of one that is gone may become another's.
        self._seen: dict[int, Any] = {}

    def size(self, obj: Any, depth: int = 0) -> int:
        if depth > DEPTH or id(obj) in self._seen or isinstance(obj, type | ModuleType):
            return 0
        self._seen[id(obj)] = obj
        if hasattr(obj, "memory_usage"):
            return self._of_pandas(obj, depth)
        if hasattr(obj, "estimated_size"):
            # polars
            return int(obj.estimated_size())
        if hasattr(obj, "nbytes"):
            return self._of_array(obj, depth)
        return sys.getsizeof(obj) + self._within(obj, depth)

    def _within(self, obj: Any, depth: int) -> int:
        if isinstance(obj, dict):
            halves = (self._sampled(half, len(obj), depth) for half in (obj.keys(), obj.values()))
            return sum(halves)
        if isinstance(obj, list | tuple | set | frozenset):
            return self._sampled(obj, len(obj), depth)
        return self.size(vars(obj), depth + 1) if hasattr(obj, "__dict__") else 0

    def _of_pandas(self, obj: Any, depth: int) -> int:
        usage = obj.memory_usage(deep=False)
        if obj.ndim == 1:
            objects = [obj] if _is_object(obj.dtype) else []
        else:
            usage = usage.sum()
            places = [place for place, dtype in enumerate(obj.dtypes) if _is_object(dtype)]
            objects = [obj.iloc[:, place] for place in places]
        return int(usage) + sum(self._elements(column.to_numpy(), depth) for column in objects)

    def _of_array(self, array: Any, depth: int) -> int:
        size = int(array.nbytes) if self._arrays else 0
        if _is_object(getattr(array, "dtype", None)):
            size += self._elements(array.reshape(-1), depth)
        return size

    def _elements(self, array: Any, depth: int) -> int:
        return self._sampled(array, len(array), depth)

    def _sampled(self, items: Iterable[Any], count: int, depth: int) -> int:
        sample = list(islice(items, 0, None, max(1, count // SAMPLE)))
        total = sum(self.size(item, depth + 1) for item in sample)
        return total * count // len(sample) if sample else 0


def _is_object(dtype: Any) -> bool:
    # Of numpy alone: pandas' own dtypes count what they hold.
    return bool(getattr(dtype, "hasobject", False))
