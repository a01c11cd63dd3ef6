"""Small results as text: the same codecs as in the store, in a message instead."""

from __future__ import annotations

import base64
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import codec_for, codec_of_kind
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import InlineSource, pack_inline

__all__ = ["decode", "encode"]

LIMIT = 65_536


def encode(obj: Any, limit: int = LIMIT) -> str | None:
    """Write a small object as text.

    Parameters
    ----------
    obj : object
        Anything that the data sets keep.
    limit : int
        The longest text.

    Returns
    -------
    str or None
        ASCII; None where it would be longer than `limit`.

    Raises
    ------
    Invalid
        The object can't be kept exactly.
    """
    import bson

    codec = codec_for(obj, "datasets")
    encoded = codec.encode(obj)
    if encoded.size > limit:
        return None
    segments = [pack_inline(segment) for segment in encoded.segments]
    if encoded.finish is not None:
        encoded.finish()
    data = bson.encode({"kind": codec.kind, "body": encoded.body, "segments": segments})
    text = base64.b64encode(data).decode("ascii")
    return text if len(text) <= limit else None


def decode(text: str) -> Any:
    """Make the object again.

    Parameters
    ----------
    text : str
        What :func:`encode` wrote.

    Raises
    ------
    Invalid
        The text is something else.
    """
    import bson

    try:
        document = bson.decode(base64.b64decode(text, validate=True))
        kind, body, segments = document["kind"], document["body"], document["segments"]
        return codec_of_kind(kind).decode(InlineSource(segments), body, Part(), "The result")
    except (ValueError, LookupError, TypeError, AttributeError, bson.errors.BSONError):
        raise Invalid("The result can't be read: it is not in the format of results") from None
