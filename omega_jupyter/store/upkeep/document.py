"""What a version document has to look like: whoever did not write it can't rely on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.chunks.identity import MAX_PARTS
from omega_jupyter.store.names.catalog import KINDS_OF_STORES
from omega_jupyter.store.names.names import plain_name
from omega_jupyter.store.versions.writing import FORMAT, content_hash

__all__ = ["content_hash_of", "fault_of", "is_number"]

MAX_VERSION = 1 << 31
MAX_COLUMNS = 1 << 24
_MAX_NUMBER = 1 << 62
# MongoDB keeps up to 180 levels.
MAX_DEPTH = 150
_JSON: Set[type] = frozenset({str, int, float, bool, type(None)})
_BODY: Set[type] = _JSON | {bytes, datetime}
_HASH = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[0-9]{1,10}\.[0-9]{1,10}")


def fault_of(document: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a version document; None where nothing is.

    Chunks are not looked at, but everything in the document itself: each field,
    the checksums of what is inline, and the hash where the codec has none of its own.

    Parameters
    ----------
    document : mapping
        As it is stored; no tombstone.
    """
    fault = _fault_of_fields(document)
    if fault is not None:
        return fault
    if document["format"] > FORMAT:
        return "it was written by a newer omega-jupyter"
    if document["body"].get("digest") != document["hash"]:
        return "its description has another hash than its document"
    for entry in document["segments"]:
        if "d" in entry and of_inline(entry["d"]) != entry["h"]:
            return "its bytes don't match their checksum"
    return None


def _fault_of_fields(document: Mapping[str, Any]) -> str | None:
    for field in [*_REQUIRED, *document]:
        is_right = _REQUIRED.get(field) or _OPTIONAL.get(field)
        if is_right is None:
            return f"its document has the unknown field {field!r}"
        if field not in document:
            return f"its document has no field {field!r}"
        if not is_right(document[field]):
            return f"the field {field!r} of its document can't be {document[field]!r:.60}"
    return None


def content_hash_of(document: Mapping[str, Any]) -> str | None:
    """Return the SHA-256 of the byte string that the object is; None where it is no such."""
    sha256 = document["body"].get("sha256")
    if isinstance(sha256, str):
        # Of the first, where objects of other codecs have segments of their own.
        return sha256 if len(document["segments"]) == 1 else None
    own = document["hash"] != content_hash(document["body"], document["segments"])
    return document["hash"] if own else None


def is_number(value: Any) -> bool:
    """Say whether this can be the number of a version."""
    return _natural(value, MAX_VERSION) and value > 0


def _natural(value: Any, below: int = _MAX_NUMBER) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def _checksum(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return type(value) is str


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _plain(value: Any, kinds: Set[type] = _JSON, depth: int = MAX_DEPTH) -> bool:
    """Say whether it is made of dicts, lists and such values, and not too deeply."""
    if isinstance(value, dict | list):
        within = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_plain(item, kinds, depth - 1) for item in within)
    # Exactly: BSON's code is text, too. Its large integers are a class of their own.
    return type(value) in kinds or isinstance(value, int)


def _object(value: Any) -> bool:
    return isinstance(value, dict) and _plain(value)


def _name(value: Any) -> bool:
    try:
        return bool(plain_name(value) == value)
    except Invalid:
        return False


def _digest(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _columns(value: Any) -> bool:
    """Accept ``{names, dtypes}`` whose runs are as many as the names, and not billions."""
    if not isinstance(value, dict) or set(value) != {"names", "dtypes"}:
        return False
    names, dtypes = value["names"], value["dtypes"]
    if not (isinstance(names, list) and all(map(_text, names)) and isinstance(dtypes, list)):
        return False
    runs = [d for d in dtypes if isinstance(d, list) and len(d) == 2 and _natural(d[0])]
    return (
        len(runs) == len(dtypes)
        and all(_text(dtype) for _, dtype in runs)
        and sum(run for run, _ in runs) == len(names)
    )


def _body(value: Any) -> bool:
    """Accept plain values, and not billions of columns in a few bytes."""
    if not isinstance(value, dict) or not _plain(value, _BODY):
        return False
    runs = value.get("columns", [])
    return isinstance(runs, list) and all(
        isinstance(run, list) and len(run) == 2 and _natural(run[0], MAX_COLUMNS) for run in runs
    )


def _segment(entry: Any) -> bool:
    from bson import ObjectId

    if not isinstance(entry, dict) or not _checksum(entry.get("h")):
        return False
    if "d" in entry:
        inline = entry["d"]
        return (
            set(entry) == {"d", "h"}
            and isinstance(inline, dict)
            and all(_KEY.fullmatch(key) and isinstance(inline[key], bytes) for key in inline)
        )
    parts = entry.get("x", {})
    return (
        set(entry) <= {"s", "size", "h", "x"}
        and isinstance(entry.get("s"), ObjectId)
        and _natural(entry.get("size"))
        and isinstance(parts, dict)
        and all(_KEY.fullmatch(key) and _natural(parts[key], MAX_PARTS + 1) for key in parts)
    )


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


_REQUIRED: dict[str, Callable[[Any], bool]] = {
    "store": lambda value: _text(value) and value in KINDS_OF_STORES,
    "name": _name,
    "version": is_number,
    "kind": _text,
    "type": _text,
    "format": _natural,
    "created": lambda value: isinstance(value, datetime),
    "size": _natural,
    "hash": _digest,
    "body": _body,
    "segments": _list_of(_segment),
}
_OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "_id": lambda value: True,
    "shape": _list_of(_natural),
    "columns": _columns,
    "params": _object,
    "file": _texts,
    "environment": _texts,
    "attributes": _object,
    "inputs": _texts,
    "task": _text,
    "scores": _list_of(_object),
    # Of a renaming that was killed after its last step but one.
    "moved": _text,
}
