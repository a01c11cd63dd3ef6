"""A stored model whose methods run on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.searched_model import SearchedModel

if TYPE_CHECKING:
    from omega_jupyter.runtime.task import OmegaTask

__all__ = ["OmegaModelProxy"]


class OmegaModelProxy(SearchedModel):
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
