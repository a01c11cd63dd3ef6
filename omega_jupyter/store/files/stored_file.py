"""A stored file, as a binary file object that reads from the store."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

from omega_jupyter.errors import Invalid
from omega_jupyter.store.files.whole_file import whole_file
from omega_jupyter.store.payload.payload import BLOB_PART, Source
from omega_jupyter.store.payload.reader import PayloadReader, stream_parts

__all__ = ["StoredFile"]


class StoredFile(io.BufferedReader):
    """A file in the store: readable and seekable, never whole in memory.

    What ``open(path, "rb")`` gives, but for where the bytes are: parts of 1 MiB come
    from the store when they are asked for, and ahead of who reads in order. It goes
    wherever a binary file object goes, such as ``pandas.read_excel``.

    Attributes
    ----------
    name : str
        The file's own name when it was put, without a folder; the name of the
        data set where it had none.
    size : int
        Bytes.
    sha256 : str
        The hash of its content.
    media_type : str or None
        Such as ``application/pdf``, guessed from the name.

    Examples
    --------
    >>> with om.datasets.get("report") as file:
    ...     file.read(4)
    b'%PDF'
    >>> om.datasets.get("report").save("~/Downloads")
    PosixPath('/home/me/Downloads/report.pdf')
    """

    size: int
    sha256: str
    media_type: str | None

    def __init__(self, source: Source, *, name: str, size: int, sha256: str) -> None:
        # The name is the raw file's, as it is with files on a disk.
        super().__init__(PayloadReader(source, 0, 0, size, name), BLOB_PART)
        self._source = source
        self.size = size
        self.sha256 = sha256
        self.media_type = media_type(name)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the whole file to a disk; all of it, or nothing.

        Where the file object stands does not matter, and is not changed.

        Parameters
        ----------
        path : path
            A file, which is replaced where it exists, or a folder, in which the file
            gets its own name.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        NotFound
            There is no such folder, or the version was dropped meanwhile.
        Invalid
            The file can't be written, or its content does not match its hash.
        """
        if self.closed:
            raise ValueError("save() of a closed file")
        target = Path(path).expanduser()
        # Unlike Path.is_dir() this does not raise on names that no file can have.
        if os.path.isdir(target):
            target /= self.name
        with whole_file(target) as file:
            self._write(file)
        return target

    def __copy__(self) -> StoredFile:
        return StoredFile(self._source, name=self.name, size=self.size, sha256=self.sha256)

    def __repr__(self) -> str:
        return f"<StoredFile {self.name!r}, {self.size:,} bytes>"

    def _write(self, file: BinaryIO) -> None:
        hashed = hashlib.sha256()
        for data in stream_parts(self._source, 0, 0, self.size):
            hashed.update(data)
            file.write(data)
        if hashed.hexdigest() != self.sha256:
            raise Invalid(
                f"{self.name!r} is damaged: its content does not match its hash",
                hint="an earlier version may be sound: get it with @-2 behind the name",
            )


def media_type(name: str) -> str | None:
    """Guess what kind of file has such a name, as ``application/pdf``."""
    import mimetypes

    guessed, encoding = mimetypes.guess_type(name)
    return f"application/{encoding}" if encoding else guessed


def plain_name(name: Any) -> str | None:
    """Return the last part of a file's name; None where there is none.

    It becomes part of a path, and comes from whoever stored the file.
    """
    last = os.path.basename(name.replace("\0", "")) if isinstance(name, str) else ""
    return None if last in ("", ".", "..") else last
