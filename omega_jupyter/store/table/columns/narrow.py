"""Integers, and times, in as few bytes as their range within a chunk needs.

What numbers rows, counts or dates lies close together in a row group, and often has a
common step: seconds in a column of microseconds. Bytes that are not sent cost nothing in
the client, on the wire, in the server and on its disk.

A narrowed chunk has the lowest value of each column, the step of each, and how many steps
each value is above the lowest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Narrowed", "can_narrow", "narrow", "narrow_bytes", "widen"]

# Of fewer rows the head of a chunk would take what they save, and its length not tell the form.
MIN_ROWS = 256
# Lowest value and step of a column.
_HEAD_BYTES = 16
_SAMPLE_ROWS = 64
# Neighbours, and rows from all over a row group.
_NEAR, _FAR = slice(0, _SAMPLE_ROWS), slice(0, 1 << 16, 1 << 7)


class Narrowed(NamedTuple):
    """The columns of a chunk, narrowed.

    Attributes
    ----------
    lowest, steps : numpy.ndarray of int64
        One for each column; of unsigned values the same bits.
    counts : numpy.ndarray of uint8, uint16 or uint32
        Of shape (columns, rows): steps above the lowest.
    """

    lowest: Any
    steps: Any
    counts: Any

    def of(self, pick: Sequence[int], counts: Any) -> Narrowed:
        """Return some of the columns, with their counts."""
        columns = list(pick)
        return Narrowed(self.lowest[columns], self.steps[columns], counts)

    def bounds(self, dtype: Any) -> tuple[Any, Any]:
        """Return the lowest and the highest value of each column."""
        found = np.empty((len(self.lowest), 2), dtype)
        highest = self.counts.max(axis=1)
        self._replace(counts=np.stack([np.zeros_like(highest), highest], axis=1)).put(found)
        return found[:, 0], found[:, 1]

    def put(self, target: Any) -> None:
        """Write the values into an array of the same shape, of integers or times."""
        integers = target.view(_integers(target.dtype))
        lowest, steps = (
            part.astype(integers.dtype.newbyteorder("="))[:, np.newaxis]
            for part in (self.lowest, self.steps)
        )
        # Numbers that were made up may wrap around, here and below.
        if (self.steps == 1).all():
            np.add(self.counts, lowest, out=integers)
        else:
            np.multiply(self.counts, steps, out=integers)
            np.add(integers, lowest, out=integers)


def can_narrow(dtype: Any) -> bool:
    """Say whether columns of a dtype are narrowed."""
    return dtype.kind in "iumM" and dtype.itemsize > 1 and bool(dtype.isnative)


def narrow_bytes(array: Any, dtype: Any, values: Callable[[Any], Any]) -> float:
    """Estimate the bytes of a value from a sample.

    Parameters
    ----------
    array : array
        A column.
    dtype : numpy.dtype
        Of its values.
    values : callable
        Returns a part of it as an array of numpy's.
    """
    size = float(dtype.itemsize)
    if len(array) < MIN_ROWS or not can_narrow(dtype):
        return size
    sample = np.concatenate([values(array[_NEAR]), values(array[_FAR])]).view(_integers(dtype))
    distances = (sample - sample.min()).view(f"u{sample.dtype.itemsize}")
    step = max(1, np.gcd.reduce(distances))
    return min(size, _width(int(distances.max() // step)))


def narrow(columns: Sequence[Any]) -> bytes | None:
    """Pack columns of one dtype and length; None where their own bytes are as few.

    Parameters
    ----------
    columns : sequence of numpy.ndarray
        Of integers or times, in the order of bytes of this machine.
    """
    dtype, rows = columns[0].dtype, len(columns[0])
    if rows < MIN_ROWS:
        return None
    block = columns[0][np.newaxis] if len(columns) == 1 else np.array(columns, dtype)
    block = block.view(_integers(dtype))
    lowest = block.min(axis=1)
    if dtype.kind in "mM" and lowest.min() == np.iinfo(np.int64).min:
        # NaT would be taken for a time.
        return None
    distances = np.subtract(block, lowest[:, np.newaxis]).view(f"u{dtype.itemsize}")
    steps = _steps(distances)
    width = _width(int((distances.max(axis=1) // steps).max()))
    if width >= dtype.itemsize:
        return None
    if (steps > 1).any():
        distances //= steps[:, np.newaxis]
    parts = lowest.astype("<i8"), steps.astype("<u8"), distances.astype(f"<u{width}")
    return b"".join(part.tobytes() for part in parts)


def widen(data: Any, dtype: Any, width: int, rows: int) -> Narrowed | None:
    """Read a chunk; None where it holds the values' own bytes.

    Parameters
    ----------
    data : bytes-like
        The chunk.
    dtype : numpy.dtype
        Of its columns.
    width, rows : int
        Columns and rows of it.
    """
    if rows < MIN_ROWS or len(data) >= width * rows * dtype.itemsize:
        return None
    head = width * _HEAD_BYTES
    counted = np.dtype(f"<u{max(1, (len(data) - head) // (width * rows))}")
    lowest, steps = np.frombuffer(data, "<i8", 2 * width).reshape(2, width)
    counts = np.frombuffer(data, counted, offset=head).reshape(width, rows)
    return Narrowed(lowest, steps, counts)


def _integers(dtype: Any) -> Any:
    """Return the type of the integers that times are."""
    return np.dtype("i8").newbyteorder(dtype.byteorder) if dtype.kind in "mM" else dtype


def _steps(distances: Any) -> Any:
    """Return the step of each column: a number that all of its distances are multiples of."""
    far = distances[:, :: max(1, distances.shape[1] // _SAMPLE_ROWS)]
    # Neighbours too: of a column that counts, those afar have a larger step.
    sample = np.concatenate([distances[:, :_SAMPLE_ROWS], far], axis=1)
    steps = np.maximum(np.gcd.reduce(sample, axis=1), 1)
    for column in np.flatnonzero(steps > 1):
        step = steps[column]
        if (distances[column] // step * step != distances[column]).any():
            steps[column] = 1
    return steps


def _width(highest: int) -> int:
    for width in (1, 2, 4):
        if highest < 1 << 8 * width:
            return width
    return 8
