"""The lowest and the highest of many texts, a few times quicker than Arrow finds them.

Eight letters at a time are compared as one number; what is left then is for Arrow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["lowest_and_highest"]

_WORD = 8
# Of fewer, Arrow is as quick.
_FEW = 2048
# Bytes of a text that are compared so.
_DEPTH = 64
# Those of the first n bytes of a word.
_MASKS = np.array([(1 << 64) - (1 << 8 * (_WORD - n)) for n in range(_WORD + 1)], np.uint64)


def lowest_and_highest(values: Any) -> tuple[Any, Any]:
    """Return the lowest and the highest value: of texts, in the order of code points.

    Parameters
    ----------
    values : pyarrow.Array

    Returns
    -------
    low, high : pyarrow.Scalar
        Not valid where there are none.

    Raises
    ------
    pyarrow.ArrowNotImplementedError
        The type has no order.
    """
    if len(values) < _FEW or values.null_count or values.type != pa.large_string():
        return _by_arrow(values)
    low, high = _few(values, lowest=True), _few(values, lowest=False)
    return _by_arrow(low)[0], _by_arrow(high)[1]


def _by_arrow(values: Any) -> tuple[Any, Any]:
    found = pc.min_max(values)
    return found["min"], found["max"]


def _few(texts: Any, *, lowest: bool) -> Any:
    """Leave out texts that are certainly not the wanted one."""
    _, places, text = texts.buffers()
    if text is None or text.size < _WORD:
        return texts
    ends = np.frombuffer(places, np.int64, len(texts) + 1, 8 * texts.offset)
    # Every eight consecutive bytes as a number.
    words = np.ndarray(text.size - _WORD + 1, ">u8", text, strides=(1,))
    starts, lengths = ends[:-1], np.diff(ends)
    # At the end of the buffer are no eight bytes; whoever is there stays.
    kept = np.flatnonzero(starts > len(words) - 1 - _DEPTH)
    rows = np.flatnonzero(starts <= len(words) - 1 - _DEPTH)
    for depth in range(0, _DEPTH, _WORD):
        if len(rows) + len(kept) < _FEW:
            break
        keys = words[starts[rows] + depth].astype(np.uint64)
        keys &= _MASKS[np.clip(lengths[rows] - depth, 0, _WORD)]
        rows = rows[keys == (keys.min() if lowest else keys.max())]
    return texts.take(pa.array(np.concatenate([rows, kept])))
