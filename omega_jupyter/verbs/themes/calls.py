"""The verbs on running models: fit, predict, search and their like."""

from __future__ import annotations

from omega_jupyter.verbs.models import ModelCall, SearchCall
from omega_jupyter.verbs.themes.parts import CALL_OPTIONS, MODEL, RESULT, X, Y
from omega_jupyter.verbs.verb import Option, Verb

__all__ = ["CALLS", "CALL_VERBS"]

CALLS = "Running models"


def _call(
    name: str, summary: str, *, y: bool, result: bool, examples: tuple[str, ...], notes: str = ""
) -> Verb:
    return Verb(
        name,
        summary,
        ModelCall(name),
        CALLS,
        arguments=(MODEL, X, Y) if y else (MODEL, X),
        options=(*CALL_OPTIONS, RESULT) if result else CALL_OPTIONS,
        keywords=f"further keywords of the estimator's {name}",
        examples=examples,
        notes=notes,
    )


CALL_VERBS: tuple[Verb, ...] = (
    _call(
        "fit",
        "Fit a model on a worker; the value is the metadata of the new version.",
        y=True,
        result=False,
        examples=(
            "fit mymodel X y",
            "fit mymodel X y -b",
            "fit mymodel X y sample_weight=w",
            "fit mymodel X[a,b] y --queue gpu",
        ),
    ),
    _call(
        "partial_fit",
        "Go on fitting a model with more data; the value is the new version's metadata.",
        y=True,
        result=False,
        examples=("partial_fit mymodel X y classes=[0,1]",),
    ),
    _call(
        "predict",
        "Predict with a model.",
        y=False,
        result=True,
        examples=(
            "predict mymodel X",
            "predict mymodel :X_new -o pred",
            "predict mymodel X --result predictions",
        ),
    ),
    _call(
        "predict_proba",
        "Predict the probability of each class.",
        y=False,
        result=True,
        examples=("predict_proba mymodel X",),
    ),
    _call(
        "predict_log_proba",
        "Predict the logarithm of the probability of each class.",
        y=False,
        result=True,
        examples=("predict_log_proba mymodel X",),
    ),
    _call(
        "decision_function",
        "Return a model's confidence in each class.",
        y=False,
        result=True,
        examples=("decision_function mymodel X",),
    ),
    _call(
        "score",
        "Score a model; the value is a number, kept with the version too.",
        y=True,
        result=False,
        examples=("score mymodel X_test y_test",),
    ),
    _call(
        "transform",
        "Transform data with a fitted model.",
        y=False,
        result=True,
        examples=("transform scaler X --result X_scaled",),
    ),
    _call(
        "inverse_transform",
        "Transform data back to what it was before a transform.",
        y=False,
        result=True,
        examples=("inverse_transform scaler X_scaled",),
    ),
    _call(
        "fit_predict",
        "Fit a model, publish it as a new version, and return its labels of the data.",
        y=True,
        result=True,
        examples=("fit_predict clusters X",),
    ),
    _call(
        "fit_transform",
        "Fit a model, publish it as a new version, and return the transformed data.",
        y=True,
        result=True,
        examples=("fit_transform scaler X",),
    ),
    _call(
        "cross_validate",
        "Cross-validate a model on all workers; the value is a dict of arrays of scores.",
        y=True,
        result=False,
        examples=(
            "cross_validate mymodel X y",
            "cross_validate mymodel X y cv=10 scoring=['accuracy','roc_auc']",
        ),
        notes="Keywords: cv, scoring, return_train_score, error_score, groups, and those of the "
        "estimator's fit. Nothing is published.",
    ),
    Verb(
        "search",
        "Look for a model's best parameters on all workers, and publish the best model.",
        SearchCall("grid_search"),
        CALLS,
        arguments=(MODEL, X, Y),
        options=(
            *CALL_OPTIONS,
            Option("cv", ("--cv",), "how many folds (default: 5)", type=int, metavar="N"),
            Option("scoring", ("--scoring",), "the name of a scorer", metavar="NAME"),
            Option(
                "n_iter",
                ("--n-iter",),
                "try so many candidates, drawn at random; default: all",
                type=int,
                metavar="N",
            ),
            Option(
                "random_state",
                ("--random-state",),
                "how they are drawn",
                type=int,
                metavar="SEED",
            ),
        ),
        keywords="values of the parameter to try; sample_weight= and groups= are data",
        examples=(
            "search mymodel X y C=[0.1,1,10]",
            "search mymodel X y max_depth=[2,4,8] criterion=['gini','entropy'] --cv 3",
            "search mymodel X y C=[0.1,1,10] penalty=['l1','l2'] --n-iter 4",
        ),
        notes="The value has best_params_, best_score_, cv_results_ (a table) and model, the "
        "metadata of the new version. A stored search needs no values.",
    ),
)
