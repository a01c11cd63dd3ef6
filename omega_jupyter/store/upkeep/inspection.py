"""A look at all chunks of a segment, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.chunks.checksum import checksum, combined
from omega_jupyter.store.chunks.chunks import PART_BYTES, plain_bytes
from omega_jupyter.store.chunks.identity import SEGMENT_BYTES, key_of
from omega_jupyter.store.database.connection import Document

__all__ = ["Inspection"]

_ID_BYTES = 20


@dataclass
class Inspection:
    """What the chunks of a segment turned out to be.

    Attributes
    ----------
    size : int
        Bytes, without compression.
    parts : dict
        As in the entry of the version document.
    checksums : dict
        By the end of the ``_id``; :func:`combined` is the segment's checksum.
    damaged : str, optional
        The first chunk that is not what its checksum says, as ``group.block``.
    """

    size: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    checksums: dict[bytes, int] = field(default_factory=dict)
    damaged: str | None = None

    @classmethod
    def of(
        cls, chunks: Iterable[Document], content: Callable[[bytes], object] | None = None
    ) -> Inspection:
        """Look at chunks.

        Parameters
        ----------
        chunks : iterable of dict
            In the order of ``_id``.
        content : callable, optional
            Gets the bytes of block 0, in order: those of an object that is one byte string.
        """
        found = cls()
        for chunk in chunks:
            found.add(chunk, content)
        return found

    def add(self, chunk: Document, content: Callable[[bytes], object] | None = None) -> None:
        """Look at the next chunk."""
        if not is_chunk(chunk):
            self.damaged = self.damaged or "unreadable"
            return
        group, block, part = key_of(chunk["_id"])
        key = f"{group}.{block}"
        try:
            data = plain_bytes(chunk["d"])
        except Invalid:
            data = b""
            self.damaged = self.damaged or key
        if checksum(chunk["d"]) != chunk["h"]:
            self.damaged = self.damaged or key
        if part:
            self.parts[key] = part + 1
        self.size += len(data)
        self.checksums[chunk["_id"][SEGMENT_BYTES:]] = chunk["h"]
        if content is not None and not block:
            content(data)

    def fault(self, entry: Document) -> str | None:
        """Say how the chunks differ from what a version document tells of them."""
        if self.damaged is not None:
            return f"stored bytes don't match their checksum (chunk {self.damaged})"
        if self.size < entry["size"]:
            return f"{entry['size'] - self.size:,} of {entry['size']:,} bytes are missing"
        if (
            self.size != entry["size"]
            or self.parts != entry.get("x", {})
            or combined(self.checksums) != entry["h"]
        ):
            return "its chunks are not those that were written"
        return None


def is_chunk(chunk: Any) -> bool:
    """Say whether a document is made as those of chunks are."""
    return (
        isinstance(chunk, dict)
        and set(chunk) == {"_id", "d", "h"}
        and isinstance(chunk["_id"], bytes)
        and len(chunk["_id"]) == _ID_BYTES
        and isinstance(chunk["d"], bytes)
        and len(chunk["d"]) <= PART_BYTES
        and isinstance(chunk["h"], int)
    )
