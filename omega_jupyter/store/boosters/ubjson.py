"""Reading UBJSON, the binary JSON that XGBoost writes its models in."""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["loads"]

# Types with a fixed width, most significant byte first.
_NUMBERS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_CONSTANTS = {b"T": True, b"F": False, b"Z": None}


def loads(data: bytes | bytearray | memoryview) -> Any:
    """Read one value.

    Parameters
    ----------
    data : bytes-like
        UBJSON.

    Returns
    -------
    object
        dict, list, str, int, float, bool or None; arrays of numbers as
        ndarray, which look at `data`.

    Raises
    ------
    ValueError
        It is no UBJSON.
    """
    reader = _Reader(memoryview(data))
    try:
        return reader.value(reader.take(1))
    except (struct.error, KeyError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no UBJSON: {error}") from error


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        return bytes(self._view(size))

    def value(self, marker: bytes) -> Any:
        if marker in _NUMBERS:
            return self._number(marker)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == b"S":
            return self._text()
        if marker == b"[":
            return self._array()
        if marker == b"{":
            return self._object()
        raise ValueError(f"no UBJSON: {marker!r} begins no value")

    def _view(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._data) - self._at:
            raise ValueError("no UBJSON: it is too short")
        self._at += size
        return self._data[self._at - size : self._at]

    def _number(self, marker: bytes) -> Any:
        code = f">{_NUMBERS[marker]}"
        return struct.unpack(code, self._view(struct.calcsize(code)))[0]

    def _count(self) -> int:
        count = self._number(self.take(1))
        if not isinstance(count, int):
            raise ValueError("no UBJSON: a number of items is no whole number")
        return count

    def _text(self) -> str:
        return self.take(self._count()).decode()

    def _array(self) -> Any:
        import numpy as np

        marker = self.take(1)
        if marker == b"$":
            kind, sign = self.take(1), self.take(1)
            if sign != b"#":
                raise ValueError("no UBJSON: an array of one type has no number of items")
            dtype = np.dtype(f">{_NUMBERS[kind]}")
            return np.frombuffer(self._view(self._count() * dtype.itemsize), dtype)
        if marker == b"#":
            return [self.value(self.take(1)) for _ in range(self._count())]
        items = []
        while marker != b"]":
            items.append(self.value(marker))
            marker = self.take(1)
        return items

    def _object(self) -> dict[str, Any]:
        found = {}
        while (marker := self.take(1)) != b"}":
            self._at -= len(marker)
            name = self._text()
            found[name] = self.value(self.take(1))
        return found
