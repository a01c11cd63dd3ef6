"""One call on a worker: how far it is, and what it leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from omega_jupyter.errors import Invalid, OmegaError
from omega_jupyter.runtime.outcome import Outcome
from omega_jupyter.store.codecs import inline
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.internal import RESULTS
from omega_jupyter.store.names.names import ObjectName
from omega_jupyter.store.names.succession import Succession
from omega_jupyter.worker.cores import SharedThreads
from omega_jupyter.worker.inputs import CallInputs
from omega_jupyter.worker.patience import patiently
from omega_jupyter.worker.progress.following import followed

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega
    from omega_jupyter.runtime.attempt import Attempt
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.worker.cache import VersionCache
    from omega_jupyter.worker.cancellation import Cancellation

__all__ = ["Call"]


class Call(CallInputs):
    """One call of one estimator method.

    Parameters
    ----------
    om : Omega
        Re-created from the ``mongo_url`` that came with the task.
    attempt : Attempt
        Its task's id is also the key that makes publishing harmless the second time.
    arguments : dict
        As :func:`omega_jupyter.runtime.arguments.pinned` makes them; ``result``: a
        name or None.
    carried : mapping
        The data that came with the task's record.
    cache : VersionCache
    cancellation : Cancellation
        Whether it is to stop.
    """

    def __init__(
        self,
        om: Omega,
        attempt: Attempt,
        arguments: dict[str, Any],
        carried: Mapping[str, bytes],
        cache: VersionCache,
        cancellation: Cancellation,
    ) -> None:
        super().__init__(om, arguments, carried, cache)
        self._attempt = attempt
        self._task_id = attempt.task_id
        self._cancellation = cancellation
        self._result: str | None = arguments["result"]

    def method(self, estimator: Any, name: str) -> Callable[..., Any]:
        """Return a method of the estimator.

        Raises
        ------
        Invalid
            It has none of that name; the hint lists those it has.
        """
        found = getattr(estimator, name, None)
        if found is None:
            has = [verb for verb in _VERBS if hasattr(estimator, verb)]
            raise Invalid(
                f"{self.model_ref} is a {type(estimator).__name__}, which has no {name}",
                hint=f"it has {', '.join(has)}" if has else None,
            )
        method: Callable[..., Any] = found
        return method

    def run(self, estimator: Any, name: str) -> Any:
        """Call a method of the estimator with this call's data and parameters.

        Raises
        ------
        Invalid
            The estimator has no such method, or is not fitted yet.
        """
        from sklearn.exceptions import NotFittedError

        self.method(estimator, name)
        data, keywords = self.arrays(), self.keywords()
        self.checkpoint()
        fits = "fit" in name
        try:
            with self.watched(self.report, estimator) if fits else _in_threads():
                # Looked up in here: a bound method from before is not one that is followed.
                return getattr(estimator, name)(*data, **keywords)
        except NotFittedError:
            raise Invalid(
                f"{self.model_ref} is not fitted yet",
                hint=f"%omega fit {ObjectName.parse(self.model_ref).name} X y",
            ) from None

    @contextmanager
    def watched(
        self, report: Callable[[dict[str, Any]], None], estimator: Any = None
    ) -> Iterator[None]:
        """Watch a fit inside, which hears there that it is to stop.

        Parameters
        ----------
        report : callable
            Told how far it is.
        estimator : estimator, optional
            What is fitted, where that is one.
        """
        with _in_threads(), followed(estimator, report, self.checkpoint):
            yield

    def checkpoint(self) -> None:
        """End the task here, if it is to stop.

        Raises
        ------
        Stopped
            It was cancelled, or is another worker's by now.
        """
        self._cancellation.check()

    def publish(self, estimator: Any, notes: Mapping[str, Any] | None = None) -> Metadata:
        """Store the fitted estimator as the next version of the model.

        Parameters
        ----------
        estimator : estimator
        notes : mapping, optional
            What is known of it: its attributes.

        Raises
        ------
        Stopped
            The task was cancelled, or is another worker's by now.
        """
        before = patiently(lambda: Succession.of(self._om.mongo_url, "models", self.model_ref))
        self._commit()
        put = patiently(
            lambda: self._om.models.put_next(
                estimator,
                before,
                attributes=None if notes is None else _plain(notes),
                task=self._task_id,
                inputs=self.inputs,
            )
        )
        if put.first:
            self.keep(estimator, put.version)
        return put.version

    def fitted(self, metadata: Metadata) -> Outcome:
        """Return the outcome of a fit."""
        return Outcome({"model": metadata.ref}, self.inputs)

    def output(self, value: Any) -> Outcome:
        """Return the outcome of a call with a value, wherever it fits.

        Small values travel in the record, larger ones through the store; with
        ``result`` the value is kept as that data set.
        """
        if self._result is not None:
            self._commit()
            return Outcome({"kept": self._put(value, self._result).ref}, self.inputs)
        text = inline.encode(value)
        if text is not None:
            return Outcome({"inline": text}, self.inputs)
        stored = self._put(value, f"{RESULTS}/{self._task_id}")
        return Outcome({"dataset": stored.ref}, self.inputs)

    def note_score(self, score: float) -> None:
        """Write the score into the metadata of the model's version."""
        noted = {"score": score, "task": self._task_id, **self._shown(self.data)}
        self._commit()
        name, number = self.model_ref.rsplit("@", 1)
        catalog = Catalog(self._om.mongo_url)
        patiently(lambda: catalog.add_score("models", name, int(number), noted))

    def _put(self, value: Any, name: str) -> Metadata:
        return patiently(
            lambda: self._om.datasets.put(value, name, task=self._task_id, inputs=self.inputs)
        )

    def _commit(self) -> None:
        """Reach the point of no return: from here on a cancel comes too late."""
        if not patiently(self._attempt.commit):
            self._cancellation.request()
            self._cancellation.check()

    def report(self, progress: dict[str, Any]) -> None:
        """Tell how far it is; dropped where MongoDB is away for a moment."""
        with suppress(OmegaError):
            self._attempt.progress(progress)


_VERBS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "transform",
    "inverse_transform",
    "fit_predict",
    "partial_fit",
)


def _in_threads() -> AbstractContextManager[Any]:
    """Let joblib use threads: a pool process may have no children of its own."""
    from joblib import parallel_config

    return cast(AbstractContextManager[Any], parallel_config(backend=SharedThreads()))


def _plain(value: Any) -> Any:
    """Return a value as attributes keep it: plain JSON, and the text of what is none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
