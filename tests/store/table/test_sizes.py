"""How large a table will be is known before it is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.datasets import DatasetStore

N = 70_000
COLUMNS = {
    "numbers": pd.Series(np.arange(N) ** 2),
    "narrowed numbers": pd.Series(np.arange(N) * 100_003 % 1_000_007),
    "str": pd.Series([f"text {i}" for i in range(N)], dtype="str"),
    "string": pd.Series([f"text {i}" for i in range(N)], dtype="string[python]"),
    "texts of Python": pd.Series([f"text {i}" for i in range(N)], dtype=object),
    "tuples": pd.Series([(i, "text") for i in range(N)]),
    "lists of Arrow": pd.Series(
        [[i, i] for i in range(N)], dtype=pd.ArrowDtype(pa.list_(pa.int32()))
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_size_is_close_to_what_is_written(name: str, shared_datasets: DatasetStore) -> None:
    """It decides what travels in one message, and how the rows are cut."""
    # A part of a larger column, whose buffers Arrow might write whole.
    column = COLUMNS[name].iloc[N // 7 :]

    metadata = shared_datasets.put(column.to_frame("a"), "X")

    document = versions(shared_datasets._url).find_one(sort=[("_id", -1)])
    assert document is not None
    assert 0.7 < metadata.size / document["segments"][0]["size"] < 1.4
