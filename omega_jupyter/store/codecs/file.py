"""Files, as they are."""

from __future__ import annotations

import io
import os
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.files.file_segment import FileSegment, PathSegment
from omega_jupyter.store.files.stored_file import StoredFile, media_type, plain_name
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source
from omega_jupyter.store.values import typed

__all__ = ["FileCodec"]

# Their end is known without reading to it.
_SIZED = (io.BytesIO, io.BufferedReader, io.BufferedRandom, io.FileIO)


class FileCodec(Codec):
    """A file's bytes and its name, read from a path or from an open file."""

    kind = "file"

    def accepts(self, obj: Any) -> bool:
        """Accept paths and what can be read; text files too, to tell what is wrong with them."""
        if isinstance(obj, type):
            return False
        return isinstance(obj, os.PathLike) or callable(getattr(obj, "read", None))

    def encode(self, obj: Any) -> Encoded:
        """Prepare to read the file; of an open one what is between its place and its end.

        Raises
        ------
        NotFound
            There is no such file.
        Invalid
            It is a folder, a device, or open in text mode.
        """
        if isinstance(obj, os.PathLike):
            path = os.fsdecode(obj)
            return _encoded(PathSegment(path), plain_name(path))
        name = plain_name(getattr(obj, "name", None))
        if name is not None and name.startswith("<"):
            # Such as <stdin>.
            name = None
        what = "The file" if name is None else repr(name)
        if isinstance(obj, io.TextIOBase):
            raise Invalid(
                f"{what} is open in text mode",
                hint="open it in binary mode: open(path, 'rb'); text itself is stored as it is",
            )
        return _encoded(FileSegment(obj, _rest(obj), what), name)

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Return a file object; nothing is read yet."""
        self.only_whole(part, what)
        own = plain_name(typed.loads(body["name"]))
        name = own or plain_name(what.partition("@")[0]) or "file"
        return StoredFile(source, name=name, size=int(body["size"]), sha256=body["digest"])


def _encoded(segment: FileSegment, name: str | None) -> Encoded:
    encoded = Encoded(type="file", body={"name": typed.dumps(name)}, segments=[segment])
    if name is not None:
        shown = name.encode("utf-8", "replace").decode()
        guessed = media_type(name)
        encoded.file = {"name": shown} | ({"media_type": guessed} if guessed else {})

    def finish() -> None:
        encoded.digest = segment.digest
        encoded.body |= {"size": segment.size, "digest": segment.digest}

    encoded.finish = finish
    return encoded


def _rest(file: Any) -> int | None:
    """Return the number of bytes that a file holds from its place on, where that is known."""
    if not isinstance(file, _SIZED):
        return None
    try:
        if not file.seekable():
            return None
        at = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(at)
    except (OSError, ValueError) as error:
        raise Invalid(f"The file can't be read: {error}") from error
    return max(0, end - at)
