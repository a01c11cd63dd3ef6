"""numpy arrays, and numpy's own subclasses; of objects those that hold plain Python data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import prod
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Buffers, Encoded, Source
from omega_jupyter.store.values import typed
from omega_jupyter.store.values.dtype import describe_dtype, read_dtype

__all__ = ["ArrayCodec", "describe_array", "read_array"]

# Classes that are a view of an array and nothing else.
_VIEWS = ("matrix", "recarray")


class ArrayCodec(Codec):
    """An array as its raw bytes; 0-d, empty, structured and Fortran order too."""

    kind = "array"

    def accepts(self, obj: Any) -> bool:
        """Accept every array; subclasses that would be lost, to say so."""
        return "numpy" in sys.modules and isinstance(obj, sys.modules["numpy"].ndarray)

    def encode(self, obj: Any) -> Encoded:
        """Describe the array; its bytes are not copied where they are contiguous.

        Raises
        ------
        Invalid
            It holds objects that are no plain data, or is of a class that adds something
            to an array.
        """
        import numpy as np

        kind = type(obj)
        if kind is np.ma.MaskedArray:
            return self._encode_masked(obj)
        if kind not in (np.ndarray, np.memmap, np.matrix, np.recarray):
            raise Invalid(
                f"A {kind.__module__}.{kind.__qualname__} is more than an array, and would come "
                "back as one",
                hint="np.asarray(obj) is the plain array",
            )
        body, buffer = describe_array(np.asarray(obj))
        name = kind.__name__ if kind.__name__ in _VIEWS else "ndarray"
        if name in _VIEWS:
            body["class"] = name
        return Encoded(
            type=f"numpy.{name}", body=body, segments=[Buffers([buffer])], shape=tuple(obj.shape)
        )

    def _encode_masked(self, array: Any) -> Encoded:
        import numpy as np

        if array.baseclass is not np.ndarray:
            raise Invalid(
                f"A masked array over a {array.baseclass.__name__} can't be kept",
                hint="np.ma.array(np.asarray(obj.data), mask=obj.mask) is one over an array",
            )
        body, data = describe_array(array.data)
        buffers = [data]
        body |= {"class": "MaskedArray", "hard": bool(array.hardmask)}
        fill, usual = np.asarray(array.fill_value), np.ma.default_fill_value(array)
        extras = {"mask": np.ma.getmask(array), "fill": np.ma.nomask if fill == usual else fill}
        for name, extra in extras.items():
            if extra is not np.ma.nomask:
                described, buffer = describe_array(extra)
                body[name] = described | {"block": len(buffers)}
                buffers.append(buffer)
        return Encoded(
            type="numpy.ma.MaskedArray",
            body=body,
            segments=[Buffers(buffers)],
            shape=tuple(array.shape),
        )

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the array, or its first rows."""
        if part.rows is None:
            self.only_whole(part, what)
            return self._whole(source, body)
        plain = body["order"] == "C" and body["shape"] and "descr" in body and "class" not in body
        if plain:
            return read_array(source, body, rows=part.rows)
        array = self._whole(source, body)
        return array[: part.rows] if body["shape"] else array

    def _whole(self, source: Source, body: dict[str, Any]) -> Any:
        import numpy as np

        array = read_array(source, body)
        if body.get("class") in _VIEWS:
            return array.view(getattr(np, body["class"]))
        if body.get("class") != "MaskedArray":
            return array
        mask, fill = (
            read_array(source, body[name], block=body[name]["block"]) if name in body else None
            for name in ("mask", "fill")
        )
        return np.ma.MaskedArray(
            array,
            mask=np.ma.nomask if mask is None else mask,
            fill_value=fill,
            hard_mask=body["hard"],
        )


