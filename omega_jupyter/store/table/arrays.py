"""The arrays of columns: taken from frames, and joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["column_arrays", "concatenated", "empty_array", "plain_array"]

# Fewer are taken one by one.
_FEW_COLUMNS = 20
# glibc takes what is larger from the system, whatever its thresholds are.
_LARGE_BYTES = 32 << 20


def empty_array(shape: tuple[int, int], dtype: Any) -> Any:
    """Return an array of numpy's with any values; a large one in Arrow's memory.

    From glibc each large array is new pages of the system's, which zeroes them: a
    quarter of the time of a get. Arrow keeps what was freed for what comes next, such
    as the next get, or pandas' own reading of a Parquet file.
    """
    size = shape[0] * shape[1] * dtype.itemsize
    if size <= _LARGE_BYTES or dtype.hasobject:
        return np.empty(shape, dtype)
    import pyarrow as pa

    return np.ndarray(shape, dtype, pa.allocate_buffer(size))


def plain_array(values: Any) -> Any:
    """Return the array of a Series or Index: numpy's own, or pandas' extension array."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def column_arrays(frame: Any) -> list[Any]:
    """Return the arrays of a frame's columns, in their order."""
    if len(frame) and frame.shape[1] > _FEW_COLUMNS:
        # Where all columns lie in one matrix, its views are had in a tenth of the time.
        row, first = frame.iloc[:1].to_numpy(), plain_array(frame.iloc[:, 0])
        if isinstance(first, np.ndarray) and np.may_share_memory(row, first):
            return list(frame.to_numpy().T)
    return [plain_array(series) for _, series in frame.items()]


def concatenated(arrays: Sequence[Any]) -> Any:
    """Join arrays of one dtype, of numpy or pandas."""
    if len(arrays) == 1:
        return arrays[0]
    first = arrays[0]
    if isinstance(first, np.ndarray):
        # By itself, numpy would change the order of bytes; codes may differ in width.
        same = all(array.dtype == first.dtype for array in arrays)
        return np.concatenate(arrays, dtype=first.dtype if same else None)
    # pandas' interface for extension arrays; concat() would ask dtypes for a common one.
    return type(first)._concat_same_type(arrays)
