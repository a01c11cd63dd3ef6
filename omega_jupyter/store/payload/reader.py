"""Reading a stored byte string in parts: in order, or from anywhere in it."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from omega_jupyter.errors import NotFound
from omega_jupyter.store.payload.payload import BLOB_PART, Source, buffer_keys

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PayloadReader", "stream_parts"]

# Two messages: they are read at the same time.
WINDOW = 8 * BLOB_PART
# So that going back and forth across the border of two parts reads neither twice.
HELD_PARTS = 3


def stream_parts(
    source: Source, segment: int, block: int, size: int, start: int = 0
) -> Iterator[bytes]:
    """Read a byte string in order; at most 16 MiB are held.

    Parameters
    ----------
    source : Source
        Where the chunks are.
    segment, block : int
        Which byte string: of a ``Buffers`` or a ``FileSegment`` segment.
    size : int
        Its bytes.
    start : int
        The first wanted byte, the first of a part: a multiple of 1 MiB.

    Yields
    ------
    bytes
        Parts of 1 MiB; the last one may be shorter.

    Raises
    ------
    NotFound
        Its chunks were deleted.
    """
    windows = range(start, size, WINDOW)
    if len(windows) < 2:
        for at in windows:
            yield from _window(source, segment, block, size, at)
        return
    # The next window is read while the caller works on this one.
    with ThreadPoolExecutor(1, thread_name_prefix="omega-stream") as pool:
        ahead = pool.submit(_window, source, segment, block, size, windows[0])
        for at in windows[1:]:
            parts = ahead.result()
            ahead = pool.submit(_window, source, segment, block, size, at)
            yield from parts
        yield from ahead.result()


def _window(source: Source, segment: int, block: int, size: int, at: int) -> list[bytes]:
    keys = list(buffer_keys(block, size, at, at + WINDOW))
    found: dict[int, bytes] = {}
    source.fetch(segment, keys, lambda group, _, data: found.update({group: data}))
    for key in keys:
        if len(found[key.group]) != key.size:
            raise NotFound("The stored file is not whole: a part of it is too short")
    return [found[key.group] for key in keys]


class PayloadReader(io.RawIOBase):
    """A stored byte string as a seekable raw file; parts are read when they are asked for.

    What is read in order is read ahead. Wrap it into ``io.BufferedReader``.

    Parameters
    ----------
    source : Source
        Where the chunks are.
    segment, block : int
        Which byte string.
    size : int
        Its bytes.
    name : str
        What file objects have; for error messages of who reads from it.
    """

    mode = "rb"

    def __init__(
        self, source: Source, segment: int, block: int, size: int, name: str = "payload"
    ) -> None:
        super().__init__()
        self.name = name
        self._source = source
        self._place = segment, block, size
        self._size = size
        self._at = 0
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._stream: Iterator[bytes] | None = None
        # The part that a reader in order asks for next.
        self._next = -1

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        self._check_open()
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place, which may be behind the end."""
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}
        if whence not in base:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        if base[whence] + offset < 0:
            raise ValueError(f"negative seek position {base[whence] + offset}")
        self._at = base[whence] + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read to the end of the part at most."""
        self._check_open()
        target = memoryview(buffer).cast("B")
        if self._at >= self._size or not target.nbytes:
            return 0
        group, offset = divmod(self._at, BLOB_PART)
        data = memoryview(self._part(group))[offset : offset + target.nbytes]
        target[: data.nbytes] = data
        self._at += data.nbytes
        return data.nbytes

    def close(self) -> None:
        """Give back what is held."""
        self._end_stream()
        self._held.clear()
        super().close()

    def _part(self, group: int) -> bytes:
        if group in self._held:
            self._held.move_to_end(group)
            return self._held[group]
        segment, block, size = self._place
        start = group * BLOB_PART
        if group == self._next:
            if self._stream is None:
                self._stream = stream_parts(self._source, segment, block, size, start)
            data = next(self._stream)
        else:
            self._end_stream()
            target = bytearray(min(BLOB_PART, size - start))
            self._source.fill(memoryview(target), segment, block, size, start)
            data = bytes(target)
        self._next = group + 1
        self._held[group] = data
        while len(self._held) > HELD_PARTS:
            self._held.popitem(last=False)
        return data

    def _end_stream(self) -> None:
        # A generator; closing it ends its thread.
        if self._stream is not None:
            self._stream.close()  # type: ignore[attr-defined]  # as above
        self._stream = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
