"""Byte strings, as they are."""

from __future__ import annotations

from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Buffers, Encoded, Source

__all__ = ["BytesCodec"]


class BytesCodec(Codec):
    """bytes, bytearray and memoryview."""

    kind = "bytes"

    def accepts(self, obj: Any) -> bool:
        """Accept the three types themselves."""
        return type(obj) in (bytes, bytearray, memoryview)

    def encode(self, obj: Any) -> Encoded:
        """Store the bytes; of a view also how it looks at them.

        Raises
        ------
        Invalid
            A view looks at its bytes in a way that Python can't make again.
        """
        kind = type(obj).__name__
        body: dict[str, Any] = {"type": kind, "size": len(obj)}
        data = obj
        if isinstance(obj, memoryview):
            body |= {"size": obj.nbytes, "view": _described(obj)}
            data = obj.tobytes()
        return Encoded(type=kind, body=body, segments=[Buffers([data])])

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the bytes."""
        self.only_whole(part, what)
        data = source.buffer(0, 0, int(body["size"]))
        if body["type"] == "bytearray":
            return data
        if body["type"] == "bytes":
            return bytes(data)
        try:
            return _look(bytes(data) if body["view"]["readonly"] else data, body["view"])
        except (TypeError, ValueError) as error:
            raise Invalid(
                f"{what} is a damaged memoryview ({error})",
                hint="put it again from where it came",
            ) from None


def _described(view: memoryview) -> dict[str, Any]:
    described = {
        "format": view.format,
        "shape": list(view.shape or ()),
        "readonly": view.readonly,
    }
    try:
        kept = _look(view.tobytes(), described) == view
    except (TypeError, ValueError):
        kept = False
    if not kept:
        raise Invalid(
            f"A memoryview of format {view.format!r} and shape {view.shape} can't be kept",
            hint="store its bytes: view.tobytes(), or an array: numpy.asarray(view)",
        )
    return described


def _look(data: bytes | bytearray, described: dict[str, Any]) -> memoryview:
    shape = [int(n) for n in described["shape"]]
    view = memoryview(data)
    if described["format"] == "B" and len(shape) == 1:
        return view
    return view.cast("B").cast(described["format"], shape)
