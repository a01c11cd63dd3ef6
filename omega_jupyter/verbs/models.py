"""Verbs that run a model's methods on a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_jupyter.verbs.data import data_arguments, model_argument
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.runtime.task import OmegaTask
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["ModelCall", "SearchCall"]

# Keywords of a search that are no parameters of the model.
_DATA = ("sample_weight", "groups")

_BY_PLACE = {
    "X": "X is given by its place: {verb} MODEL X",
    "y": "y is given by its place: {verb} MODEL X y",
    "result": "--result NAME keeps the output",
    "self": "{verb} -h",
}


@dataclass(frozen=True)
class ModelCall:
    """The function of a verb that calls the model's method of the same name.

    Attributes
    ----------
    method : str
        A method of :class:`~omega_jupyter.runtime.model.OmegaModelProxy`.
    """

    method: str

    def __call__(
        self,
        caller: Caller,
        model: Word,
        X: Word,
        y: Word | None = None,
        *,
        background: bool,
        queue: str | None,
        timeout: float | None,
        keywords: Mapping[str, Any],
        result: str | None = None,
        time_limit: float | None = None,
    ) -> Any:
        """Submit the call, then wait for its value, or return its task at once."""
        if background and timeout is not None:
            raise UsageError("--timeout is for waiting, and -b does not wait")
        for name in keywords.keys() & _BY_PLACE.keys():
            raise UsageError(
                f"{name}= can't be a keyword of {self.method}",
                hint=_BY_PLACE[name].format(verb=f"{caller.prefix} {self.method}"),
            )
        name = model_argument(caller, model)
        data = data_arguments(caller, X, y)
        kept: dict[str, Any] = {} if result is None else {"result": result}
        if time_limit is not None:
            kept["time_limit"] = time_limit
        task = self._submit(caller, queue, name, data[: 1 if y is None else 2], keywords, kept)
        return task if background else caller.wait(task, timeout)

    def _submit(
        self,
        caller: Caller,
        queue: str | None,
        model: str,
        data: list[Any],
        keywords: Mapping[str, Any],
        kept: Mapping[str, Any],
    ) -> OmegaTask:
        runtime = caller.om.runtime if queue is None else caller.om.runtime.require(queue)
        submitted: OmegaTask = getattr(runtime.model(model), self.method)(*data, **keywords, **kept)
        return submitted


class SearchCall(ModelCall):
    """The function of the verb that looks for the best parameters."""

    def __call__(
        self,
        caller: Caller,
        model: Word,
        X: Word,
        y: Word | None = None,
        *,
        keywords: Mapping[str, Any],
        cv: int | None = None,
        scoring: str | None = None,
        n_iter: int | None = None,
        random_state: int | None = None,
        **waiting: Any,
    ) -> Any:
        """Submit the search, then wait for what it finds, or return its task at once."""
        grid = {name: _values(value) for name, value in keywords.items() if name not in _DATA}
        data = {name: value for name, value in keywords.items() if name in _DATA}
        options = {
            "param_grid": grid or None,
            "cv": cv,
            "scoring": scoring,
            "n_iter": n_iter,
            "random_state": random_state,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return super().__call__(caller, model, X, y, keywords=data | given, **waiting)


def _values(value: Any) -> Any:
    """Return the values to try: a single one is tried alone."""
    several = isinstance(value, list | tuple | dict) or hasattr(value, "rvs")
    several = several or hasattr(value, "__array__")
    return value if several else [value]
