"""What skops does with the values of a type, told from the type."""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Iterable
from typing import Any

__all__ = [
    "SCALARS",
    "SKOPS_ERRORS",
    "comes_back",
    "has_plain_state",
    "is_flat",
    "is_found",
    "is_named_tuple",
]

# What JSON keeps.
SCALARS = frozenset({type(None), bool, int, float, str})

_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})

# What skops, and the types of others under its hands, raise.
SKOPS_ERRORS = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.PickleError,
)


_QUIET = sys.stdlib_module_names | {"pandas", "pyarrow", "polars"}


@functools.cache
def has_plain_state(kind: type) -> bool:
    """Say whether all of an object of this type is in its ``__dict__``."""
    from sklearn.base import BaseEstimator

    plain = {
        "__reduce_ex__": (object.__reduce_ex__,),
        "__reduce__": (object.__reduce__,),
        "__getstate__": (object.__getstate__, BaseEstimator.__getstate__),
    }
    if any(getattr(kind, name) not in known for name, known in plain.items()):
        return False
    if any(getattr(base, "__slots__", ()) for base in kind.__mro__):
        return False
    try:
        return hasattr(object.__new__(kind), "__dict__")
    except TypeError:
        # It is made of something that is written in C.
        return False


def is_flat(items: Iterable[Any]) -> bool:
    """Say whether all items are single values that typed JSON keeps."""
    from omega_jupyter.store.codecs.data import DataCodec

    plain = DataCodec()
    kinds = {type(item): item for item in items}
    return all(
        kind in SCALARS or (kind not in _CONTAINERS and plain.accepts(item))
        for kind, item in kinds.items()
    )


def is_found(named: Any) -> bool:
    """Say whether a class or function is what its module has under its name."""
    module, name = getattr(named, "__module__", None), named.__name__
    if module is None:
        # Such as ``random.random``, a method of a hidden object.
        return any(getattr(m, name, None) is named for m in list(sys.modules.values()))
    return getattr(sys.modules.get(module), name, None) is named


def is_named_tuple(kind: type) -> bool:
    """Say whether skops makes this named tuple again."""
    return kind.__bases__ == (tuple,) and isinstance(getattr(kind, "_fields", None), tuple)


def comes_back(value: Any) -> bool:
    """Say whether skops can write a value and, where that runs no user's code, read it."""
    import skops.io

    try:
        data = skops.io.dumps(value)
        if type(value).__module__.partition(".")[0] not in _QUIET:
            return True
        found = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    except SKOPS_ERRORS:
        return False
    return type(found) is type(value)
