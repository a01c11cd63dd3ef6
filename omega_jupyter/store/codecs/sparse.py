"""scipy's sparse matrices and arrays."""

from __future__ import annotations

from typing import Any

from omega_jupyter.store.codecs.array import describe_array, read_array
from omega_jupyter.store.codecs.codec import Codec, Part, module_of
from omega_jupyter.store.payload import Buffers, Encoded, Source

__all__ = ["SparseCodec"]

# The arrays that each format is made of; the others hold Python objects.
_COMPONENTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}


class SparseCodec(Codec):
    """A sparse matrix or array as the arrays that it is made of."""

    kind = "sparse"

    def accepts(self, obj: Any) -> bool:
        """Accept the formats that are made of arrays, with two dimensions."""
        return (
            module_of(obj) == "scipy"
            and getattr(obj, "format", None) in _COMPONENTS
            and getattr(obj, "ndim", None) == 2
        )

    def encode(self, obj: Any) -> Encoded:
        """Describe each array."""
        described = [describe_array(getattr(obj, name)) for name in _COMPONENTS[obj.format]]
        body = {
            "format": obj.format,
            "class": type(obj).__name__,
            "shape": list(obj.shape),
            "parts": [part for part, _ in described],
        }
        return Encoded(
            type=f"scipy.sparse.{type(obj).__name__}",
            body=body,
            segments=[Buffers([buffer for _, buffer in described])],
            shape=tuple(obj.shape),
        )

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the arrays and make the matrix."""
        import scipy.sparse

        if part.rows is not None and body["format"] == "csr":
            return self.decode(source, body, Part(), what)[: part.rows]
        self.only_whole(part, what)
        arrays = [read_array(source, p, block=block) for block, p in enumerate(body["parts"])]
        suffix = "array" if body["class"].endswith("array") else "matrix"
        make = getattr(scipy.sparse, f"{body['format']}_{suffix}")
        shape = tuple(int(n) for n in body["shape"])
        if body["format"] == "coo":
            return make((arrays[0], (arrays[1], arrays[2])), shape=shape)
        return make(tuple(arrays), shape=shape)
