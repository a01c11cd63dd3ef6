"""What a worker process keeps in memory: recently used versions, within a budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

__all__ = ["VersionCache"]

T = TypeVar("T")


class VersionCache:
    """Objects by version, least recently used first out.

    Versions never change, so nothing here can be stale. The caller must not
    change what it gets.

    Parameters
    ----------
    budget : int
        Bytes that may be kept; what is larger than that is never kept.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], tuple[T, int]]) -> T:
        """Return the object of that key, loading it where it is not kept.

        Parameters
        ----------
        key : hashable
            Must name the database, the object and its version.
        load : callable
            Returns the object and its size in bytes.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            kept: T = self._kept[key][0]
            return kept
        loaded, size = load()
        if size <= self.budget:
            self._kept[key] = (loaded, size)
            self.used += size
            while self.used > self.budget:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.used -= dropped
        return loaded

    def __len__(self) -> int:
        return len(self._kept)
