"""A stored model whose fits are spread over workers: searches and cross-validation."""

from __future__ import annotations

from math import isnan, nan
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.arguments import is_data
from omega_jupyter.runtime.in_flight import in_flight
from omega_jupyter.runtime.search_options import options_to_plain
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.names.names import new_name

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter

__all__ = ["SearchedModel"]


class SearchedModel:
    """The methods of one stored model that fit it many times.

    Parameters
    ----------
    name : str
    submitter : Submitter
    """

    def __init__(self, name: str, submitter: Submitter) -> None:
        self.name = name
        self._submitter = submitter

    def cross_validate(
        self,
        X: Any,
        y: Any = None,
        *,
        cv: Any = None,
        scoring: Any = None,
        return_train_score: bool = False,
        error_score: float | str = nan,
        **params: Any,
    ) -> OmegaTask:
        """Cross-validate the model; its fits are spread over all workers of the queue.

        Nothing is published.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        y : str or array-like of shape (n_samples,), optional
        cv : int, splitter of scikit-learn, or iterable of (train, test), optional
            How to split; default: 5 folds. A splitter that shuffles without a
            ``random_state`` is given one, so that all fits see the same splits.
        scoring : str, list of str, or dict of str to str, optional
            Names of scorers; default: the estimator's ``score``.
        return_train_score : bool
            Whether to score the training data too.
        error_score : float or 'raise'
            The score of a fit that fails; where all fail that is an error.
        **params
            ``groups`` for the splitter; further keywords of the estimator's ``fit``.
            JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is the dict of arrays of shape (n_splits,) that
            :func:`sklearn.model_selection.cross_validate` returns, with the same scores.

        Examples
        --------
        >>> om.runtime.model("mymodel").cross_validate("X", "y", cv=3).get()["test_score"]
        array([0.91, 0.93, 0.9 ])
        """
        options: dict[str, Any] = {
            "cv": cv,
            "scoring": scoring,
            "return_train_score": return_train_score,
            "error_score": error_score,
        }
        return self._spread("cross_validate", {"X": X, "y": y}, options, params)

    def grid_search(
        self,
        X: Any,
        y: Any = None,
        *,
        param_grid: Any = None,
        scoring: Any = None,
        cv: Any = None,
        refit: bool | str = True,
        error_score: float | str = nan,
        return_train_score: bool = False,
        n_iter: int | None = None,
        random_state: int | None = None,
        **params: Any,
    ) -> OmegaTask:
        """Look for the best parameters; the fits are spread over all workers of the queue.

        As :class:`sklearn.model_selection.GridSearchCV`, or with ``n_iter``
        :class:`sklearn.model_selection.RandomizedSearchCV`: the same candidates,
        splits and scores. The best estimator, refitted on all data, is the next
        version of the model; its attributes have ``best_score`` and ``best_params``.
        Where the stored model is a search itself, the fitted search is the next
        version, and the options given here replace its own.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        y : str or array-like of shape (n_samples,), optional
        param_grid : dict of str to list, or a list of such dicts
            The candidates. With ``n_iter`` also distributions of scipy, or as JSON
            ``{"distribution": "loguniform", "args": [0.001, 10]}``.
        scoring : str, list of str, or dict of str to str, optional
            Names of scorers; default: the estimator's ``score``. With several,
            ``refit`` names the one that decides.
        cv : int, splitter of scikit-learn, or iterable of (train, test), optional
            As for :meth:`cross_validate`.
        refit : bool or str
            With False nothing is published.
        error_score : float or 'raise'
            The score of a fit that fails; where all fail that is an error.
        return_train_score : bool
            Whether to score the training data too.
        n_iter : int, optional
            Try so many candidates that are drawn at random.
        random_state : int, optional
            How they are drawn; default: anew, and kept with the task, so that a
            retry draws the same.
        **params
            ``groups`` for the splitter; further keywords of the estimator's ``fit``.
            JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is a :class:`~omega_jupyter.runtime.search_result.SearchResult`.

        Examples
        --------
        >>> found = om.runtime.model("mymodel").grid_search("X", "y", param_grid={"C": [1, 10]})
        >>> found.get().best_params_
        {'C': 10}
        """
        if n_iter is not None and random_state is None:
            random_state = randbelow(2**31)
        if "param_distributions" in params:
            raise Invalid(
                "grid_search() takes distributions as param_grid too",
                hint="param_grid={'C': scipy.stats.loguniform(0.1, 10)}, n_iter=20",
            )
        options: dict[str, Any] = {
            "param_grid": param_grid,
            "scoring": scoring,
            "cv": cv,
            "refit": refit,
            "return_train_score": return_train_score,
            "error_score": error_score,
            "n_iter": n_iter,
            "random_state": random_state,
        }
        return self._spread("grid_search", {"X": X, "y": y}, options, params)

    def _spread(
        self, verb: str, data: dict[str, Any], options: dict[str, Any], params: dict[str, Any]
    ) -> OmegaTask:
        """Submit a call with options of its own; those that are not given are left out."""
        limit = {"time_limit": params.pop("time_limit")} if "time_limit" in params else {}
        given = {name: value for name, value in options.items() if not _is_default(name, value)}
        keywords = {name: value for name, value in params.items() if is_data(name, value)}
        plain = {name: value for name, value in params.items() if name not in keywords}
        if plain:
            given["params"] = plain
        return self._submit(verb, data, params=options_to_plain(verb, given) | keywords | limit)

    def _submit(
        self, verb: str, data: dict[str, Any], *, params: dict[str, Any], result: str | None = None
    ) -> OmegaTask:
        limit = params.pop("time_limit", None)
        if result is not None:
            # Before it has run for an hour, and can't be kept.
            new_name(result)
        task_id = self._submitter.submit(
            verb, self.name, data, result=result, params=params, time_limit=limit
        )
        task = OmegaTask(task_id, self._submitter)
        in_flight(self._submitter.ledger.url).add(task)
        return task

    def __repr__(self) -> str:
        return f"<OmegaModelProxy {self.name!r} on queue {self._submitter.queue!r}>"


def _is_default(name: str, value: Any) -> bool:
    if name == "error_score":
        return isinstance(value, float) and isnan(value)
    return value is None or value is (name == "refit")
