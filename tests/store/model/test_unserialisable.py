"""What can't be kept of a model is refused at the put, with its place; nothing is written."""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections import defaultdict
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.models import ModelStore

X, y = load_iris(return_X_y=True)


class Holder(BaseEstimator):
    """Holds anything as its parameter."""

    def __init__(self, part: Any = None) -> None:
        self.part = part

    def fit(self, X: Any, y: Any = None) -> Holder:
        return self


class Colour(Enum):
    RED = 1


class Whole(int):
    pass


class Slots:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1


def counted() -> Any:
    yield 1


def local_function() -> Any:
    def double(values: Any) -> Any:
        return values * 2

    return double


def local_estimator() -> Any:
    class Local(BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Any:
            return self

    return Local()


def ring() -> Any:
    found: list[Any] = [1]
    found.append(found)
    return found


def with_event() -> Holder:
    holder = Holder()
    holder.stop_ = threading.Event()  # type: ignore[attr-defined]
    return holder


MODELS: dict[str, tuple[Any, str]] = {
    "lambda in a pipeline": (
        make_pipeline(FunctionTransformer(lambda values: values), LogisticRegression()),
        "The Pipeline can't be stored: step 'functiontransformer', parameter 'func' holds a lambda",
    ),
    "lambda in a list in a dict": (
        Pipeline([("scale", StandardScaler()), ("clf", Holder({"callback": [1, lambda v: v]}))]),
        "The Pipeline can't be stored: step 'clf', parameter 'part', key 'callback', item 1 "
        "holds a lambda",
    ),
    "function of a function": (
        FunctionTransformer(local_function()),
        "The FunctionTransformer can't be stored: parameter 'func' holds the function 'double', "
        "which is defined inside of a function",
    ),
    "partial of a lambda": (
        FunctionTransformer(functools.partial(lambda v, n: v, n=1)),
        "parameter 'func' holds a lambda",
    ),
    "lambda in a column transformer": (
        ColumnTransformer([("num", FunctionTransformer(lambda v: v), [0])]),
        "transformer 'num', parameter 'func' holds a lambda",
    ),
    "lock in an ensemble": (
        VotingClassifier([("a", LogisticRegression()), ("b", Holder(threading.Lock()))]),
        "estimator 'b', parameter 'part' holds a lock",
    ),
    "lock in a search": (
        GridSearchCV(Holder(threading.Lock()), {"part": [1]}),
        "parameter 'estimator', parameter 'part' holds a lock",
    ),
    "lock in an attribute": (with_event(), "attribute 'stop_', attribute '_cond', attribute"),
    "generator": (Holder(counted()), "parameter 'part' holds a generator"),
    "iterator": (Holder(zip([1], [2], strict=True)), "parameter 'part' holds a zip"),
    "module": (Holder(sys), "parameter 'part' holds a module"),
    "class of a function": (
        make_pipeline(StandardScaler(), local_estimator()),
        "step 'local' holds a 'Local', a class that is defined inside of a function",
    ),
    "model of a local class": (
        local_estimator(),
        "The Local can't be stored: it is a 'Local', a class that is defined inside of a function",
    ),
    "method of a type": (
        CountVectorizer(tokenizer=str.split),
        "parameter 'tokenizer' holds a method_descriptor",
    ),
    "pattern": (Holder(re.compile("a")), "parameter 'part' holds a re.Pattern"),
    "enum": (Holder(Colour.RED), "parameter 'part' holds a .*Colour"),
    "number of an own type": (Holder([Whole(1)]), "parameter 'part', item 0 holds a .*Whole"),
    "object with slots": (Holder(Slots()), "parameter 'part' holds a .*Slots"),
    "ring": (Holder(ring()), "parameter 'part', item 1 holds a list, which contains itself"),
    "dict with a key of truth": (
        Holder({True: LogisticRegression()}),
        "parameter 'part' holds a dict with the key True",
    ),
    "default dict": (
        Holder(defaultdict(int, {1: 2})),
        "parameter 'part' holds a collections.defaultdict with the key 1",
    ),
    "nested sequences in an array": (
        Holder(np.array([[[1], [2]], [[3], None]], dtype=object)),
        "parameter 'part' holds a numpy.ndarray of 2 dimensions",
    ),
    "frame of objects": (
        Holder({"frame": pd.DataFrame({"a": [object()]})}),
        "parameter 'part', key 'frame' holds a pandas.DataFrame: .*'a'",
    ),
    "what skops can't write": (
        Pipeline([("scale", StandardScaler()), ("groups", Birch())]),
        "The Pipeline can't be stored: step 'groups' holds a sklearn.cluster._birch.Birch",
    ),
    "what skops can't write, deep": (
        Pipeline([("all", VotingClassifier([("groups", Holder([Birch()]))]))]),
        "step 'all', estimator 'groups', parameter 'part', item 0 holds a .*Birch",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_place_and_kind_of_the_fault_are_named_and_nothing_is_written(
    name: str, shared_models: ModelStore
) -> None:
    model, message = MODELS[name]

    with pytest.raises(Invalid, match=message) as caught:
        shared_models.put(model, "m")

    assert caught.value.hint
    assert versions(shared_models._url).count_documents({"store": "models"}) == 0
    assert chunks(shared_models._url).count_documents({}) == 0


def test_open_file_is_named(shared_models: ModelStore, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log, pytest.raises(Invalid, match="holds an open file"):
        shared_models.put(Holder({"log": log}), "m")


def test_lambda_is_to_be_defined_where_workers_find_it(shared_models: ModelStore) -> None:
    with pytest.raises(Invalid) as caught:
        shared_models.put(FunctionTransformer(lambda v: v), "m")

    assert "in a module that the workers have too" in str(caught.value.hint)


def test_model_is_not_changed_by_being_refused_or_stored(shared_models: ModelStore) -> None:
    model = Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression(max_iter=500))])
    model.fit(X, y)
    before = {name: vars(step).copy() for name, step in model.steps}

    shared_models.put(model, "kept")
    model.steps.append(("bad", Holder(threading.Lock())))
    with pytest.raises(Invalid):
        shared_models.put(model, "m")
    shared_models.drop("kept")

    assert {name: vars(step) for name, step in model.steps[:-1]} == before
