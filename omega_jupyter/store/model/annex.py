"""What is kept beside the skops file of a model: arrays, trees, plain data, other codecs' objects.

Arrays are most of a model, and skops holds several copies of each. Here they
are written from where they lie and read into where they stay. The annex is a
text with a line for each object, and the bytes of the arrays behind it, in the
order of the lines:

    a[dtype, shape, order]      an array
    O{"shape": …, "items": …}   an array of plain objects
    d…                          plain data, as typed JSON
    t{"args": …, "arrays": …}   a tree of scikit-learn; arrays as above
    o3                          the fourth object that another codec keeps
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.model.beside import Beside
from omega_jupyter.store.payload.payload import Encoded
from omega_jupyter.store.payload.stream import PayloadStream
from omega_jupyter.store.values import typed

__all__ = ["Annex", "read_annex"]

_TREE_STATE = frozenset({"max_depth", "node_count", "nodes", "values"})


class Annex:
    """The objects that are kept beside one skops file, while it is written.

    Attributes
    ----------
    buffers : list of memoryview
        The arrays' bytes; not copied where they are contiguous.
    others : list of (str, Encoded)
        What other codecs keep: the kind, and as they encoded it.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.buffers: list[memoryview] = []
        self.others: list[tuple[str, Encoded]] = []

    def text(self) -> bytes:
        """Return the lines."""
        return "\n".join(self._lines).encode("ascii")

    def add_array(self, array: Any) -> Beside:
        """Keep an array of numbers, text or dates."""
        return self._add("a" + json.dumps(self._array(array), separators=(",", ":")))

    def add_objects(self, array: Any) -> Beside:
        """Keep an array of plain objects.

        Raises
        ------
        Refused
            They are not plain.
        """
        items = {"shape": list(array.shape), "items": array.reshape(-1).tolist()}
        return self._add("O" + typed.dumps(items))

    def add_data(self, value: Any) -> Beside:
        """Keep plain data.

        Raises
        ------
        Refused
            It is not plain.
        """
        return self._add("d" + typed.dumps(value))

    def add_tree(self, tree: Any) -> Beside | None:
        """Keep a tree of scikit-learn; None where it has more than it is known to have."""
        _, (n_features, n_classes, n_outputs), state = tree.__reduce__()
        if set(state) != _TREE_STATE:
            return None
        described = {
            "args": [int(n_features), self._array(n_classes), int(n_outputs)],
            "depth": int(state["max_depth"]),
            "count": int(state["node_count"]),
            "arrays": [self._array(state["nodes"]), self._array(state["values"])],
        }
        return self._add("t" + json.dumps(described, separators=(",", ":")))

    def add_other(self, kind: str, encoded: Encoded) -> Beside:
        """Keep what another codec has encoded."""
        self.others.append((kind, encoded))
        return self._add(f"o{len(self.others) - 1}")

    def _add(self, line: str) -> Beside:
        self._lines.append(line)
        return Beside(len(self._lines) - 1)

    def _array(self, array: Any) -> list[Any]:
        import numpy as np

        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        # In this order also where the elements lie apart: only then they are copied.
        flat = (array.T if order == "F" else np.ascontiguousarray(array)).reshape(-1)
        if array.nbytes:
            # A view of bytes, since not all dtypes have the buffer protocol.
            self.buffers.append(flat.view(np.uint8).data)
        return [_descr(array.dtype), list(array.shape), order]


def read_annex(text: bytes, stream: PayloadStream, others: Sequence[Any]) -> list[Any]:
    """Make the objects again.

    Parameters
    ----------
    text : bytes
        What :meth:`Annex.text` returned.
    stream : PayloadStream
        At the first byte of the first array.
    others : sequence of object
        What other codecs keep, in the order of the writing.

    Raises
    ------
    Invalid
        It is no annex.
    """
    readers: dict[str, Callable[[str], Any]] = {
        "a": lambda line: _read_array(json.loads(line), stream),
        "O": lambda line: _read_objects(typed.loads(line)),
        "d": typed.loads,
        "t": lambda line: _read_tree(json.loads(line), stream),
        "o": lambda line: others[int(line)],
    }
    try:
        lines = text.decode("ascii").split("\n") if text else []
        return [readers[line[:1]](line[1:]) for line in lines]
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise Invalid(f"The stored model can't be read: {error}") from error


def _read_array(described: Any, stream: PayloadStream) -> Any:
    import numpy as np

    descr, shape, order = described
    dtype = _dtype(descr)
    if math.prod(shape) * dtype.itemsize > stream.left:
        raise ValueError("it is shorter than its description says")
    array = np.empty(shape, dtype, order=order)
    if array.nbytes:
        flat = (array.T if order == "F" else array).reshape(-1)
        stream.fill(flat.view(np.uint8).data)
    return array


def _read_objects(described: Any) -> Any:
    import numpy as np

    array = np.empty(described["shape"], object)
    array.reshape(-1)[:] = _loose(described["items"])
    return array


def _loose(items: list[Any]) -> Any:
    """Return the items so that numpy takes none of them apart."""
    import numpy as np

    loose = np.empty(len(items), object)
    for place, item in enumerate(items):
        loose[place] = item
    return loose


def _read_tree(described: Any, stream: PayloadStream) -> Any:
    from sklearn.tree._tree import Tree

    n_features, classes, n_outputs = described["args"]
    n_classes = _read_array(classes, stream)
    if n_classes.shape != (n_outputs,) or n_features < 1:
        # Followed without a check.
        raise ValueError("a tree has not as many outputs as it says")
    tree = Tree(n_features, n_classes, n_outputs)
    nodes, values = (_read_array(array, stream) for array in described["arrays"])
    state = {"max_depth": described["depth"], "node_count": described["count"]}
    tree.__setstate__(state | {"nodes": nodes, "values": values})
    return tree


@functools.lru_cache(maxsize=256)
def _descr(dtype: Any) -> str:
    import numpy as np

    return typed.dumps(np.lib.format.dtype_to_descr(dtype))


@functools.lru_cache(maxsize=256)
def _dtype(descr: str) -> Any:
    import numpy as np

    dtype = np.lib.format.descr_to_dtype(typed.loads(descr))
    if dtype.hasobject:
        raise ValueError(f"an array of dtype {dtype} is made of bytes")
    return dtype
