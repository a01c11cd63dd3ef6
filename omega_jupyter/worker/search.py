"""A search or cross-validation whose fits are done elsewhere.

scikit-learn's own code runs in each task that has a share in it: it makes the same
candidates and the same splits everywhere, and hands its fits to joblib. What stands in
for joblib there does the fits, a part of them, or has their results already. So the
result is scikit-learn's, to the last bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.search_options import options_from_plain

if TYPE_CHECKING:
    from omega_jupyter.worker.call import Call

__all__ = ["Enough", "Search", "Take", "found", "is_search"]

# Does one fit.
Do = Callable[[Any], Any]
# Takes all fits, and what does one of them; returns the results of all.
Take = Callable[[Iterable[Any], Do], list[Any]]


class Enough(BaseException):
    """Unwinds scikit-learn's code once its fits were handed over."""


def is_search(estimator: Any) -> bool:
    """Return whether the fits of this estimator's fit can be spread.

    Those of a search by halving can't: which candidates go on is known round by round.
    """
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    return type(estimator) in (GridSearchCV, RandomizedSearchCV)


class Search:
    """One search or cross-validation, of which a task does a part.

    Parameters
    ----------
    call : Call
        With the model, the data and the options.
    verb : str
        ``grid_search``, ``cross_validate``, or ``fit`` of a search.
    task_id : str
        The search's own: decides what it leaves to chance.
    """

    def __init__(self, call: Call, verb: str, task_id: str) -> None:
        self._call = call
        self._verb = verb
        self._seed = self.seed_of(task_id)
        if verb == "fit":
            self._options, self._fit_params = {}, dict(call.params)
        else:
            self._options = options_from_plain(call.params)
            self._fit_params = self._options.pop("params", None) or {}

    @staticmethod
    def seed_of(task_id: str) -> int:
        """Return the ``random_state`` where a search has none: all its parts draw the same."""
        return int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:4], "big") >> 1

    def run(self, take: Take, report: Callable[[dict[str, Any]], None]) -> Any:
        """Run scikit-learn's code.

        Parameters
        ----------
        take : callable
            Stands in for joblib. It may raise :class:`Enough`.
        report : callable
            Told how far a refit is.

        Returns
        -------
        BaseSearchCV or dict or None
            The fitted search; of a cross-validation its arrays; None where ``take``
            has had enough.

        Raises
        ------
        ValueError
            scikit-learn does not take the options, or all fits failed.
        """
        with ExitStack() as refit:

            def taken(fits: Iterable[Any], do: Do) -> list[Any]:
                with self._call.watched(lambda _: None):
                    results = take(self._checked(fits), do)
                refit.enter_context(self._call.watched(report))
                return results

            try:
                return self._run(taken)
            except Enough:
                return None

    def _checked(self, fits: Iterable[Any]) -> Iterator[Any]:
        for fit in fits:
            self._call.checkpoint()
            yield fit

    def _run(self, take: Take) -> Any:
        from sklearn.model_selection import _search, _validation

        data = self._call.arrays()
        fit_params = {**self._fit_params, **self._call.data_keywords()}
        if self._verb != "cross_validate":
            search = self._search()
            with _taking(_search, take), _seeded(search, self._seed):
                return search.fit(*data, **fit_params)
        groups = fit_params.pop("groups", None)
        options = self._options | {"groups": groups, "params": fit_params or None}
        with _taking(_validation, take):
            return _validation.cross_validate(self._call.estimator(), *data, **options)

    def _search(self) -> Any:
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

        if self._verb == "fit":
            return self._call.own_estimator()
        estimator = self._call.estimator()
        options = dict(self._options)
        randomised = options.get("n_iter") is not None
        if is_search(estimator):
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
                hint="param_grid={'C': [0.1, 1, 10]}; %omega search MODEL X y C=[0.1,1,10]",
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
def _seeded(search: Any, seed: int) -> Iterator[None]:
    """Let all parts of a search draw the same, where it leaves that to chance."""
    drawn = [
        one
        for one in (search, search.cv)
        if hasattr(one, "random_state") and one.random_state is None
    ]
    if getattr(search.cv, "shuffle", True) is False:
        drawn = [one for one in drawn if one is search]  # takes no random_state then
    for one in drawn:
        one.random_state = seed
    try:
        yield
    finally:
        for one in drawn:
            one.random_state = None


@contextmanager
def _taking(module: ModuleType, take: Take) -> Iterator[None]:
    """Give the fits of the next search to ``take``; those within its fits go their own way."""
    from sklearn.base import clone

    real: Any = vars(module)["Parallel"]
    first = True

    class Outermost(real):
        def __call__(self, fits: Iterable[Any]) -> list[Any]:
            def do(fit: Any) -> Any:
                function, (estimator, *args), kwargs = fit
                cloned = (function, (clone(estimator), *args), kwargs)
                return super(Outermost, self).__call__([cloned])[0]

            return take(_uncloned(module, fits), do)

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


def _uncloned(module: ModuleType, fits: Iterable[Any]) -> Iterator[Any]:
    """Yield the fits without a clone of the estimator for each, of which most are not done here."""
    real, iterator = vars(module)["clone"], iter(fits)
    while True:
        vars(module)["clone"] = lambda estimator, **_: estimator
        try:
            fit = next(iterator)
        except StopIteration:
            return
        finally:
            vars(module)["clone"] = real
        yield fit
