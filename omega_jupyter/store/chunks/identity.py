"""The ids of chunks: which segment, row group, block and part."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from omega_jupyter.store.database.connection import Document

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["MAX_BLOCKS", "MAX_PARTS", "SEGMENT_BYTES", "chunk_id", "key_of", "segment_range"]

# What an _id begins with.
SEGMENT_BYTES = 12
# The number of the part is in the upper byte of the block.
PART_SHIFT = 24
MAX_BLOCKS = 1 << PART_SHIFT
MAX_PARTS = 1 << 8


def chunk_id(segment: ObjectId, group: int, block: int, part: int = 0) -> bytes:
    """Return a chunk's ``_id``: segment, row group, part and block, so that ranges work."""
    return segment.binary + struct.pack(">II", group, part << PART_SHIFT | block)


def segment_range(segment: ObjectId) -> Document:
    """Return the filter that finds all chunks of a segment."""
    return {"_id": {"$gte": segment.binary + b"\0" * 8, "$lte": segment.binary + b"\xff" * 8}}


def key_of(identity: bytes) -> tuple[int, int, int]:
    """Return group, block and part of a chunk's ``_id``."""
    group, rest = struct.unpack(">II", identity[SEGMENT_BYTES:])
    return group, rest % MAX_BLOCKS, rest >> PART_SHIFT
