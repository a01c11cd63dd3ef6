"""A payload that is read from a file while it is written: never whole in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload import BLOB_PART, Key, Segment

__all__ = ["FileSegment"]


class FileSegment(Segment):
    """The rest of an open file as one byte string: block 0, group = part of 1 MiB.

    It can be written once. Hash and size are known for certain when it is.

    Parameters
    ----------
    file : binary file object
        Only ``read(n)`` is needed; the caller closes it.
    size : int, optional
        The bytes that are expected. None: any number.
    what : str
        The file for error messages.
    """

    def __init__(self, file: BinaryIO, size: int | None = None, what: str = "The file") -> None:
        self._file = file
        self._expected = size
        self._what = what
        self._hash = hashlib.sha256()
        self._read = 0
        # Read for a key, and not packed yet: no more than what is in flight.
        self._parts: dict[int, bytes] = {}
        self._first: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of the file; a lower limit until all is read, where the size was not given."""
        if self._expected is not None:
            return self._expected
        if self._first is None:
            self._first = self._read_part()
        return max(self._read, len(self._first))

    @property
    def digest(self) -> str:
        """SHA-256 of what was read so far."""
        return self._hash.hexdigest()

    def listed(self) -> Iterator[Key]:
        """Read part after part.

        Raises
        ------
        Invalid
            The file can't be read, or has not the expected size.
        """
        group = 0
        while data := self._next_part():
            self._hash.update(data)
            self._read += len(data)
            if self._expected is not None and self._read > self._expected:
                break
            self._parts[group] = data
            yield Key(group, 0, len(data))
            group += 1
            if len(data) < BLOB_PART:
                break
        if self._expected is not None and self._read != self._expected:
            raise Invalid(
                f"{self._what} changed while it was read: "
                f"it has {'more' if self._read > self._expected else 'fewer'} than the "
                f"{self._expected} bytes it had",
                hint="put it again when nothing writes to it",
            )

    def pack(self, group: int, block: int) -> bytes:
        """Give away a part that was read."""
        return self._parts.pop(group)

    def _next_part(self) -> bytes:
        if self._first is None:
            return self._read_part()
        data, self._first = self._first, b""
        return data if data or self._read == 0 else self._read_part()

    def _read_part(self) -> bytes:
        """Read a whole part; only the last one of the file is shorter."""
        pieces: list[bytes] = []
        missing = BLOB_PART
        while missing:
            try:
                data = self._file.read(missing)
            except (OSError, ValueError) as error:
                raise Invalid(f"{self._what} can't be read: {error}") from error
            if not isinstance(data, bytes):
                raise Invalid(
                    f"{self._what} gives {type(data).__name__}, not bytes",
                    hint="open it in binary mode: open(path, 'rb')",
                )
            if not data:
                break
            pieces.append(data)
            missing -= len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
