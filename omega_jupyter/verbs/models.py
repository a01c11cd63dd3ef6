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

__all__ = ["ModelCall"]

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
        kept = {} if result is None else {"result": result}
        task = self._submit(caller, queue, name, data[: 1 if y is None else 2], keywords, kept)
        return task if background else caller.wait(task, timeout)

    def _submit(
        self,
        caller: Caller,
        queue: str | None,
        model: str,
        data: list[Any],
        keywords: Mapping[str, Any],
        kept: Mapping[str, str],
    ) -> OmegaTask:
        runtime = caller.om.runtime if queue is None else caller.om.runtime.require(queue)
        submitted: OmegaTask = getattr(runtime.model(model), self.method)(*data, **keywords, **kept)
        return submitted
