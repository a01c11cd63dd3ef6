"""Writing a payload: inline where it is small, else chunks that nothing refers to yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.checksum import of_inline, pack
from omega_jupyter.store.chunks.chunks import abandon_segment, write_segment
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.payload.payload import INLINE_BYTES, Encoded, pack_inline

__all__ = ["FORMAT", "content_hash", "describe", "discard", "write_payload"]

FORMAT = 1


def describe(codec: Codec, encoded: Encoded) -> Document:
    """Return the fields of a version document that come from the object, once it is written."""
    document: Document = {
        "kind": codec.kind,
        "type": encoded.type,
        "format": FORMAT,
        "size": encoded.size,
        "body": dict(encoded.body),
    }
    if encoded.shape is not None:
        document["shape"] = list(encoded.shape)
    for field in ("columns", "params", "file", "environment"):
        value = getattr(encoded, field)
        if value:
            document[field] = value
    return document


def write_payload(url: SecretUrl, encoded: Encoded) -> tuple[list[Document], str]:
    """Write a payload, inline where it is small.

    Parameters
    ----------
    url : SecretUrl
        The user's database, prepared.
    encoded : Encoded
        From a codec.

    Returns
    -------
    entries : list of dict
        The ``segments`` of the version document.
    hash : str
        SHA-256 of the description and the segments' checksums, or the codec's own digest.

    Raises
    ------
    OmegaError
        What was written is deleted again, as far as the server answers.
    """
    if encoded.size <= INLINE_BYTES:
        packed = [pack_inline(segment) for segment in encoded.segments]
        if sum(len(data) for chunks in packed for data in chunks.values()) <= 2 * INLINE_BYTES:
            entries: list[Document] = [{"d": chunks, "h": of_inline(chunks)} for chunks in packed]
            if encoded.finish is not None:
                encoded.finish()
            return entries, encoded.digest or content_hash(encoded.body, entries)
    entries = []
    try:
        for segment in encoded.segments:
            entries.append(write_segment(url, segment).to_document())
        if encoded.finish is not None:
            encoded.finish()
    except BaseException:
        # Also on Ctrl-C; nothing is published yet.
        discard(url, entries)
        raise
    return entries, encoded.digest or content_hash(encoded.body, entries)


def content_hash(body: Mapping[str, Any], entries: Sequence[Document]) -> str:
    """Return the hash of a version whose codec has none of its own.

    Parameters
    ----------
    body : mapping
        The codec's description; `digest`, which is this hash, is left out.
    entries : sequence of dict
        The ``segments`` of the version document.
    """
    import bson

    described = {key: value for key, value in body.items() if key != "digest"}
    digest = hashlib.sha256(bson.encode(described))
    for entry in entries:
        digest.update(pack(entry["h"]))
    return digest.hexdigest()


def discard(url: SecretUrl, entries: Sequence[Document]) -> None:
    """Delete what was just written; what can't be deleted is collected as garbage later."""
    for entry in entries:
        if "s" in entry:
            abandon_segment(url, entry["s"])
