"""Writing and reading the chunks of segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound, OmegaError
from omega_jupyter.store.chunks.checksum import checksum, combined, damaged, of_inline
from omega_jupyter.store.chunks.identity import (
    MAX_BLOCKS,
    MAX_PARTS,
    SEGMENT_BYTES,
    chunk_id,
    segment_range,
)
from omega_jupyter.store.chunks.memory import tune_malloc
from omega_jupyter.store.chunks.messages import batches, in_flight, messages, shares
from omega_jupyter.store.chunks.reading import found_chunks
from omega_jupyter.store.chunks.writer import Writer
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.payload.payload import InlineSource, Key, Segment, Sink, Source

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = [
    "StoredSource",
    "WrittenSegment",
    "abandon_segment",
    "delete_segment",
    "write_segment",
]

# A chunk above is cut.
PART_BYTES = 4 << 20

_LZ4, _ZSTD = 0x81, 0x82


# Group, block and bytes of a chunk.
Packed = tuple[int, int, bytes]


@dataclass(frozen=True)
class WrittenSegment:
    """A segment in the chunks collection.

    Attributes
    ----------
    id : ObjectId
        The first 12 bytes of each chunk's ``_id``.
    size : int
        Bytes written.
    parts : dict
        ``"group.block"`` to the number of documents, where it is not one.
    checksum : int
        Made of the chunks' checksums.
    """

    id: ObjectId
    size: int
    parts: dict[str, int]
    checksum: int

    def to_document(self) -> Document:
        """Return the entry of the version document."""
        entry: Document = {"s": self.id, "size": self.size, "h": self.checksum}
        if self.parts:
            entry["x"] = self.parts
        return entry


def delete_segment(url: SecretUrl, segment: ObjectId) -> int:
    """Delete all chunks of a segment and return how many there were."""
    with mongo_errors(url):
        return chunks(url, durable=False).delete_many(segment_range(segment)).deleted_count


def abandon_segment(url: SecretUrl, segment: ObjectId) -> None:
    """Delete what was just written; what can't be deleted is collected as garbage later."""
    with suppress(OmegaError):
        delete_segment(url, segment)
    Writer.of(url).end([segment])


def write_segment(url: SecretUrl, segment: Segment) -> WrittenSegment:
    """Write all chunks of a segment; nothing refers to them yet.

    Parameters
    ----------
    url : SecretUrl
        The user's database, prepared.
    segment : Segment
        Packed message by message, so that little memory is needed.

    Returns
    -------
    WrittenSegment

    Raises
    ------
    OmegaError
        What was written is deleted again, as far as the server answers.
    """
    tune_malloc()
    writer = _Writer(url, Writer.of(url).begin())

    def pack(batch: Sequence[Key]) -> list[Packed]:
        return [(k.group, k.block, segment.pack(k.group, k.block)) for k in batch]

    try:
        to_come = batches(segment.listed())
        first = list(islice(to_come, 2))
        if len(first) < 2:
            writer.send([*chain(*map(pack, first)), *segment.closing()], durable=True)
        else:
            in_flight(lambda batch: writer.send(pack(batch)), chain(first, to_come))
            closing = list(segment.closing())
            for batch in batches([Key(g, b, len(data)) for g, b, data in closing]):
                writer.send(closing[: len(batch)])
                del closing[: len(batch)]
            Writer.of(url).note_unsettled(writer.id, len(writer.checksums))
    except BaseException:
        # Also on Ctrl-C.
        abandon_segment(url, writer.id)
        raise
    return WrittenSegment(writer.id, writer.size, writer.parts, combined(writer.checksums))


