"""numpy arrays of every dtype but object."""

from __future__ import annotations

from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store import typed
from omega_jupyter.store.codecs.codec import Codec, Part, module_of
from omega_jupyter.store.payload import Buffers, Encoded, Source

__all__ = ["ArrayCodec", "describe_array", "read_array"]


class ArrayCodec(Codec):
    """An array as its raw bytes; 0-d, empty, structured and Fortran order too."""

    kind = "array"

    def accepts(self, obj: Any) -> bool:
        """Accept ndarray itself and memory maps, which are arrays on a disk."""
        return module_of(obj) == "numpy" and type(obj).__name__ in ("ndarray", "memmap")

    def encode(self, obj: Any) -> Encoded:
        """Describe the array; its bytes are not copied where they are contiguous."""
        body, buffer = describe_array(obj)
        return Encoded(
            type="numpy.ndarray",
            body=body,
            segments=[Buffers([buffer])],
            shape=tuple(obj.shape),
            columns=None,
        )

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the array, or its first rows."""
        if part.rows is not None:
            rows, part = part.rows, Part()
            if body["order"] == "C" and body["shape"] and "descr" in body:
                return read_array(source, body, rows=rows)
            return read_array(source, body)[:rows] if body["shape"] else read_array(source, body)
        self.only_whole(part, what)
        return read_array(source, body)


def describe_array(array: Any) -> tuple[dict[str, Any], Any]:
    """Return an array's description and its bytes.

    Raises
    ------
    Invalid
        It holds Python objects.
    """
    import numpy as np

    shape = list(array.shape)
    if array.dtype.kind == "T":
        return _describe_strings(array)
    if array.dtype.hasobject:
        raise Invalid(
            "An array of Python objects can't be stored",
            hint="store a DataFrame, a list, or an array of numbers or text",
        )
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = (array.T if order == "F" else np.ascontiguousarray(array)).reshape(-1)
    descr = typed.dumps(np.lib.format.dtype_to_descr(array.dtype))
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
    dtype = np.lib.format.descr_to_dtype(typed.loads(body["descr"]))
    shape = [int(n) for n in body["shape"]]
    if rows is not None:
        shape[0] = min(max(rows, 0), shape[0])
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
    return np.array(values, dtype=dtype).reshape([int(n) for n in body["shape"]])
