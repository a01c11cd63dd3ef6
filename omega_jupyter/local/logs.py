"""The logs of the local services: what they say, and how long they grow."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

__all__ = ["last_lines", "limit", "private_log", "reason"]

LIMIT_BYTES = 8 << 20
_TAIL_BYTES = 64 << 10
_ERRORS = ("E", "F")


def private_log(path: Path) -> BinaryIO:
    """Open a log for appending; nobody else may read it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def last_lines(path: Path, count: int = 5) -> list[str]:
    """Return the last lines of a log; none where there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def reason(path: Path, since: int = 0) -> str | None:
    """Return what a mongod said of why it ended.

    Parameters
    ----------
    path : Path
        Its log, with a JSON document a line.
    since : int
        The size of the log before it was started.

    Returns
    -------
    str or None
        Its last error, or its last line where that is plain text (as from the
        dynamic loader).
    """
    try:
        with path.open("rb") as file:
            file.seek(since)
            lines = file.read(_TAIL_BYTES * 16).decode(errors="replace").splitlines()
    except OSError:
        return None
    found = None
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            if found is None and line.strip():
                found = line.strip()
            continue
        if isinstance(entry, dict) and entry.get("s") in _ERRORS:
            attributes = entry.get("attr") or {}
            detail = next((attributes[k] for k in ("error", "message") if k in attributes), "")
            where = f" {attributes['path']}" if "path" in attributes else ""
            text = f"{entry.get('msg', '')}{where}: {_text(detail)}".rstrip(": ")
            # What comes after the first error are its consequences.
            if entry["s"] == "E" or found is None:
                found = text
                if detail:
                    break
    return found[:400] if found else None


def _text(detail: object) -> str:
    if isinstance(detail, dict):
        return str(detail.get("errmsg") or detail.get("msg") or detail)
    return str(detail)


def limit(path: Path, size: int = LIMIT_BYTES) -> None:
    """Move what a long log holds to ``.1`` beside it; its writer goes on at its begin."""
    try:
        if path.stat().st_size <= size:
            return
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        # All our logs are opened for appending, so that the next line is the first.
        os.truncate(path, 0)
    except OSError:
        return
