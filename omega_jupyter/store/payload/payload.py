"""What codecs hand to the store and get back from it: bytes under (group, block).

A codec turns an object into an :class:`Encoded`: a description that fits a
document, and segments of chunks that are packed on demand. To decode it gets
the description and a :class:`Source` to fetch chunks from. Whether the chunks
are in a collection, in the version document or in a text is not its business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from omega_jupyter.errors import Invalid

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["Blobs", "Buffers", "Encoded", "InlineSource", "Key", "Segment", "Sink", "Source"]

BLOB_PART = 1 << 20
# What may be taken without a look at whether it is there.
PROVED_BYTES = 64 << 20
# Descriptions above are kept beside the document, which may have at most 16 MiB.
BLOB_INLINE = 64 << 10
BLOBS_INLINE = 256 << 10

# Payloads up to here live in the version document itself.
INLINE_BYTES = 128 << 10

Buffer = bytes | bytearray | memoryview
Sink = Callable[[int, int, bytes], None]


class Key(NamedTuple):
    """One chunk of a segment.

    Attributes
    ----------
    group : int
        Row group, or part of a blob.
    block : int
        Column block, or number of the blob.
    size : int
        Expected bytes; decides what travels together.
    """

    group: int
    block: int
    size: int


class Segment(ABC):
    """A set of chunks that is written together and never changed."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Expected bytes of all chunks."""

    @abstractmethod
    def listed(self) -> Iterator[Key]:
        """List the chunks in the order of writing."""

    @abstractmethod
    def pack(self, group: int, block: int) -> bytes:
        """Produce one chunk; called once per key, from several threads."""

    def closing(self) -> Iterable[tuple[int, int, bytes]]:
        """Produce what is known only when all chunks are packed (statistics)."""
        return ()


class Buffers(Segment):
    """Byte strings as a segment: block = number, group = part of 1 MiB.

    Parameters
    ----------
    buffers : sequence of bytes-like
        Contiguous; not copied.
    """

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._views = [memoryview(buffer).cast("B") for buffer in buffers]

    @property
    def size(self) -> int:
        """Bytes of all buffers."""
        return sum(view.nbytes for view in self._views)

    def listed(self) -> Iterator[Key]:
        """List the parts of each buffer."""
        for block, view in enumerate(self._views):
            yield from buffer_keys(block, view.nbytes)

    def pack(self, group: int, block: int) -> bytes:
        """Copy one part."""
        return bytes(self._views[block][group * BLOB_PART : (group + 1) * BLOB_PART])


def buffer_keys(block: int, size: int, start: int = 0, stop: int | None = None) -> Iterator[Key]:
    """List the parts that hold the bytes from `start` to `stop` of a buffer."""
    stop = size if stop is None else min(stop, size)
    for group in range(start // BLOB_PART, -(-stop // BLOB_PART)):
        yield Key(group, block, min(BLOB_PART, size - group * BLOB_PART))


@dataclass
class Encoded:
    """An object ready to be stored.

    Attributes
    ----------
    type : str
        The Python type, for people.
    body : dict
        The codec's own description, BSON-able. Names segments by their place in
        `segments`.
    segments : list of Segment
        The payload.
    shape, columns, params, file, environment
        As in :class:`~omega_jupyter.store.versions.metadata.Metadata`; `columns` in its
        run-length form.
    digest : str, optional
        The hash of the content where the codec has computed one.
    finish : callable, optional
        Called when the payload is written: fills in what was not known before,
        in `body`, `shape` and `digest`.
    """

    type: str
    body: dict[str, Any]
    segments: list[Segment] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    columns: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    file: dict[str, str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    digest: str | None = None
    finish: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """Expected bytes of the payload."""
        return sum(segment.size for segment in self.segments)


class Source(ABC):
    """Where a stored object's chunks come from.

    Attributes
    ----------
    url : SecretUrl or None
        The database, where it is one.
    """

    url: SecretUrl | None = None

    @abstractmethod
    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        """Give each chunk to ``sink(group, block, data)``, in any order and thread."""

    @abstractmethod
    def has_closing(self, segment: int) -> bool:
        """Say whether the segment was written with what :meth:`Segment.closing` gives."""

    def buffer(self, segment: int, block: int, size: int) -> bytearray:
        """Read one byte string of a :class:`Buffers` segment whole."""
        self.prove(segment, block, size)
        target = bytearray(size)
        self.fill(memoryview(target), segment, block, size)
        return target

    def prove(self, segment: int, block: int, size: int) -> None:
        """Look for the end of a long byte string, before anybody makes room for it.

        Raises
        ------
        OmegaError
            There is none: its size is damaged, or made up.
        """
        if size < 0:
            raise Invalid(f"A stored byte string can't have {size} bytes")
        if size > PROVED_BYTES:
            self.fetch(segment, list(buffer_keys(block, size, size - 1)), lambda *_: None)

    def fill(self, target: memoryview, segment: int, block: int, size: int, start: int = 0) -> None:
        """Read the bytes from `start` on of a :class:`Buffers` segment into `target`."""
        stop = start + target.nbytes

        def sink(group: int, _: int, data: bytes) -> None:
            first = group * BLOB_PART
            low, high = max(first, start), min(first + len(data), stop)
            target[low - start : high - start] = memoryview(data)[low - first : high - first]

        if target.nbytes:
            self.fetch(segment, list(buffer_keys(block, size, start, stop)), sink)


class InlineSource(Source):
    """Chunks that are at hand already.

    Parameters
    ----------
    segments : sequence of mapping
        ``{"group.block": bytes}`` of each segment.
    """

    def __init__(self, segments: Sequence[Mapping[str, bytes]]) -> None:
        self._segments = segments

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        """Give the chunks to the sink, in order."""
        chunks = self._segments[segment] if 0 <= segment < len(self._segments) else {}
        for key in keys:
            data = chunks.get(f"{key.group}.{key.block}")
            if data is None:
                raise Invalid(f"A part is missing in the stored object ({key.group}.{key.block})")
            sink(key.group, key.block, data)

    def has_closing(self, segment: int) -> bool:
        """Say no: small objects are read whole."""
        return False


def pack_inline(segment: Segment) -> dict[str, bytes]:
    """Pack all chunks of a small segment; statistics are not needed there."""
    return {
        f"{key.group}.{key.block}": segment.pack(key.group, key.block) for key in segment.listed()
    }


class Blobs:
    """Byte strings that belong to a description: small ones in it, large ones beside.

    Equal byte strings are kept once. The description names them by number.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        """Keep a byte string and return its number."""
        return self._numbers.setdefault(data, len(self._numbers))

    def contents(self) -> list[bytes]:
        """Return all byte strings, by number."""
        return list(self._numbers)

    def dump(self, segment: int) -> tuple[list[Any], Buffers | None]:
        """Return what the description holds, and the rest as segment number `segment`."""
        entries: list[Any] = []
        beside: list[bytes] = []
        room = BLOBS_INLINE
        for data in self._numbers:
            if len(data) <= min(BLOB_INLINE, room):
                room -= len(data)
                entries.append(data)
            else:
                entries.append({"i": segment, "b": len(beside), "n": len(data)})
                beside.append(data)
        return entries, Buffers(beside) if beside else None


def load_blob(source: Source, entries: Sequence[Any], number: int) -> bytes:
    """Return a byte string that a description names by number."""
    if not 0 <= number < len(entries):
        raise Invalid(f"A part is missing in the stored object (number {number})")
    entry = entries[number]
    if isinstance(entry, dict):
        return bytes(source.buffer(entry["i"], entry["b"], entry["n"]))
    return bytes(entry)
