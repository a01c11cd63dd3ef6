"""Reading files of other programs as frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.wording.progress import Notify, Progress

__all__ = ["SUFFIXES", "frames_of_file", "suffix_of"]

SUFFIXES = (".parquet", ".feather", ".csv")


def frames_of_file(path: Path, notify: Notify | None = None) -> Iterator[Any]:
    """Read a file frame by frame, with the dtypes that pandas reads it with whole.

    Parameters
    ----------
    path : Path
        ``.parquet``, ``.feather`` or ``.csv``.
    notify : callable, optional
        Called with a :class:`~omega_jupyter.store.wording.progress.Progress` after each frame.

    Yields
    ------
    pandas.DataFrame
        At least one, which may have no rows.

    Raises
    ------
    NotFound
        There is no such file.
    Invalid
        It is not what its name says.
    """
    suffix = suffix_of(path)
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}", hint="a path, such as data/sales.csv")
    try:
        yield from _frames(path, suffix, notify or (lambda progress: None))
    except (ValueError, OSError) as error:
        # Arrow's and pandas' errors are of these kinds.
        reason, hint = str(error).partition("\n")[0].rstrip("."), None
        if suffix == ".csv":
            hint = "put(pd.read_csv(…, chunksize=100_000), name) takes all of pandas' options"
        if isinstance(error, UnicodeDecodeError):
            # pandas counts within a field.
            reason = _not_utf8(path) or reason
            hint = "encoding='latin-1', or another, in pd.read_csv(…, chunksize=100_000); put that"
        raise Invalid(f"{str(path)!r} can't be read: {reason}", hint=hint) from error


def _not_utf8(path: Path) -> str | None:
    """Say in which line of a text the first byte is that is no UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"line {number:,} is not UTF-8, at {line[error.start : error.end]!r}"
    return None


def suffix_of(path: Path) -> str:
    """Return what a file's name says that it is.

    Raises
    ------
    Invalid
        It ends in something else.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise Invalid(
            f"{path.name!r} ends in none of {', '.join(SUFFIXES)}",
            hint="a file of another kind is kept as it is by put(Path(…), name)",
        )
    return path.suffix.lower()


def _frames(path: Path, suffix: str, notify: Notify) -> Iterator[Any]:
    what = f"import {path.name}"

    def surveyed(rows: int) -> None:
        notify(Progress(f"{what}: looking for dtypes", rows, None, "rows"))

    if suffix == ".csv":
        from omega_jupyter.store.interchange.csv_file import CsvFile

        csv = CsvFile(path)
        frames = csv.frames(surveyed)
    else:
        from omega_jupyter.store.interchange import arrow_files

        kinds = {".parquet": arrow_files.ParquetFile, ".feather": arrow_files.FeatherFile}
        file = kinds[suffix](path)
        frames = file.frames()
    done = 0
    for frame in frames:
        yield frame
        done += len(frame)
        rows = csv.rows if suffix == ".csv" else file.rows
        notify(Progress(what, done, rows, "rows"))
