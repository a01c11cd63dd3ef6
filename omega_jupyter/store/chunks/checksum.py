"""Checksums against damage: of a chunk, and of a segment from those of its chunks."""

from __future__ import annotations

from collections.abc import Mapping

import xxhash

from omega_jupyter.errors import Invalid
from omega_jupyter.store.wording.damage import DAMAGE_HINT

__all__ = ["checksum", "combined", "damaged", "of_inline", "pack"]


def checksum(data: bytes | memoryview) -> int:
    """Return the XXH3-64 of bytes as the signed integer that BSON can hold.

    A tenth of CRC-32's time, so that each reading can afford it. It finds what
    broke, not what was forged.
    """
    return int.from_bytes(xxhash.xxh3_64_digest(data), "big", signed=True)


def combined(checksums: Mapping[bytes, int]) -> int:
    """Return the checksum of a segment.

    Parameters
    ----------
    checksums : mapping
        By what tells the chunk from others of the segment (the end of its ``_id``,
        or its key where it is inline), the chunk's checksum. In any order.
    """
    return checksum(b"".join(name + pack(checksums[name]) for name in sorted(checksums)))


def of_inline(chunks: Mapping[str, bytes]) -> int:
    """Return the checksum of a segment whose chunks are in the version document."""
    return combined({key.encode(): checksum(data) for key, data in chunks.items()})


def pack(value: int) -> bytes:
    """Return a checksum as 8 bytes, most significant first."""
    return value.to_bytes(8, "big", signed=True)


def damaged(what: str) -> Invalid:
    """Make the error for stored bytes that don't match their checksum."""
    return Invalid(
        f"{what} is damaged: stored bytes don't match their checksum",
        hint=DAMAGE_HINT,
    )
