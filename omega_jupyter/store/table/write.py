"""From a DataFrame to the description and the segments of a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import INLINE_BYTES, Blobs, Encoded
from omega_jupyter.store.table.arrays import column_arrays
from omega_jupyter.store.table.columns.kind import Kind
from omega_jupyter.store.table.columns.kinds import dump_index, kind_of
from omega_jupyter.store.table.layout import (
    KEEP_HINT,
    Block,
    TableSegment,
    blocks_of,
    group_rows,
    runs_of,
)
from omega_jupyter.store.table.row_index import RowIndex
from omega_jupyter.store.table.zones import zone_width
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.refused import Refused

__all__ = ["HEAD_ROWS", "encode_table", "is_row_major", "pack_head", "refusing"]

HEAD_ROWS, HEAD_BYTES, HEAD_MAX_BYTES = 32, 32 << 10, 64 << 10
COLUMNS_LISTED = 2_000

T = TypeVar("T")


def encode_table(frame: Any, type_name: str) -> Encoded:
    """Describe a frame and cut it into chunks.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not copied; must not change until it is written.
    type_name : str
        The type that the user gave.

    Raises
    ------
    Invalid
        A column, label, the index or an attribute can't be kept; named.
    """
    blobs = Blobs()
    kinds, arrays = _columns(frame, blobs)
    labels = blobs.add(refusing("the column labels", lambda: dump_index(frame.columns)))
    index = refusing("the index", lambda: RowIndex.of(frame.index, blobs))
    # Not across the border: the row index is read with every choice of columns.
    runs = runs_of(kinds) + runs_of(index.kinds)
    kinds += index.kinds
    arrays += index.arrays

    def name(column: int) -> str:
        return f"Column {frame.columns[column]!r}" if column < frame.shape[1] else "The index"

    row_bytes = [
        refusing(partial(name, column), partial(kind.row_bytes, array))
        for column, (kind, array) in enumerate(zip(kinds, arrays, strict=True))
    ]
    full = group_rows(sum(row_bytes))
    blocks = blocks_of(runs, row_bytes, full)
    groups = [min(full, len(frame) - at) for at in range(0, len(frame), full)]
    segment = TableSegment(kinds, arrays, blocks, groups, name)
    entries, beside = blobs.dump(1)
    body: dict[str, Any] = {
        "rows": len(frame),
        "width": frame.shape[1],
        "columns": runs,
        "labels": labels,
        "index": index.spec,
        "blocks": [list(block) for block in blocks],
        "group_rows": full,
        "tables": [{"i": 0, "rows": groups, "z": zone_width(len(groups))}],
        "blobs": entries,
    }
    if is_row_major(arrays[: frame.shape[1]]):
        body["row_major"] = True
    if frame.attrs:
        body["attrs"] = refusing("attrs", lambda: typed.dumps(frame.attrs))
    if not frame.flags.allows_duplicate_labels:
        body["unique_labels"] = True
    segments = [segment] if beside is None else [segment, beside]
    if segment.size > INLINE_BYTES:
        body["head"] = pack_head(segment, blocks, len(frame))
    return Encoded(
        type=type_name,
        body=body,
        segments=list(segments),
        shape=tuple(frame.shape),
        columns=_listed(frame),
    )


def _columns(frame: Any, blobs: Blobs) -> tuple[list[Kind], list[Any]]:
    import numpy as np

    kinds: list[Kind] = []
    # Asking once for each dtype makes wide frames quick.
    known: dict[Any, Kind] = {}
    arrays = column_arrays(frame)
    for place, array in enumerate(arrays):
        dtype = array.dtype
        kind = known.get(dtype) if isinstance(dtype, np.dtype) else None
        if kind is None:
            try:
                kind = kind_of(array, blobs)
            except Refused as error:
                label = frame.columns[place]
                raise Invalid(f"Column {label!r} {error}", hint=KEEP_HINT) from None
            if isinstance(dtype, np.dtype):
                known[dtype] = kind
        kinds.append(kind)
    return kinds, arrays


def is_row_major(arrays: list[Any]) -> bool:
    """Say whether the columns interleave in memory, as those of ``DataFrame(matrix)`` do."""
    import numpy as np

    if len(arrays) < 2 or len({array.dtype for array in arrays}) > 1:
        return False
    first = arrays[0]
    return isinstance(first, np.ndarray) and first.strides[0] == first.itemsize * len(arrays)


def refusing(what: str | Callable[[], str], work: Callable[[], T]) -> T:
    """Do some work; name what can't be kept where it is refused."""
    try:
        return work()
    except Refused as error:
        named = what if isinstance(what, str) else what()
        raise Invalid(f"{named[0].upper()}{named[1:]} {error}", hint=KEEP_HINT) from None


def pack_head(segment: TableSegment, blocks: list[Block], rows: int) -> dict[str, Any] | None:
    """Pack the first rows, so that a look at them needs no chunk."""
    row_bytes = sum(block.row_bytes for block in blocks)
    count = min(HEAD_ROWS, rows, max(5, int(HEAD_BYTES / max(row_bytes, 1))))
    if count * row_bytes > HEAD_MAX_BYTES:
        return None
    packed = [segment.pack_rows(number, 0, count) for number in range(len(blocks))]
    if sum(map(len, packed)) > 4 * HEAD_MAX_BYTES:
        return None
    return {"rows": count, "d": packed}


def _listed(frame: Any) -> dict[str, Any]:
    """Return the columns for the catalog, as text in run-length form."""
    names = [_text(label) for label in frame.columns[:COLUMNS_LISTED].tolist()]
    runs: list[list[Any]] = []
    before = None
    for dtype in islice(frame.dtypes, COLUMNS_LISTED):
        # The text of a dtype takes longer than all else here, and most are the same object.
        if dtype is before or (runs and runs[-1][1] == str(dtype)):
            runs[-1][0] += 1
        else:
            runs.append([1, str(dtype)])
        before = dtype
    return {"names": names, "dtypes": runs}


def _text(label: Any) -> str:
    return str(label)[:500].encode("utf-8", "replace").decode()