class _Writer:
    def __init__(self, url: SecretUrl, segment: ObjectId) -> None:
        self._url = url
        self.id = segment
        self.size = 0
        self.parts: dict[str, int] = {}
        self.checksums: dict[bytes, int] = {}

    def send(self, batch: Sequence[Packed], *, durable: bool = False) -> None:
        documents: list[Document] = []
        for group, block, data in batch:
            if block >= MAX_BLOCKS or len(data) > MAX_PARTS * PART_BYTES:
                raise Invalid("The object is too large: a block of it has more than 1 GiB")
            self.size += len(data)
            documents += self._documents(group, block, data)
        with mongo_errors(self._url):
            # Nearly always one message; more only where a chunk was cut.
            for message in messages(documents):
                chunks(self._url, durable=durable).insert_many(message, ordered=False)

    def _documents(self, group: int, block: int, data: bytes) -> Iterator[Document]:
        parts = [data]
        if len(data) > PART_BYTES:
            parts = [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)]
            self.parts[f"{group}.{block}"] = len(parts)
        for number, part in enumerate(parts):
            identity = chunk_id(self.id, group, block, number)
            found = checksum(part)
            self.checksums[identity[SEGMENT_BYTES:]] = found
            yield {"_id": identity, "d": part, "h": found}


class StoredSource(Source):
    """The chunks of a version document, inline or in the chunks collection.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    document : dict
        The version document.
    """

    def __init__(self, url: SecretUrl, document: Document) -> None:
        self.url = self._url = url
        self._ref = f"{document['name']}@{document['version']}"
        self._entries: list[Document] = document["segments"]
        self._inline = InlineSource([entry.get("d", {}) for entry in self._entries])

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        """Give each chunk to the sink, from two threads where there is much to read."""
        if not 0 <= segment < len(self._entries):
            raise damaged(self._ref)
        entry = self._entries[segment]
        if "s" not in entry:
            if of_inline(entry["d"]) != entry.get("h"):
                raise damaged(self._ref)
            self._inline.fetch(segment, keys, sink)
            return
        tune_malloc()
        in_flight(lambda share: self._read(entry, share, sink), shares(keys))

    def has_closing(self, segment: int) -> bool:
        """Say whether the segment is in the chunks collection."""
        return "s" in self._entries[segment]

    def _read(self, entry: Document, keys: Sequence[Key], sink: Sink) -> None:
        cut: Document = entry.get("x", {})
        wanted: dict[bytes, tuple[Key, int]] = {}
        for key in keys:
            for part in range(cut.get(f"{key.group}.{key.block}", 1)):
                wanted[chunk_id(entry["s"], key.group, key.block, part)] = (key, part)
        size = sum(key.size for key in keys)
        pending: dict[Key, list[bytes | None]] = {}
        for identity, stored in found_chunks(self._url, wanted, size):
            key, part = wanted.pop(identity)
            if checksum(stored["d"]) != stored.get("h"):
                raise damaged(self._ref)
            data = plain_bytes(stored["d"])
            count = cut.get(f"{key.group}.{key.block}", 1)
            if count > 1:
                parts = pending.setdefault(key, [None] * count)
                parts[part] = data
                if None in parts:
                    continue
                data = b"".join(filter(None, pending.pop(key)))
            sink(key.group, key.block, data)
        if wanted:
            raise NotFound(
                f"{self._ref} is no longer whole: it was dropped, or parts of it were deleted",
                hint="`%omega ls` lists what is stored",
            )


def plain_bytes(data: bytes) -> bytes:
    """Undo a writer's compression, which the binary's subtype tells.

    Raises
    ------
    Invalid
        It can't be undone, or would have more than a chunk may have.
    """
    subtype = getattr(data, "subtype", 0)
    if not subtype:
        return bytes(data)
    import pyarrow as pa

    size = int.from_bytes(data[:8], "little")
    codec = {_LZ4: "lz4", _ZSTD: "zstd"}.get(subtype)
    if codec is None or size > PART_BYTES:
        raise Invalid("A stored chunk is neither plain nor compressed as it should be")
    try:
        plain: bytes = pa.decompress(data[8:], size, codec=codec, asbytes=True)
    except (OSError, ValueError) as error:
        raise Invalid(f"A stored chunk can't be decompressed: {error}") from None
    return plain
