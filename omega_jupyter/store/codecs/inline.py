"""Small objects as bytes or text: the same codecs as in the store, in a record instead."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import codec_for, codec_of_kind
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import InlineSource, pack_inline

__all__ = ["Packed", "decode", "encode", "pack", "unpack"]

LIMIT = 65_536
_WHOLE = Part()


class Packed(NamedTuple):
    """A small object as bytes.

    Attributes
    ----------
    data : bytes
        BSON.
    shape : tuple of int, optional
        Rows and columns, or the array's shape.
    """

    data: bytes
    shape: tuple[int, ...] | None


def pack(obj: Any, limit: int) -> Packed | None:
    """Write a small object as bytes.

    Parameters
    ----------
    obj : object
        Anything that the data sets keep.
    limit : int
        Of its bytes.

    Returns
    -------
    Packed or None
        None where it would be longer than `limit`.

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
    return Packed(data, encoded.shape) if len(data) <= limit else None


def unpack(data: bytes, what: str, part: Part = _WHOLE) -> Any:
    """Make the object again.

    Parameters
    ----------
    data : bytes
        From :func:`pack`.
    what : str
        The object for error messages: ``The result``.
    part : Part
        How it is wanted.

    Raises
    ------
    Invalid
        The bytes are something else.
    """
    import bson

    try:
        document = bson.decode(data)
        kind, body, segments = document["kind"], document["body"], document["segments"]
        return codec_of_kind(kind).decode(InlineSource(segments), body, part, what)
    except (ValueError, LookupError, TypeError, AttributeError, bson.errors.BSONError):
        raise Invalid(f"{what} can't be read: it is not in the format of small objects") from None


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
    packed = pack(obj, limit)
    if packed is None:
        return None
    text = base64.b64encode(packed.data).decode("ascii")
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
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    return unpack(data, "The result")
