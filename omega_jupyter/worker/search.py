"""A search or cross-validation whose fits are done elsewhere.

scikit-learn's own code runs in each task that has a share in it: it makes the same
candidates and the same splits everywhere, and hands its fits to joblib. What stands in
for joblib there counts them, does a part of them, or has their results already. So the
result is scikit-learn's, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.search_options import options_from_plain
from omega_jupyter.store.values import typed

if TYPE_CHECKING:
    from omega_jupyter.worker.call import Call

__all__ = ["Search", "found"]

# Takes the fits, and what does some of them; returns their results.
Take = Callable[[Iterable[Any], Callable[[list[Any]], list[Any]]], list[Any]]


class _Enough(BaseException):
    """Unwinds scikit-learn's code once it has handed over its fits."""


class Search:
    """One search or cross-validation, of which a task does a part.

    Parameters
    ----------
    call : Call
        With the model, the data and the options.
    verb : str
        ``grid_search`` or ``cross_validate``.
    """

    def __init__(self, call: Call, verb: str) -> None:
        self._call = call
        self._verb = verb
        self._options = options_from_plain(call.params)
        self._fit_params = self._options.pop("params", None) or {}

    def count(self) -> int:
        """Return how many fits there are.

        Raises
        ------
        ValueError
            scikit-learn does not take the options.
        """
        found = 0

        def take(fits: Iterable[Any], _: Any) -> list[Any]:
            nonlocal found
            found = sum(1 for _ in fits)
            raise _Enough

        self._until_enough(take)
        return found

    def part(self, part: int, of: int, done: Callable[[int], None]) -> str:
        """Do each ``of``-th fit, from number ``part`` on.

        Parameters
        ----------
        part, of : int
        done : callable
            Called after each with their number.

        Returns
        -------
        str
            The results, as typed JSON.
        """
        results: list[Any] = []

        def take(fits: Iterable[Any], do: Callable[[list[Any]], list[Any]]) -> list[Any]:
            for number, fit in enumerate(fits):
                if number % of == part:
                    results.extend(do([fit]))
                    done(len(results))
            raise _Enough

        with self._call.watched(lambda _: None):
            self._until_enough(take)
        return typed.dumps(results)

    def finish(self, parts: Sequence[str], report: Callable[[dict[str, Any]], None]) -> Any:
        """Return what scikit-learn makes of the results.

        Parameters
        ----------
        parts : sequence of str
            What :meth:`part` returned, in their order.
        report : callable
            Told how far a refit is.

        Returns
        -------
        BaseSearchCV or dict
            The fitted search; of a cross-validation its arrays.

        Raises
        ------
        ValueError
            All fits failed.
        """
        results = [typed.loads(part) for part in parts]
        total = sum(map(len, results))
        ordered = [results[number % len(parts)][number // len(parts)] for number in range(total)]
        with self._call.watched(report):
            return self._run(lambda _, __: ordered)

    def _until_enough(self, take: Take) -> None:
        try:
            self._run(take)
        except _Enough:
            return

    def _run(self, take: Take) -> Any:
        from sklearn.model_selection import _search, _validation

        estimator = self._call.estimator()
        data = self._call.arrays()
        fit_params = {**self._fit_params, **self._call.data_keywords()}
        if self._verb == "grid_search":
            search = self._search(estimator)
            with _taking(_search, take):
                return search.fit(*data, **fit_params)
        groups = fit_params.pop("groups", None)
        options = self._options | {"groups": groups, "params": fit_params or None}
        with _taking(_validation, take):
            return _validation.cross_validate(estimator, *data, **options)

    def _search(self, estimator: Any) -> Any:
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

        options = dict(self._options)
        randomised = options.get("n_iter") is not None
        if type(estimator) in (GridSearchCV, RandomizedSearchCV):
            search = clone(estimator)
            if "param_grid" in options and isinstance(search, RandomizedSearchCV):
                options["param_distributions"] = options.pop("param_grid")
            known = search.get_params(deep=False)
            for name in options.keys() - known.keys():
                raise Invalid(f"{type(search).__name__} has no {name}")
            return search.set_params(**options)
        if "param_grid" not in options:
            raise Invalid(
                f"{self._call.inputs['model']} is a {type(estimator).__name__}, which has no "
                "param_grid of its own",
                hint="param_grid={'C': [0.1, 1, 10]}",
            )
        grid = options.pop("param_grid")
        cls = RandomizedSearchCV if randomised else GridSearchCV
        return cls(estimator, grid, **options)


def found(search: Any) -> dict[str, Any]:
    """Return what a fitted search has found, as plain data."""
    return {
        "best_params": getattr(search, "best_params_", None),
        "best_score": getattr(search, "best_score_", None),
        "best_index": getattr(search, "best_index_", None),
        "cv_results": {name: _column(values) for name, values in search.cv_results_.items()},
    }


def _column(values: Any) -> Any:
    import numpy as np

    if not isinstance(values, np.ndarray):
        return values
    if isinstance(values, np.ma.MaskedArray):
        if not np.ma.getmaskarray(values).any():
            values = values.data
        else:
            values = np.ma.filled(values.astype(object), np.nan)
    return values.tolist() if values.dtype.hasobject else values


@contextmanager
def _taking(module: ModuleType, take: Take) -> Iterator[None]:
    """Give the fits of the next search to ``take``; those within its fits go their own way."""
    real: Any = vars(module)["Parallel"]
    first = True

    class Outermost(real):
        def __call__(self, fits: Iterable[Any]) -> list[Any]:
            return take(fits, super().__call__)

    def parallel(**options: Any) -> Any:
        nonlocal first
        if not first:
            return real(**options)
        first = False
        return Outermost(n_jobs=1)

    vars(module)["Parallel"] = parallel
    try:
        yield
    finally:
        vars(module)["Parallel"] = real
