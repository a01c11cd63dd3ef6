"""A model taken apart: its structure for skops, and all the rest for an annex.

skops keeps classes and attributes, and knows of each type whether it is safe.
What is large, what skops would change, and what another codec keeps better goes
into the annex, and :class:`Beside` stands in its place. The model itself is not
changed: what holds something else than before is a copy.
"""

from __future__ import annotations

import copy
import enum
import functools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NoReturn

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.codecs.data import DataCodec
from omega_jupyter.store.model.annex import Annex
from omega_jupyter.store.model.attached import codec_beside
from omega_jupyter.store.model.kinds import (
    SCALARS,
    comes_back,
    has_plain_state,
    is_flat,
    is_found,
    is_named_tuple,
)
from omega_jupyter.store.model.place import Step, cannot_store
from omega_jupyter.store.model.placed import PlacedSegment
from omega_jupyter.store.values import typed

__all__ = ["Outline"]

# Longer plain lists and dicts go into the annex: skops makes a node of each item.
_LONG = 64
# What skops itself keeps well, whatever is in it.
_SKOPS_OWN = frozenset({"sklearn", "numpy", "scipy"})

_PLAIN = DataCodec()


class Outline:
    """The structure of a model, and what is kept beside it.

    Parameters
    ----------
    model : estimator
        Not changed.

    Attributes
    ----------
    root : object
        For skops.
    annex : Annex
        What :class:`Beside` stands for in it.
    packages : set of str
        The packages whose types the model holds.

    Raises
    ------
    Invalid
        Something in it can't be kept; the message says where it is and what.
    """

    def __init__(self, model: Any) -> None:
        self.annex = Annex()
        self.packages: set[str] = set()
        self._model = model
        self._steps: list[Step] = []
        # By id; the originals are held, so that no id is used twice. None: not done yet.
        self._done: dict[int, Any] = {}
        self._held: list[Any] = []
        try:
            self.root = self._visit(model)
        except RecursionError:
            self._refuse(model, ", which is nested too deeply")

    def _visit(self, value: Any) -> Any:
        """Return the value, or what stands for it."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if id(value) in self._done:
            done = self._done[id(value)]
            if done is None:
                self._refuse(value, ", which contains itself")
            return done
        self._done[id(value)] = None
        self._held.append(value)
        self.packages.add(kind.__module__.partition(".")[0])
        try:
            found = self._kept(value, kind)
        except typed.Refused as error:
            self._refuse(value, f", which {error}")
        self._done[id(value)] = found
        return found

    def _kept(self, value: Any, kind: type) -> Any:  # noqa: PLR0911 - one line a sort of value
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, value)
        package = kind.__module__.partition(".")[0]
        if package == "numpy":
            return self._numpy(value)
        if _PLAIN.accepts(value):
            return self.annex.add_data(value)
        if package == "sklearn":
            if kind.__name__ == "Tree":
                return self.annex.add_tree(value) or value
        elif (codec := codec_beside(value)) is not None:
            return self._other(codec, value)
        if isinstance(value, type):
            return self._named(value)
        if isinstance(value, str | int | float | bytes | enum.Enum | Iterator):
            # skops would write what it derives from, a number or a text, or an empty one.
            self._refuse(value)
        if isinstance(value, dict):
            return self._dict(value)
        if isinstance(value, list):
            return self._list(value)
        if is_named_tuple(kind):
            return self._tuple(value)
        return self._object(value, kind)

    # -- containers ------------------------------------------------------------

    def _dict(self, value: dict[Any, Any]) -> Any:
        kind = type(value)
        texts = all(type(key) is str for key in value)
        if kind is dict and (len(value) > _LONG or not texts) and is_flat(value.values()):
            return self.annex.add_data(value)
        if not texts:
            self._check_keys(value)
        changed = self._changed(value, "key", value.items())
        if not changed:
            return value
        replaced = copy.copy(value)
        for key, item in changed.items():
            replaced[key] = item
        return replaced

    def _list(self, value: list[Any]) -> Any:
        if type(value) is list and len(value) > _LONG and is_flat(value):
            return self.annex.add_data(value)
        changed = self._changed(value, "item", enumerate(value))
        if not changed:
            return value
        replaced = copy.copy(value)
        for place, item in changed.items():
            replaced[place] = item
        return replaced

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        kind = type(value)
        if kind is tuple and len(value) > _LONG and is_flat(value):
            return self.annex.add_data(value)
        changed = self._changed(value, "item", enumerate(value))
        if not changed:
            return value
        items = [changed.get(place, item) for place, item in enumerate(value)]
        return tuple(items) if kind is tuple else kind._make(items)  # type: ignore[attr-defined]  # a named tuple

    def _set(self, value: Any) -> Any:
        return self._data(value) or type(value)(map(self._visit, value))

    def _object_array(self, value: Any) -> Any:
        if is_flat(value.flat):
            return self.annex.add_objects(value)
        if value.ndim != 1 and any(hasattr(item, "__len__") for item in value.flat):
            self._refuse(value, f" of {value.ndim} dimensions, which hold sequences")
        changed = self._changed(value, "item", enumerate(value.flat))
        if not changed:
            return value
        replaced = value.copy()
        for place, item in changed.items():
            replaced.flat[place] = item
        return replaced

    def _check_keys(self, value: dict[Any, Any]) -> None:
        """Refuse keys that skops, which writes them as text, would change or drop."""
        import numpy as np

        # Its default dict is made of keywords.
        whole: tuple[type, ...] = (str, int, float, np.integer, np.floating, np.str_)
        if isinstance(value, defaultdict):
            whole = (str,)
        for key in value:
            if not isinstance(key, whole) or isinstance(key, bool):
                self._refuse(value, f" with the key {key!r}, which would come back as text")
        if len({str(key) for key in value}) < len(value):
            self._refuse(value, " with keys that differ in nothing but their type")

    # -- other values ----------------------------------------------------------

    def _numpy(self, value: Any) -> Any:
        import numpy as np

        if type(value) in (np.ndarray, np.memmap):
            if value.dtype.kind == "O":
                return self._object_array(np.asarray(value))
            if value.dtype.kind != "T" and not value.dtype.hasobject:
                return self.annex.add_array(np.asarray(value))
            codec = codec_beside(value)
            return self._other(codec, value) if codec is not None else value
        if isinstance(value, np.generic):
            return self._data(value) or value
        if type(value) is np.ma.MaskedArray and value.dtype.kind == "O":
            return np.ma.MaskedArray(self._object_array(value.data), value.mask)
        return value

    def _data(self, value: Any) -> Any:
        """Keep plain data in the annex; None where it is not plain."""
        try:
            return self.annex.add_data(value)
        except typed.Refused:
            return None

    def _other(self, codec: Codec, value: Any) -> Any:
        steps = list(self._steps)

        def refusal(error: Invalid) -> Invalid:
            return cannot_store(self._model, steps, value, f": {error.message}")

        try:
            encoded = codec.encode(value)
        except Invalid as error:
            raise refusal(error) from error
        # Tables find out while they are written.
        encoded.segments = [PlacedSegment(segment, refusal) for segment in encoded.segments]
        return self.annex.add_other(codec.kind, encoded)

    def _named(self, value: Any) -> Any:
        """Check that a class or function is found again by its name."""
        if not is_found(value):
            self._refuse(value)
        return value

    def _as_it_is(self, value: Any) -> Any:
        return value

    def _partial(self, value: functools.partial[Any]) -> Any:
        func, args, keywords = (self._visit(v) for v in (value.func, value.args, value.keywords))
        if func is value.func and args is value.args and keywords is value.keywords:
            return value
        return functools.partial(func, *args, **keywords)

    def _object(self, value: Any, kind: type) -> Any:
        package = kind.__module__.partition(".")[0]
        if package not in _SKOPS_OWN and not is_found(kind):
            own = package in sys.stdlib_module_names or "<locals>" in kind.__qualname__
            self._refuse(value if own else kind)
        if not has_plain_state(kind):
            if package not in _SKOPS_OWN and not comes_back(value):
                self._refuse(value)
            return value
        state = vars(value)
        changed = self._changed(value, "attribute", state.items())
        if not changed:
            return value
        replaced: Any = object.__new__(kind)
        replaced.__dict__.update(state)
        replaced.__dict__.update(changed)
        return replaced

    # -- the way ---------------------------------------------------------------

    def _changed(self, owner: Any, kind: str, items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        """Visit the parts of a value; return those that something else stands for."""
        changed = {}
        for key, item in items:
            if type(item) in SCALARS:
                continue
            self._steps.append(Step(owner, kind, key))
            found = self._visit(item)
            self._steps.pop()
            if found is not item:
                changed[key] = found
        return changed

    def _refuse(self, value: Any, why: str = "") -> NoReturn:
        raise cannot_store(self._model, self._steps, value, why)


_HANDLERS: dict[type, Callable[[Outline, Any], Any]] = {
    dict: Outline._dict,
    list: Outline._list,
    tuple: Outline._tuple,
    set: Outline._set,
    frozenset: Outline._set,
    FunctionType: Outline._named,
    BuiltinFunctionType: Outline._named,
    MethodType: Outline._as_it_is,
    functools.partial: Outline._partial,
    type: Outline._named,
}
