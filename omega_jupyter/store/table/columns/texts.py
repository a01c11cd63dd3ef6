"""Chunks of texts: how long each is, and all of them one behind the other.

An Arrow stream has 8 bytes for the place of each text, which are as many as the text itself
where that is a key. Lengths take a byte, and none where all are of one length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from omega_jupyter.store.table.columns.unsound import unsound
from omega_jupyter.store.values.refused import Refused

__all__ = ["TEXTS", "pack_texts", "unpack_texts"]

# A list in typed JSON begins with "[", an Arrow stream with 0xff.
TEXTS = b"T"
# Of each column: bytes of a length, whether some are missing, the length of all, bytes of text.
_HEAD = struct.Struct("<BBQQ")
_WIDTHS = (1, 2, 4)


def pack_texts(columns: Sequence[Any]) -> bytes:
    """Write large strings of Arrow's, of equal number.

    Parameters
    ----------
    columns : sequence of pyarrow.LargeStringArray
    """
    parts: list[Any] = [TEXTS]
    for column in columns:
        parts += _packed(column)
    return b"".join(parts)


def _packed(column: Any) -> list[Any]:
    _, places, text = column.buffers()
    count = len(column)
    starts = np.zeros(1, np.int64)
    if count:
        starts = np.frombuffer(places, np.int64, count + 1, 8 * column.offset)
    data = memoryview(b"" if text is None else text)[starts[0] : starts[-1]]
    lengths = np.diff(starts)
    lowest, highest = (int(lengths.min()), int(lengths.max())) if count else (0, 0)
    missing = column.null_count > 0
    parts: list[Any] = []
    width = 0
    if lowest != highest:
        width = next((w for w in _WIDTHS if highest < 1 << 8 * w), 0)
        if not width:
            raise Refused("has a text above 4 GiB, which can't be stored")
        parts.append(lengths.astype(f"<u{width}"))
    if missing:
        parts.append(np.packbits(column.is_valid().to_numpy(False), bitorder="little"))
    return [_HEAD.pack(width, missing, lowest, len(data)), *parts, data]


def unpack_texts(data: bytes | memoryview, rows: int) -> list[Any]:
    """Read the columns of a chunk; their texts stay where they are.

    Parameters
    ----------
    data : bytes-like
        What :func:`pack_texts` wrote.
    rows : int
        Rows of the chunk.

    Returns
    -------
    list of pyarrow.LargeStringArray

    Raises
    ------
    Invalid
        Its numbers don't fit together.
    """
    columns = []
    view, at = memoryview(data), len(TEXTS)
    while at < len(view):
        width, missing, length, size = _HEAD.unpack_from(view, at)
        at += _HEAD.size
        if width in _WIDTHS:
            places = np.zeros(rows + 1, np.int64)
            np.cumsum(np.frombuffer(view, f"<u{width}", rows, at), out=places[1:])
            at += width * rows
        elif not width and rows * length == size:
            places = np.arange(rows + 1, dtype=np.int64) * length
        else:
            raise unsound("texts end where there are none")
        valid = view[at : at + (-(-rows // 8) if missing else 0)]
        at += len(valid)
        text = view[at : at + size]
        at += size
        # Arrow does not look, and would read what is not the table's.
        if len(text) != places[-1] or (missing and 8 * len(valid) < rows):
            raise unsound("texts end where there are none")
        buffers = [pa.py_buffer(places), pa.py_buffer(text), pa.py_buffer(valid)]
        columns.append(pa.LargeStringArray.from_buffers(rows, *buffers[: 3 if missing else 2]))
    return columns
