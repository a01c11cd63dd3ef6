"""Arrays of pandas come back equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.errors import Invalid
from omega_jupyter.store.datasets import DatasetStore

EXTENSIONS: dict[str, Any] = {
    "text": pd.Series(["a", None]).array,
    "categories": pd.Categorical(["a", "b", None], ordered=True),
    "integers": pd.array([1, None], "Int8"),
    "floats": pd.array([1.5, None], "Float64"),
    "booleans": pd.array([True, None], "boolean"),
    "times": pd.date_range("2026", periods=3, tz="Europe/Oslo").array,
    "periods": pd.period_range("2026", periods=3, freq="M").array,
    "intervals": pd.interval_range(0, 3).array,
    "sparse": pd.arrays.SparseArray([0, 0, 1]),
    "arrow": pd.array([1, None], "int64[pyarrow]"),
    "numpy": pd.Series([1, 2]).array,
    "empty": pd.array([], "Int8"),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_array_of_pandas_comes_back_equal(name: str, datasets: DatasetStore) -> None:
    array = EXTENSIONS[name]

    metadata = datasets.put(array, "a")
    found = datasets.get("a")

    assert (metadata.kind, metadata.shape) == ("extension", (len(array),))
    assert found.dtype == array.dtype
    pd.testing.assert_extension_array_equal(found, array)
    assert type(datasets.head("a", 1)) is type(found) is type(array)
    assert type(datasets.getl("a").value) is type(array)
    assert isinstance(datasets.put(array, "a", append=True).shape, tuple)
    assert len(datasets.get("a")) == 2 * len(array)


def test_array_that_a_series_would_change_is_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="come back as a ArrowStringArray"):
        datasets.put(pd.arrays.NumpyExtensionArray(np.array(["a"])), "refused")
