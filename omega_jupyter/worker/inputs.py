"""What one call on a worker reads: a model and data sets, each one version."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.staging import unpacked
from omega_jupyter.store.codecs.codec import module_of
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.internal import shown
from omega_jupyter.store.names.names import ObjectName
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.size import memory_of, memory_of_model

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.worker.cache import VersionCache

__all__ = ["CallInputs"]

_LIBRARIES = ("builtins", "numpy", "sklearn")


class CallInputs:
    """The model and the data of one call, from the cache or the store.

    Parameters
    ----------
    om : Omega
    arguments : dict
        As :func:`omega_jupyter.runtime.arguments.pinned` makes them.
    carried : mapping
        The data that came with the task's record, by role; the rest is in the store.
    cache : VersionCache

    Attributes
    ----------
    params : dict
        The keywords that are plain JSON.
    model_ref : str
        The version of the model, ``name@version``.
    data : dict of str to str
        The versions of X and, where it was given, y.
    """

    def __init__(
        self,
        om: Omega,
        arguments: dict[str, Any],
        carried: Mapping[str, bytes],
        cache: VersionCache,
    ) -> None:
        self._om = om
        self._carried = carried
        self._cache = cache
        self.params: dict[str, Any] = arguments["params"]
        self.model_ref: str = arguments["model"]
        self.data: dict[str, str] = {
            role: arguments[role] for role in ("X", "y") if arguments.get(role) is not None
        }
        self._shapes: dict[str, tuple[int, ...] | None] = {}
        self._keywords: dict[str, str] = arguments.get("keywords", {})
        self._choices: dict[str, dict[str, Any]] = arguments.get("choices", {})

    @property
    def inputs(self) -> dict[str, str]:
        """What it reads, by role, as users are told of it: versions, and what was passed."""
        return {"model": self.model_ref, **self._shown(self.data | self._keywords)}

    def estimator(self) -> Any:
        """Return the stored estimator, shared with other calls: never fit this one."""
        return self._cached("models", self.model_ref, self._load_model)

    def own_estimator(self) -> Any:
        """Return a copy of the stored estimator that this call may fit."""
        return copy.deepcopy(self.estimator())

    def keep(self, estimator: Any, published: Metadata) -> None:
        """Keep an estimator that was just published: who uses it next need not load it.

        Only where it is made of scikit-learn's own parts: those of others may come out of
        the store with less than they went in with.
        """
        if _is_of_scikit_learn(estimator):
            size = memory_of_model(estimator, published.size)
            self._cached("models", published.ref, lambda _: (estimator, size))

    def arrays(self) -> tuple[Any, ...]:
        """Return X and, where it was given, y: copies that an estimator may overwrite."""
        return tuple(self._array(role, ref) for role, ref in self.data.items())

    def keywords(self) -> dict[str, Any]:
        """Return the keywords of the method, with copies of the data that is among them."""
        return {**self.params, **self.data_keywords()}

    def data_keywords(self) -> dict[str, Any]:
        """Return those keywords that are stored data: copies."""
        return {name: self._array(name, ref) for name, ref in self._keywords.items()}

    def resolved(self, store: str, ref: str) -> Metadata:
        """Find a version, also one that was removed while the task was waiting."""
        return Catalog(self._om.mongo_url).resolve([(store, ref)], removed=True)[0]

    def _shown(self, refs: Mapping[str, str]) -> dict[str, str]:
        return {role: shown(ref, self._shapes.get(role)) for role, ref in refs.items()}

    def _array(self, role: str, ref: str) -> Any:
        found = self._read(role, ref)
        self._shapes[role] = getattr(found, "shape", None)
        return found

    def _read(self, role: str, ref: str) -> Any:
        if role in self._carried:
            # Used once, and made anew for that: no other call shares it.
            return unpacked(self._carried[role], role)
        choice = self._choices.get(role)
        if choice is None:
            return _private(self._cached("datasets", ref, self._load_data))
        key = f"{ref} {json.dumps(choice, sort_keys=True)}"
        return _private(self._cached("datasets", key, lambda _: self._load_choice(ref, choice)))

    def _load_choice(self, ref: str, choice: dict[str, Any]) -> tuple[Any, int]:
        loaded = self._om.datasets.getl_version(self.resolved("datasets", ref)).chosen(choice)
        value = loaded.value
        return value, memory_of(value)

    def _load_model(self, ref: str) -> tuple[Any, int]:
        metadata = self.resolved("models", ref)
        model = self._om.models.get_version(metadata)
        return model, memory_of_model(model, metadata.size)

    def _load_data(self, ref: str) -> tuple[Any, int]:
        name = ObjectName.parse(ref)
        metadata = self.resolved("datasets", ref)
        loaded = self._om.datasets.get_version(
            metadata, columns=name.columns, exclude=name.exclude, as_put=True
        )
        return loaded, memory_of(loaded)

    def _cached(self, store: str, ref: str, load: Callable[[str], tuple[Any, int]]) -> Any:
        key = (self._om.mongo_url, store, ref)
        return self._cache.get(key, lambda: patiently(lambda: load(ref)))


def _is_of_scikit_learn(value: Any) -> bool:
    """Say whether an estimator, and what it has as parameters, is of scikit-learn or plain."""
    if module_of(value) not in _LIBRARIES:
        return False
    if isinstance(value, list | tuple):
        return all(map(_is_of_scikit_learn, value))
    if isinstance(value, dict):
        return all(map(_is_of_scikit_learn, value.values()))
    if isinstance(value, type) or not hasattr(value, "get_params"):
        return True
    return all(map(_is_of_scikit_learn, value.get_params(deep=False).values()))


def _private(data: Any) -> Any:
    """Return a copy that is safe to overwrite; pandas copies on write by itself."""
    if hasattr(data, "iloc"):
        return data.copy(deep=False)
    if module_of(data) == "pandas":
        # An array of pandas shares its memory with what copy.copy() makes of it.
        return data.copy()
    return copy.copy(data)
