"""The file of an archive: BSON documents one behind the other, and a hash over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.connection import Document

__all__ = ["ArchiveWriter", "read_archive"]

FORMAT = 1
HEADER, CHUNK, VERSION, NAME, END = "omega_archive", "chunk", "version", "name", "end"
# MongoDB's own limit, and room for what is around such a document.
MAX_BYTES = (16 << 20) + (64 << 10)
_SMALLEST = 5
_LENGTH = 4


class ArchiveWriter:
    """Writes documents and, at the end, their hash.

    Parameters
    ----------
    file : binary file
        Open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, kind: str, value: Document | int, **more: object) -> None:
        """Write ``{kind: value, …}``."""
        import bson

        data = bson.encode({kind: value, **more})
        self._hash.update(data)
        self._put(data)

    def close(self) -> None:
        """Write the hash, without which the file is no archive."""
        import bson

        self._put(bson.encode({END: {"sha256": self._hash.digest()}}))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)


def read_archive(file: BinaryIO, what: str) -> Iterator[tuple[str, Document, bytes]]:
    """Read documents one by one; no more than one is held.

    Parameters
    ----------
    file : binary file
        Open for reading, at its beginning.
    what : str
        The file for error messages.

    Yields
    ------
    kind : str
        ``omega_archive`` for the first; then ``chunk``, ``version`` and ``name``.
    document : dict
        Of the first all of it, else what stands under `kind`.
    data : bytes
        The document as it stands in the file.

    Raises
    ------
    Invalid
        It is no archive, of a newer format, cut off, or changed. What was yielded before
        is not to be relied on.
    """
    hashed = hashlib.sha256()
    header = _read(file)
    if header is None or header[0] != HEADER:
        raise Invalid(f"{what} is not an archive of omega-jupyter")
    kind: str = HEADER
    document: Document = header[1]
    data = header[2]
    if document[HEADER] != FORMAT:
        raise Invalid(
            f"{what} is in format {document[HEADER]!r:.20} of archives, which can't be read here",
            hint="pip install --upgrade omega-jupyter",
        )
    while True:
        hashed.update(data)
        yield kind, document, data
        following = _read(file)
        if following is None:
            raise damaged(what)
        kind, document, data = following
        if kind == END:
            break
        if kind not in (CHUNK, VERSION, NAME):
            raise damaged(what)
        document = document[kind]
        if not isinstance(document, dict):
            raise damaged(what)
    if document[END] != {"sha256": hashed.digest()} or file.read(1):
        raise damaged(what)


def is_archive(path: Path) -> bool:
    """Say whether a file begins as an archive does."""
    try:
        with path.open("rb") as file:
            found = _read(file)
    except OSError:
        return False
    return found is not None and found[0] == HEADER


def damaged(what: str) -> Invalid:
    """Make the error for a file that is not as it was written."""
    return Invalid(
        f"{what} is cut off, or was changed since it was exported",
        hint="copy it again from where it was exported",
    )


def _read(file: BinaryIO) -> tuple[str, Document, bytes] | None:
    """Read a document; None where there is none."""
    import bson
    from bson.codec_options import CodecOptions

    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    head = file.read(_LENGTH)
    length = int.from_bytes(head, "little")
    if len(head) < _LENGTH or not _SMALLEST < length <= MAX_BYTES:
        return None
    data = head + file.read(length - _LENGTH)
    try:
        document = bson.decode(data, options)
    except (bson.errors.BSONError, ValueError, OverflowError, RecursionError):
        return None
    return next(iter(document)), document, data
