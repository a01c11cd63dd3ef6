"""Payloads that are read from a file while they are written: never whole in memory."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.payload.payload import BLOB_PART, Key, Segment

__all__ = ["FileSegment", "PathSegment"]


class Readable(Protocol):
    """What a payload can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


class FileSegment(Segment):
    """The rest of an open file as one byte string: block 0, group = part of 1 MiB.

    It can be written once. Hash and size are known for certain when it is.

    Parameters
    ----------
    file : Readable
        A binary file, or what can be read as one; the caller closes it.
    size : int, optional
        The bytes that are expected. None: any number.
    what : str
        The file for error messages.
    """

    def __init__(self, file: Readable, size: int | None = None, what: str = "The file") -> None:
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
            raise self._changed()

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
            except (OSError, ValueError, TypeError) as error:
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

    def _changed(self) -> Invalid:
        return Invalid(
            f"{self._what} changed while it was read",
            hint="put it again when nothing writes to it",
        )


class PathSegment(FileSegment):
    """A file on a disk: opened when it is written to the store, and closed behind.

    Parameters
    ----------
    path : str
        The file; a symbolic link is followed.

    Raises
    ------
    NotFound
        There is no such file.
    Invalid
        It is a folder, a device, or can't be read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            # Only a look: opening a pipe would wait for who writes to it.
            found = Path(path).stat()
        except FileNotFoundError:
            raise NotFound(f"There is no file {path!r}") from None
        except (OSError, ValueError) as error:
            raise Invalid(f"{path!r} can't be read: {_reason(error)}") from error
        if stat.S_ISDIR(found.st_mode):
            raise Invalid(
                f"{path!r} is a folder, not a file",
                hint="store its files one by one, or one archive of them (shutil.make_archive)",
            )
        if not stat.S_ISREG(found.st_mode):
            raise Invalid(
                f"{path!r} is a device, pipe or socket, not a file",
                hint="open it and store the file object: open(path, 'rb')",
            )
        self._found = _identity(found)
        super().__init__(io.BytesIO(), found.st_size, repr(path))

    def listed(self) -> Iterator[Key]:
        """Open the file and read part after part.

        Raises
        ------
        Invalid
            The file can't be read, or something wrote to it meanwhile.
        """
        with self._open() as self._file:
            yield from super().listed()
            if _identity(os.fstat(self._file.fileno())) != self._found:
                raise self._changed()

    def _open(self) -> IO[bytes]:
        try:
            return Path(self._path).open("rb")
        except OSError as error:
            raise Invalid(f"{self._path!r} can't be read: {_reason(error)}") from error


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
