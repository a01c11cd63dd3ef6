"""A file that is there when it is whole, and not before."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from omega_jupyter.errors import Invalid, NotFound

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, and move it there at the end of the block.

    Parameters
    ----------
    path : Path
        Replaced where it exists; left alone where the block raises.

    Raises
    ------
    NotFound
        There is no such folder.
    Invalid
        The file can't be written.
    """
    if not path.parent.is_dir():
        raise NotFound(f"There is no folder {str(path.parent)!r}")
    part = path.parent / f".omega-{uuid.uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            # Else a power cut could leave the name without the content.
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Invalid(f"{str(path)!r} can't be written: {reason}") from error
    finally:
        part.unlink(missing_ok=True)
