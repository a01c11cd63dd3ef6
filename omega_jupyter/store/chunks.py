"""Writing and reading chunks: about 2 MiB a message, two messages in flight."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound, OmegaError, Unavailable
from omega_jupyter.store.checksum import checksum, combined, damaged, of_inline
from omega_jupyter.store.connection import Document, mongo_errors
from omega_jupyter.store.memory import tune_malloc
from omega_jupyter.store.payload import InlineSource, Key, Segment, Sink, Source
from omega_jupyter.store.schema import chunks
from omega_jupyter.store.writer import Writer

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = [
    "StoredSource",
    "WrittenSegment",
    "abandon_segment",
    "delete_segment",
    "segment_range",
    "write_segment",
]

# pymongo packs up to 48 MB into a message; 80 MB then cost 284 ms of processor time, not 40.
# A message is three times in memory while it is made, so that 4 MiB would gain nothing.
MESSAGE_BYTES = 2 << 20
IN_FLIGHT = 2
# A chunk above is cut; the number of the part is in the upper byte of the block.
PART_BYTES = 4 << 20
PART_SHIFT = 24
MAX_BLOCKS = 1 << PART_SHIFT
MAX_PARTS = 1 << 8
# What an _id begins with.
SEGMENT_BYTES = 12

_LZ4, _ZSTD = 0x81, 0x82

T = TypeVar("T")


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


def chunk_id(segment: ObjectId, group: int, block: int, part: int = 0) -> bytes:
    """Return a chunk's ``_id``: segment, row group, part and block, so that ranges work."""
    return segment.binary + struct.pack(">II", group, part << PART_SHIFT | block)


def segment_range(segment: ObjectId) -> Document:
    """Return the filter that finds all chunks of a segment."""
    return {"_id": {"$gte": segment.binary + b"\0" * 8, "$lte": segment.binary + b"\xff" * 8}}


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
    try:
        _in_flight(
            lambda batch: writer.send(
                [(k.group, k.block, segment.pack(k.group, k.block)) for k in batch]
            ),
            _batches(segment.listed()),
        )
        closing = list(segment.closing())
        for batch in _batches([Key(g, b, len(data)) for g, b, data in closing]):
            writer.send(closing[: len(batch)])
            del closing[: len(batch)]
        writer.settle()
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
        self._chunks = chunks(url, durable=False)

    def send(self, batch: Sequence[tuple[int, int, bytes]]) -> None:
        documents: list[Document] = []
        for group, block, data in batch:
            if block >= MAX_BLOCKS or len(data) > MAX_PARTS * PART_BYTES:
                raise Invalid("The object is too large: a block of it has more than 1 GiB")
            self.size += len(data)
            documents += self._documents(group, block, data)
        with mongo_errors(self._url):
            # Nearly always one message; more only where a chunk was cut.
            for message in _messages(documents):
                self._chunks.insert_many(message, ordered=False)

    def settle(self) -> None:
        """Wait until all is as durable as a publication, and see whether it is all there.

        To wait for the disk after each message would take half as long again. What a
        server forgets that crashes in between, or hands its office over, is missed here.
        """
        from pymongo.read_concern import ReadConcern

        with mongo_errors(self._url):
            # Deletes nothing, but is answered when all that came before it is safe as well.
            chunks(self._url).delete_one({"_id": self.id.binary})
            safe = chunks(self._url).with_options(read_concern=ReadConcern("majority"))
            kept = safe.count_documents(segment_range(self.id))
        if kept != len(self.checksums):
            raise Unavailable(
                "MongoDB has lost a part of what was written: it was restarted meanwhile",
                hop="mongodb",
                hint="nothing was published; do it again",
            )

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
        entry = self._entries[segment]
        if "s" not in entry:
            if of_inline(entry["d"]) != entry.get("h"):
                raise damaged(self._ref)
            self._inline.fetch(segment, keys, sink)
            return
        tune_malloc()
        _in_flight(lambda batch: self._read(entry, batch, sink), _batches(keys))

    def has_closing(self, segment: int) -> bool:
        """Say whether the segment is in the chunks collection."""
        return "s" in self._entries[segment]

    def _read(self, entry: Document, batch: Sequence[Key], sink: Sink) -> None:
        cut: Document = entry.get("x", {})
        identities = {}
        for key in batch:
            for part in range(cut.get(f"{key.group}.{key.block}", 1)):
                identities[chunk_id(entry["s"], key.group, key.block, part)] = (key, part)
        pending: dict[Key, list[bytes | None]] = {}
        with mongo_errors(self._url):
            cursor = chunks(self._url).find({"_id": {"$in": list(identities)}})
            for document in cursor.batch_size(len(identities) + 1):
                key, part = identities.pop(document["_id"])
                if checksum(document["d"]) != document.get("h"):
                    raise damaged(self._ref)
                data = plain_bytes(document["d"])
                count = cut.get(f"{key.group}.{key.block}", 1)
                if count > 1:
                    parts = pending.setdefault(key, [None] * count)
                    parts[part] = data
                    if None in parts:
                        continue
                    data = b"".join(filter(None, pending.pop(key)))
                sink(key.group, key.block, data)
        if identities:
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


def key_of(identity: bytes) -> tuple[int, int, int]:
    """Return group, block and part of a chunk's ``_id``."""
    group, rest = struct.unpack(">II", identity[SEGMENT_BYTES:])
    return group, rest % MAX_BLOCKS, rest >> PART_SHIFT


def _batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """Cut keys into runs of at most one message."""
    batch: list[Key] = []
    total = 0
    for key in keys:
        if batch and total + key.size > MESSAGE_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(key)
        total += key.size
    if batch:
        yield batch


def _messages(documents: list[Document]) -> Iterator[list[Document]]:
    """Cut documents where estimates were wrong, with room for one part more."""
    message: list[Document] = []
    total = 0
    for document in documents:
        if message and total + len(document["d"]) > 2 * MESSAGE_BYTES:
            yield message
            message, total = [], 0
        message.append(document)
        total += len(document["d"])
    yield message


def _in_flight(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do the work for each item with two threads; the first error ends it.

    Items are taken in the caller's own thread, since they may come from a generator
    of the user's (a query of SQLite, say), and a stream of them is not read ahead by
    more than the one that waits for a thread.
    """
    iterator = iter(items)
    first = list(islice(iterator, 2))
    if len(first) < 2:
        for item in first:
            work(item)
        return
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="omega-chunks") as pool:
        running: set[Future[None]] = set()
        try:
            for item in chain(first, iterator):
                running.add(pool.submit(work, item))
                if len(running) > IN_FLIGHT:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            for future in running:
                future.result()
        except BaseException:
            # Also on Ctrl-C.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
