"""What a model holds comes back as it was: also what skops by itself would change."""

from __future__ import annotations

import datetime as dt
from collections import Counter, OrderedDict, namedtuple
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from omega_jupyter.store.models import ModelStore


class Holder(BaseEstimator):
    """Holds anything as its parameter."""

    def __init__(self, part: Any = None) -> None:
        self.part = part

    def fit(self, X: Any, y: Any = None) -> Holder:
        return self


Point = namedtuple("Point", "x y")
NAMES = [f"{__name__}.Holder", f"{__name__}.Point"]

PLAIN: dict[str, Any] = {
    "keys of truth": {True: 1.0, False: 2.0},
    "keys of several types": {1: "a", "1": "b", None: "c", (1, 2): "d"},
    "many words": {f"word {n}": n for n in range(1000)},
    "long list": list(range(1000)) + [None, "text", 1.5],
    "ordered": OrderedDict(b=1, a=2),
    "counter": Counter("omega"),
    "named tuple": Point(1, "y"),
    "sets": [{1, 2}, frozenset({"a"})],
    "bytes": [b"\x00\xff", bytearray(b"ab")],
    "exact numbers": [Decimal("1.10"), 1 + 2j, 10**30],
    "dates": [dt.datetime(2026, 3, 1, 12), dt.date(2026, 3, 1), pd.Timestamp("2026-03-01")],
    "slices": [slice(1, None, 2), range(3)],
    "scalars": [np.float64(1.5), np.int8(3), np.bool_(False), np.str_("a")],
    "date of numpy": np.datetime64("2026-03-01", "ns"),
}


def kept(models: ModelStore, part: Any) -> Any:
    models.put(Holder(part), "m")
    return models.get("m", trusted=NAMES).part


def same(found: Any, expected: Any) -> bool:
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(
            type(a) is type(b) for a, b in zip(found, expected, strict=True)
        )
    if isinstance(expected, list | tuple):
        return all(same(a, b) for a, b in zip(found, expected, strict=True))
    return bool(found == expected)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_data_comes_back_with_its_types(name: str, shared_models: ModelStore) -> None:
    found = kept(shared_models, PLAIN[name])

    assert found == PLAIN[name]
    assert same(found, PLAIN[name])


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
        np.arange(10)[::2],
        np.array(3.5),
        np.empty((0, 4)),
        np.arange(3, dtype=">f8"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["ä", "bc"]),
        np.array(["2026-03-01", "NaT"], dtype="M8[ns]"),
        np.array(["a", "b"], dtype=np.dtypes.StringDType()),
        np.array(["a", None, 1.5], dtype=object),
        np.array([["a", 1], [None, 2.5]], dtype=object),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_array_comes_back_with_dtype_shape_and_order(array: Any, shared_models: ModelStore) -> None:
    found = kept(shared_models, array)

    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.flags.f_contiguous == np.asarray(array, order="K").flags.f_contiguous or (
        array.ndim == 1
    )
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable


def test_frames_and_sparse_matrices_come_back_as_data_sets_do(shared_models: ModelStore) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", None])})
    matrix = scipy.sparse.csr_array(np.eye(3))

    found = kept(shared_models, {"frame": frame, "series": frame["b"], "matrix": matrix})

    assert_frame_equal(found["frame"], frame, check_exact=True)
    assert_series_equal(found["series"], frame["b"])
    assert type(found["matrix"]) is scipy.sparse.csr_array
    assert (found["matrix"] != matrix).nnz == 0


def test_one_object_in_two_places_stays_one(shared_models: ModelStore) -> None:
    array, inner = np.arange(3.0), LinearRegression()

    found = kept(shared_models, [array, inner, {"again": inner}, array])

    assert found[0] is found[3]
    assert found[1] is found[2]["again"]


def test_estimators_in_arrays_and_masked_arrays_come_back(shared_models: ModelStore) -> None:
    X, y = np.eye(6), [0, 1, 0, 1, 0, 1]
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1.0], "class_weight": [None, {0: 1, 1: 2}]}, cv=2
    ).fit(X, y)

    shared_models.put(search, "m")

    found = shared_models.get("m")
    assert found.best_params_ == search.best_params_
    for name, column in search.cv_results_.items():
        assert type(found.cv_results_[name]) is type(column), name
        assert repr(found.cv_results_[name]) == repr(column)


def test_missing_values_among_categories_come_back(shared_models: ModelStore) -> None:
    data = pd.DataFrame({"a": ["x", None, np.nan, "y"], "b": [1.0, np.nan, 2.0, 1.0]})
    encoder = OneHotEncoder().fit(data)

    shared_models.put(encoder, "m")

    found = shared_models.get("m")
    assert (found.transform(data) != encoder.transform(data)).nnz == 0
    assert list(found.get_feature_names_out()) == list(encoder.get_feature_names_out())


def test_functions_are_found_again_by_their_names(shared_models: ModelStore) -> None:
    for function in (np.log1p, np.clip, np.mean):
        shared_models.put(FunctionTransformer(function), "m")
        assert shared_models.get("m").func is function


def test_forest_may_be_fitted_further_after_it_was_loaded(shared_models: ModelStore) -> None:
    X, y = np.random.default_rng(0).random((60, 3)), np.arange(60) % 3
    forest = RandomForestClassifier(5, random_state=0, warm_start=True).fit(X, y)
    shared_models.put(forest, "m")

    found = shared_models.get("m").set_params(n_estimators=9).fit(X, y)

    forest.set_params(n_estimators=9).fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), forest.predict_proba(X))
