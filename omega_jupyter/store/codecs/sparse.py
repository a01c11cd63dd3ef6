"""scipy's sparse matrices and arrays."""

from __future__ import annotations

from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.array import describe_array, read_array
from omega_jupyter.store.codecs.codec import Codec, module_of
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Buffers, Encoded, Source

__all__ = ["SparseCodec"]

# The arrays that each format is made of, behind the values; lil and dok hold Python objects.
_COMPONENTS = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("coords",),
    "dia": ("offsets",),
}
# What Python, numpy and scipy raise where a description is made up.
_NO_MATRIX = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# What scipy would find out again by looking at all of the indices.
_FLAGS = ("has_sorted_indices", "has_canonical_format")


class SparseCodec(Codec):
    """A sparse matrix or array as the arrays that it is made of, in their order."""

    kind = "sparse"

    def accepts(self, obj: Any) -> bool:
        """Accept all formats; those that hold objects, to say what to do."""
        return module_of(obj) == "scipy" and hasattr(obj, "format") and hasattr(obj, "tocoo")

    def encode(self, obj: Any) -> Encoded:
        """Describe each array.

        Raises
        ------
        Invalid
            It is in a format for building a matrix.
        """
        kind = type(obj).__name__
        if obj.format not in _COMPONENTS or (obj.ndim != 2 and obj.format != "coo"):
            dimensions = "" if obj.ndim == 2 else f" of {obj.ndim} dimensions"
            target = "tocsr" if obj.ndim == 2 else "tocoo"
            raise Invalid(
                f"A {kind}{dimensions} can't be stored in its format",
                hint=f"store it as obj.{target}(), which holds the same numbers",
            )
        described = [describe_array(part) for part in _parts(obj)]
        body = {
            "format": obj.format,
            "class": kind,
            "shape": list(obj.shape),
            "parts": [part for part, _ in described],
            "flags": {name: bool(getattr(obj, name)) for name in _FLAGS if _knows(obj, name)},
        }
        return Encoded(
            type=f"scipy.sparse.{kind}",
            body=body,
            segments=[Buffers([buffer for _, buffer in described])],
            shape=tuple(obj.shape),
        )

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the arrays and make the matrix.

        Raises
        ------
        Invalid
            A place is outside of it, or its arrays don't make a matrix.
        """
        rows = part.rows if body["format"] == "csr" else None
        if rows is None:
            self.only_whole(part, what)
        try:
            arrays = [read_array(source, p, block=block) for block, p in enumerate(body["parts"])]
            matrix = _made(body, arrays)
            _check(matrix, what)
            for name, value in body["flags"].items():
                setattr(matrix, name, value)
            return matrix if rows is None else matrix[:rows]
        except _NO_MATRIX as error:
            raise _unsound(what, f"no matrix can be made of it ({error})") from error


def _knows(obj: Any, flag: str) -> bool:
    return hasattr(type(obj), flag) or flag in vars(obj)


def _parts(obj: Any) -> list[Any]:
    if obj.format == "coo":
        return [obj.data, *obj.coords]
    return [obj.data, *(getattr(obj, name) for name in _COMPONENTS[obj.format])]


def _made(body: dict[str, Any], arrays: list[Any]) -> Any:
    """Make the matrix of its arrays; scipy itself would narrow the indices."""
    import scipy.sparse

    suffix = "array" if body["class"].endswith("array") else "matrix"
    make = getattr(scipy.sparse, f"{body['format']}_{suffix}")
    shape = tuple(int(n) for n in body["shape"])
    data, *others = arrays
    if body["format"] == "coo":
        matrix = make((data, tuple(others)), shape=shape)
        matrix.coords = tuple(others)
        return matrix
    matrix = make((data, *others), shape=shape)
    for name, array in zip(_COMPONENTS[body["format"]], others, strict=True):
        setattr(matrix, name, array)
    return matrix


def _check(matrix: Any, what: str) -> None:
    """Refuse a matrix whose places are outside of it: scipy follows them unchecked."""
    # The other formats scipy looks at itself.
    if matrix.format in ("csr", "csc", "bsr") and not _compressed_is_sound(matrix):
        raise _unsound(what, "its places point outside of it")


def _unsound(what: str, why: str) -> Invalid:
    """Make the error for a sparse matrix that is not sound."""
    return Invalid(
        f"{what} is a damaged sparse matrix: {why}",
        hint="put it again from where it came",
    )


def _compressed_is_sound(matrix: Any) -> bool:
    """Look at the numbers of csr, csc and bsr."""
    rows, columns = matrix.shape
    if matrix.format == "bsr":
        height, width = matrix.data.shape[1:]
        rows, columns = rows // max(height, 1), columns // max(width, 1)
    outer, inner = (columns, rows) if matrix.format == "csc" else (rows, columns)
    starts, places = matrix.indptr, matrix.indices
    return bool(
        len(starts) == outer + 1
        and starts[0] == 0
        and starts[-1] <= min(len(places), len(matrix.data))
        and (starts[1:] >= starts[:-1]).all()
        and (not len(places) or (places.min() >= 0 and places.max() < inner))
    )