def describe_array(array: Any) -> tuple[dict[str, Any], Any]:
    """Return an array's description and its bytes.

    Raises
    ------
    Invalid
        It holds objects that are no plain data.
    """
    import numpy as np

    shape = list(array.shape)
    if array.dtype.kind == "T":
        return _describe_strings(array)
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = (array.T if order == "F" else np.ascontiguousarray(array)).reshape(-1)
    if array.dtype == object:
        data = _objects(flat)
        return {"objects": True, "shape": shape, "order": order, "size": len(data)}, data
    if array.dtype.hasobject:
        raise Invalid(
            "A structured array with fields of objects can't be stored",
            hint="pd.DataFrame(array) can, or fields of numbers and text",
        )
    descr = typed.dumps(describe_dtype(array.dtype))
    body = {"descr": descr, "shape": shape, "order": order, "size": array.nbytes}
    # A view of bytes, since not all dtypes have the buffer protocol.
    return body, flat.view(np.uint8).data if array.nbytes else b""


def read_array(
    source: Source,
    body: dict[str, Any],
    *,
    segment: int = 0,
    block: int = 0,
    rows: int | None = None,
) -> Any:
    """Read an array again, of C order only its first rows if wanted."""
    import numpy as np

    if "text" in body:
        return _read_strings(source, body, segment, block)
    if "objects" in body:
        return _read_objects(source, body, segment, block)
    dtype = read_dtype(typed.loads(body["descr"]))
    shape = [int(n) for n in body["shape"]]
    if rows is not None:
        shape[0] = min(max(rows, 0), shape[0])
    # Before there is room for it: a damaged number may ask for more than any memory has.
    size, whole = int(body["size"]), [int(n) for n in body["shape"]]
    # numpy refuses also what is empty where the other lengths are beyond all measure.
    most = prod(max(n, 1) for n in whole) * max(dtype.itemsize, 1)
    if min(whole, default=0) < 0 or most > sys.maxsize or prod(whole) * dtype.itemsize != size:
        raise _unsound(body)
    source.prove(segment, block, size)
    array = np.empty(shape, dtype, order=body["order"])
    if array.nbytes:
        flat = (array.T if body["order"] == "F" else array).reshape(-1).view(np.uint8)
        source.fill(flat.data, segment, block, body["size"])
    return array


def _describe_strings(array: Any) -> tuple[dict[str, Any], Any]:
    """Describe numpy's variable-width strings, which have no bytes of their own."""
    missing = getattr(array.dtype, "na_object", None)
    text = {"has_na": hasattr(array.dtype, "na_object"), "coerce": bool(array.dtype.coerce)}
    data = typed.dumps([missing, array.reshape(-1).tolist()]).encode("ascii")
    return {"text": text, "shape": list(array.shape), "order": "C", "size": len(data)}, data


def _read_strings(source: Source, body: dict[str, Any], segment: int, block: int) -> Any:
    import numpy as np

    missing, values = typed.loads(bytes(source.buffer(segment, block, body["size"])))
    options: dict[str, Any] = {"coerce": body["text"]["coerce"]}
    if body["text"]["has_na"]:
        options["na_object"] = missing
    dtype = np.dtypes.StringDType(**options)
    return _shaped(np.array(values, dtype=dtype), body)


def _unsound(body: Mapping[str, Any]) -> Invalid:
    """Make the error for an array that can't be as it is described."""
    return Invalid(
        f"A stored array of {body['size']} bytes can't have the shape {body['shape']}",
        hint="it was made up, or changed; put it again from where it came",
    )


def _objects(flat: Any) -> bytes:
    """Write an array of objects, such as the labels that a classifier predicts."""
    try:
        return typed.dumps(flat.tolist()).encode("ascii")
    except typed.Refused as error:
        raise Invalid(
            f"The array {error}, which can't be stored",
            hint="arrays of numbers, text and other plain Python data can",
        ) from None


def _read_objects(source: Source, body: dict[str, Any], segment: int, block: int) -> Any:
    import numpy as np

    values = typed.loads(bytes(source.buffer(segment, block, body["size"])))
    flat = np.empty(len(values), dtype=object)
    # Item by item: numpy would take lists of equal length for a second dimension.
    for place, value in enumerate(values):
        flat[place] = value
    return _shaped(flat, body)


def _shaped(flat: Any, body: Mapping[str, Any]) -> Any:
    shape = [int(n) for n in body["shape"]]
    if prod(shape) != flat.size:
        raise _unsound(body)
    return flat.reshape(shape, order=body["order"])
