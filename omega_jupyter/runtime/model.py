"""A stored model whose methods run on a worker."""

from __future__ import annotations

from math import isnan, nan
from secrets import randbelow
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.arguments import is_data
from omega_jupyter.runtime.search_options import options_to_plain
from omega_jupyter.runtime.task import OmegaTask

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter

__all__ = ["OmegaModelProxy"]


class OmegaModelProxy:
    """The methods of one stored model, each run as a task on a worker.

    Data arguments are names of stored data sets (``'X'``, ``'X[a,b]'``,
    ``'X@3'``, ``'X@gold'``); tables that are filtered and not loaded
    (``om.datasets.getl('X', a__gte=1)``), of which the condition is sent; or objects,
    which are kept in the store for the time of the task. Keywords of the estimator's
    method may be data as well: arrays, and for ``sample_weight`` and ``groups`` names.
    Versions are fixed at submission. Each method returns at once, and takes ``time_limit``:
    seconds after which the worker ends the task, which has failed then.

    Parameters
    ----------
    name : str
        Name of a stored model, ``'mymodel'``, ``'mymodel@3'`` or ``'mymodel@prod'``.
    submitter : Submitter

    Examples
    --------
    >>> om.runtime.model("mymodel").fit("X", "y").get()
    Metadata('mymodel@2')
    >>> om.runtime.model("mymodel").predict(X_new).get()
    array([1, 0, 1])
    """

    def __init__(self, name: str, submitter: Submitter) -> None:
        self.name = name
        self._submitter = submitter

    def fit(self, X: Any, y: Any = None, **params: Any) -> OmegaTask:
        """Fit the model and publish it as a new version.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
            Training data.
        y : str or array-like of shape (n_samples,), optional
            Target.
        **params
            Further keywords of the estimator's ``fit``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is the Metadata of the new version.

        Raises
        ------
        NotFound
            The model or a data set does not exist.
        Invalid
            X and y differ in length, or an object can't be kept.
        Unavailable
            MongoDB or the broker does not answer.
        """
        return self._submit("fit", {"X": X, "y": y}, params=params)

    def partial_fit(self, X: Any, y: Any = None, **params: Any) -> OmegaTask:
        """Go on fitting the model with more data and publish it as a new version.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
            More training data.
        y : str or array-like of shape (n_samples,), optional
            More of the target.
        **params
            Further keywords of the estimator's ``partial_fit``, JSON-able or
            data, for example ``classes=[0, 1]``.

        Returns
        -------
        OmegaTask
            Its value is the Metadata of the new version.
        """
        return self._submit("partial_fit", {"X": X, "y": y}, params=params)

    def predict(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Predict with the model.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``predict``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is an ndarray of shape (n_samples,) or (n_samples, n_outputs);
            with ``result`` the Metadata of the data set.
        """
        return self._submit("predict", {"X": X}, result=result, params=params)

    def predict_proba(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Predict the probability of each class.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``predict_proba``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is an ndarray of shape (n_samples, n_classes); with
            ``result`` the Metadata of the data set.
        """
        return self._submit("predict_proba", {"X": X}, result=result, params=params)

    def predict_log_proba(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``predict_log_proba``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is an ndarray of shape (n_samples, n_classes); with
            ``result`` the Metadata of the data set.
        """
        return self._submit("predict_log_proba", {"X": X}, result=result, params=params)

    def decision_function(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Return the estimator's confidence scores.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``decision_function``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is an ndarray of shape (n_samples,) or (n_samples,
            n_classes); with ``result`` the Metadata of the data set.
        """
        return self._submit("decision_function", {"X": X}, result=result, params=params)

    def score(self, X: Any, y: Any = None, **params: Any) -> OmegaTask:
        """Score the model; the score is also noted in the version's metadata.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        y : str or array-like of shape (n_samples,), optional
        **params
            Further keywords of the estimator's ``score``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is a float: mean accuracy of a classifier, R² of a
            regressor, or what else the estimator's ``score`` means.
        """
        return self._submit("score", {"X": X, "y": y}, params=params)

    def transform(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Transform data with the fitted model.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``transform``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is what the estimator returned, of shape (n_samples,
            n_features_out); with ``result`` the Metadata of the data set.
        """
        return self._submit("transform", {"X": X}, result=result, params=params)

    def inverse_transform(self, X: Any, *, result: str | None = None, **params: Any) -> OmegaTask:
        """Transform data back to what it was before ``transform``.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features_out)
            Transformed data.
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``inverse_transform``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is what the estimator returned, of shape (n_samples,
            n_features); with ``result`` the Metadata of the data set.
        """
        return self._submit("inverse_transform", {"X": X}, result=result, params=params)

    def fit_transform(
        self, X: Any, y: Any = None, *, result: str | None = None, **params: Any
    ) -> OmegaTask:
        """Fit the model, publish it as a new version, and return the transformed data.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        y : str or array-like of shape (n_samples,), optional
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``fit_transform``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is what the estimator returned, of shape (n_samples,
            n_features_out); with ``result`` the Metadata of the data set.
        """
        return self._submit("fit_transform", {"X": X, "y": y}, result=result, params=params)

    def fit_predict(
        self, X: Any, y: Any = None, *, result: str | None = None, **params: Any
    ) -> OmegaTask:
        """Fit the model, publish it as a new version, and return its labels of the same data.

        Parameters
        ----------
        X : str or array-like of shape (n_samples, n_features)
        y : str or array-like of shape (n_samples,), optional
            Estimators that cluster or look for outliers have no use for it.
        result : str, optional
            Keep the output as the data set of this name.
        **params
            Further keywords of the estimator's ``fit_predict``, JSON-able or data.

        Returns
        -------
        OmegaTask
            Its value is an ndarray of shape (n_samples,); with ``result`` the
            Metadata of the data set.
        """
        return self._submit("fit_predict", {"X": X, "y": y}, result=result, params=params)

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
        given = {name: value for name, value in options.items() if not _is_default(name, value)}
        keywords = {name: value for name, value in params.items() if is_data(name, value)}
        plain = {name: value for name, value in params.items() if name not in keywords}
        if plain:
            given["params"] = plain
        return self._submit(verb, data, params=options_to_plain(verb, given) | keywords)

    def _submit(
        self, verb: str, data: dict[str, Any], *, params: dict[str, Any], result: str | None = None
    ) -> OmegaTask:
        limit = params.pop("time_limit", None)
        task_id = self._submitter.submit(
            verb, self.name, data, result=result, params=params, time_limit=limit
        )
        return OmegaTask(task_id, self._submitter)

    def __repr__(self) -> str:
        return f"<OmegaModelProxy {self.name!r} on queue {self._submitter.queue!r}>"


def _is_default(name: str, value: Any) -> bool:
    if name == "error_score":
        return isinstance(value, float) and isnan(value)
    return value is None or value is (name == "refit")
