"""One Celery task for each method of a model."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from omega_jupyter.runtime.outcome import Outcome
from omega_jupyter.worker.model_task import ModelTask
from omega_jupyter.worker.part import do_part
from omega_jupyter.worker.search import is_search
from omega_jupyter.worker.spreading import run_cross_validate, run_fit, run_grid_search


@shared_task(bind=True, base=ModelTask, name="omega.fit")
def fit(self: ModelTask, **arguments: Any) -> Outcome:
    """Fit a copy of the model, a search with fits on all workers, and publish it."""
    call = self.call(arguments)
    if is_search(call.estimator()):
        return run_fit(self, call)
    estimator = call.own_estimator()
    call.run(estimator, "fit")
    return call.fitted(call.publish(estimator))


@shared_task(bind=True, base=ModelTask, name="omega.partial_fit")
def partial_fit(self: ModelTask, **arguments: Any) -> Outcome:
    """Go on fitting a copy of the model and publish it as the next version."""
    call = self.call(arguments)
    estimator = call.own_estimator()
    call.run(estimator, "partial_fit")
    return call.fitted(call.publish(estimator))


@shared_task(bind=True, base=ModelTask, name="omega.predict")
def predict(self: ModelTask, **arguments: Any) -> Outcome:
    """Predict with the model."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "predict"))


@shared_task(bind=True, base=ModelTask, name="omega.predict_proba")
def predict_proba(self: ModelTask, **arguments: Any) -> Outcome:
    """Predict the probability of each class."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "predict_proba"))


@shared_task(bind=True, base=ModelTask, name="omega.predict_log_proba")
def predict_log_proba(self: ModelTask, **arguments: Any) -> Outcome:
    """Predict the logarithm of the probability of each class."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "predict_log_proba"))


@shared_task(bind=True, base=ModelTask, name="omega.decision_function")
def decision_function(self: ModelTask, **arguments: Any) -> Outcome:
    """Return the estimator's confidence scores."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "decision_function"))


@shared_task(bind=True, base=ModelTask, name="omega.score")
def score(self: ModelTask, **arguments: Any) -> Outcome:
    """Score the model and note the score in its version's metadata."""
    call = self.call(arguments)
    value = float(call.run(call.estimator(), "score"))
    call.note_score(value)
    return call.output(value)


@shared_task(bind=True, base=ModelTask, name="omega.transform")
def transform(self: ModelTask, **arguments: Any) -> Outcome:
    """Transform data with the fitted model."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "transform"))


@shared_task(bind=True, base=ModelTask, name="omega.inverse_transform")
def inverse_transform(self: ModelTask, **arguments: Any) -> Outcome:
    """Transform data back with the fitted model."""
    call = self.call(arguments)
    return call.output(call.run(call.estimator(), "inverse_transform"))


@shared_task(bind=True, base=ModelTask, name="omega.fit_predict")
def fit_predict(self: ModelTask, **arguments: Any) -> Outcome:
    """Fit a copy of the model, publish it, and return its labels of the data."""
    call = self.call(arguments)
    estimator = call.own_estimator()
    labels = call.run(estimator, "fit_predict")
    call.publish(estimator)
    return call.output(labels)


@shared_task(bind=True, base=ModelTask, name="omega.fit_transform")
def fit_transform(self: ModelTask, **arguments: Any) -> Outcome:
    """Fit a copy of the model, publish it, and return the transformed data."""
    call = self.call(arguments)
    estimator = call.own_estimator()
    transformed = call.run(estimator, "fit_transform")
    call.publish(estimator)
    return call.output(transformed)


@shared_task(bind=True, base=ModelTask, name="omega.cross_validate")
def cross_validate(self: ModelTask, **arguments: Any) -> Outcome:
    """Cross-validate the model, with fits on all workers."""
    return run_cross_validate(self, self.call(arguments))


@shared_task(bind=True, base=ModelTask, name="omega.grid_search")
def grid_search(self: ModelTask, **arguments: Any) -> Outcome:
    """Look for the best parameters, with fits on all workers, and publish the best model."""
    return run_grid_search(self, self.call(arguments))


@shared_task(bind=True, base=ModelTask, name="omega.fits")
def fits(self: ModelTask, **arguments: Any) -> Outcome:
    """Do a part of the fits of a search or cross-validation."""
    return do_part(self, arguments)
