"""Several byte strings as one: written and read in order, never joined in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import Source
from omega_jupyter.store.payload.reader import stream_parts

__all__ = ["Joined", "PayloadStream"]


class Joined:
    """Files and buffers, one behind the other, as a file to read.

    Parameters
    ----------
    pieces : sequence of file or memoryview
        Views are of bytes and contiguous.
    """

    def __init__(self, pieces: Sequence[IO[bytes] | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._piece: IO[bytes] | memoryview = memoryview(b"")
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end."""
        while True:
            if isinstance(self._piece, memoryview):
                data = bytes(self._piece[self._at : self._at + size])
                self._at += len(data)
            else:
                data = self._piece.read(size)
            if data:
                return data
            try:
                self._piece, self._at = next(self._pieces), 0
            except StopIteration:
                return b""


class PayloadStream:
    """A stored byte string, read once from its beginning to its end, and hashed meanwhile.

    Parameters
    ----------
    source : Source
        Where the chunks are: segment 0, block 0.
    size : int
        Bytes in all.

    Attributes
    ----------
    left : int
        Bytes that were not read yet.
    """

    def __init__(self, source: Source, size: int) -> None:
        self._parts = stream_parts(source, 0, 0, size)
        self.left = size
        self._part = memoryview(b"")
        self._hash = hashlib.sha256()

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next bytes as they come.

        Raises
        ------
        Invalid
            There are no more so many.
        """
        while size:
            if not self._part.nbytes:
                self._next_part()
            piece, self._part = self._part[:size], self._part[size:]
            size -= piece.nbytes
            self.left -= piece.nbytes
            yield piece

    def copy_to(self, file: IO[bytes], size: int) -> None:
        """Write the next bytes into a file."""
        for piece in self.pieces(size):
            file.write(piece)

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        return b"".join(self.pieces(size))

    def fill(self, target: memoryview) -> None:
        """Read the next bytes into a buffer."""
        at = 0
        for piece in self.pieces(target.nbytes):
            target[at : at + piece.nbytes] = piece
            at += piece.nbytes

    def digest(self) -> str:
        """Read the rest, if there is any, and return the SHA-256 of all."""
        for part in self._parts:
            self._hash.update(part)
        return self._hash.hexdigest()

    def __enter__(self) -> PayloadStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A generator; closing it ends its thread.
        self._parts.close()  # type: ignore[attr-defined]  # as above

    def _next_part(self) -> None:
        part = next(self._parts, None)
        if part is None:
            raise Invalid("The stored model is shorter than its description says")
        self._hash.update(part)
        self._part = memoryview(part)
