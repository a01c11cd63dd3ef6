"""Texts of any length, with and without gaps, come back from chunks that hold lengths and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from omega_jupyter.errors import Invalid
from omega_jupyter.store.chunks.checksum import checksum
from omega_jupyter.store.chunks.identity import chunk_id
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore

ROWS = 70_000
GAPS = np.arange(ROWS) % 7 == 3
KEYS = [f"key-{i:08d}" for i in range(ROWS)]
TEXTS: dict[str, Any] = {
    "of one length": KEYS,
    "of one length, with gaps": np.where(GAPS, None, KEYS),
    "short": [str(i) for i in range(ROWS)],
    "with empty ones": ["" if i % 3 else f"ü{i}" for i in range(ROWS)],
    "one long": [*KEYS[1:], "x" * 70_000],
    "long": [f"{i}" * (1 + i % 400) for i in range(ROWS)],
    "only empty": [""] * ROWS,
    "only missing": [None] * ROWS,
    "few": [f"city {i % 9}" for i in range(ROWS)],
}
DTYPES = ["str", "string[python]", "string[pyarrow]"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_come_back(dtype: str, shared_datasets: DatasetStore) -> None:
    frame = pd.DataFrame({name: pd.array(list(v), dtype) for name, v in TEXTS.items()})
    shared_datasets.put(frame, "texts")

    assert_frame_equal(shared_datasets.get("texts"), frame, check_exact=True)
    some = shared_datasets.get("texts", **{"short__endswith": "77"})
    assert_frame_equal(some, frame[frame["short"].str.endswith("77")], check_exact=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_part_of_a_larger_column_comes_back(dtype: str, shared_datasets: DatasetStore) -> None:
    whole = pd.DataFrame({name: pd.array(list(v), dtype) for name, v in TEXTS.items()})
    frame = whole.iloc[1001:3007].reset_index(drop=True)
    shared_datasets.put(frame, "part")

    assert_frame_equal(shared_datasets.get("part"), frame, check_exact=True)


@pytest.mark.parametrize(
    ("at", "forged"),
    [(1, b"\x09"), (1, b"\x00"), (11, b"\x05"), (19, b"\xff" * 400)],
)
def test_numbers_that_do_not_fit_are_refused(
    at: int, forged: bytes, datasets: DatasetStore
) -> None:
    """Arrow would read beyond the bytes that there are."""
    datasets.put(pd.DataFrame({"a": pd.array(TEXTS["short"], "str")}), "X")
    collection = chunks(datasets._url)
    document = versions(datasets._url).find_one({"name": "X"})
    assert document is not None
    first = chunk_id(document["segments"][0]["s"], 0, 0, 0)
    chunk = collection.find_one({"_id": first})
    assert chunk is not None
    data = chunk["d"][:at] + forged + chunk["d"][at + len(forged) :]
    collection.update_one({"_id": chunk["_id"]}, {"$set": {"d": data, "h": checksum(data)}})

    with pytest.raises(Invalid, match="not sound"):
        datasets.get("X")
