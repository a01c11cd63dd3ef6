"""What libraries write to files and read from them: in memory while small, else on the disk."""

from __future__ import annotations

import errno
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO

from omega_jupyter.errors import Invalid
from omega_jupyter.store.files.file_segment import FileSegment
from omega_jupyter.store.payload.payload import Key, Source
from omega_jupyter.store.payload.stream import Joined, PayloadStream
from omega_jupyter.store.wording.damage import DAMAGE_HINT

__all__ = ["SpoolSegment", "check_hash", "spool", "spooled"]

# Above, it goes through a temporary file.
MEMORY_BYTES = 32 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SpoolSegment(FileSegment):
    """What a function writes into a file, with buffers behind it, as one byte string.

    The file is written at once, and gone when it was stored or is not wanted any more.

    Parameters
    ----------
    write : callable
        Writes into the open binary file that it gets.
    what : str
        The content for error messages.
    behind : sequence of memoryview
        The bytes that follow it; not copied.

    Attributes
    ----------
    file_size : int
        Bytes of the file alone.

    Raises
    ------
    Invalid
        The temporary file can't be written.
    """

    def __init__(
        self,
        write: Callable[[IO[bytes]], object],
        what: str,
        behind: Sequence[memoryview] = (),
    ) -> None:
        # Closed when it was read, or when nobody holds the segment any more.
        file: IO[bytes] = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - as above
        weakref.finalize(self, _close, file)
        with _disk_errors():
            write(file)
            self.file_size = file.seek(0, 2)
            file.seek(0)
        self._spool = file
        size = self.file_size + sum(view.nbytes for view in behind)
        super().__init__(Joined([file, *behind]), size, what)

    def listed(self) -> Iterator[Key]:
        """Read part after part, and remove the file."""
        yield from super().listed()
        self._spool.close()


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """Give an empty file that is gone afterwards."""
    # In this order: closing writes what is still in a buffer.
    with _disk_errors(), SpooledTemporaryFile(max_size=MEMORY_BYTES) as file:
        yield file


@contextmanager
def spooled(source: Source, size: int, sha256: str, what: str) -> Iterator[IO[bytes]]:
    """Give a stored byte string as an open file, once it is known to be whole.

    Parameters
    ----------
    source : Source
        Where the chunks are: segment 0, block 0.
    size : int
        Its bytes.
    sha256 : str
        Its hash.
    what : str
        The object for error messages, such as ``mymodel@3``.

    Raises
    ------
    Invalid
        It does not match its hash.
    """
    with spool() as file, PayloadStream(source, size) as stream:
        stream.copy_to(file, size)
        check_hash(stream.digest(), sha256, what)
        file.seek(0)
        yield file


def check_hash(found: str, expected: str, what: str) -> None:
    """Refuse content that does not match its hash.

    Raises
    ------
    Invalid
    """
    if found != expected:
        raise Invalid(
            f"Model {what} is damaged: its content does not match its hash",
            hint=DAMAGE_HINT,
        )


def _close(file: IO[bytes]) -> None:
    # On a full disk there is something left to write, and nobody who wants it.
    with suppress(OSError):
        file.close()


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Invalid(
            f"A temporary file can't be written: {error.strerror or error}",
            hint="the environment variable TMPDIR chooses a folder with more space",
        ) from error
