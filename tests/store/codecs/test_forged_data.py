"""Data that was made up reads no memory that is not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from omega_jupyter.errors import Invalid
from omega_jupyter.store.chunks.checksum import of_inline
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.store import Store
from omega_jupyter.store.versions.writing import content_hash


def forge(datasets: DatasetStore, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the chunks of X and make all checksums right again."""
    document = versions(datasets._url).find_one({"name": "X"}) or {}
    (entry,) = document["segments"]
    change(entry["d"])
    entry["h"] = of_inline(entry["d"])
    del document["body"]["digest"]
    document["hash"] = content_hash(document["body"], document["segments"])
    document["body"]["digest"] = document["hash"]
    versions(datasets._url).replace_one({"_id": document["_id"]}, document)
    assert Store(datasets._url).check()


def swap(old: bytes, new: bytes) -> Callable[[dict[str, Any]], None]:
    def change(inline: dict[str, Any]) -> None:
        (key,) = [key for key, data in inline.items() if data == old]
        inline[key] = new

    return change


@pytest.mark.parametrize("code", [100, -2])
@pytest.mark.parametrize("values", [["a", "b", "a"], [5, 7, 5]])
def test_codes_of_categories(values: list[Any], code: int, datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"c": pd.Categorical(values)}), "X")

    forge(datasets, swap(bytes([0, 1, 0]), np.array([0, code, 0], "i1").tobytes()))

    with pytest.raises(Invalid, match="codes point beyond the values"):
        datasets.get("X")


@pytest.mark.parametrize("code", [100, -2])
def test_codes_of_a_multiindex(code: int, datasets: DatasetStore) -> None:
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2, 3]])
    datasets.put(pd.DataFrame({"x": range(6)}, index=index), "X")
    codes = np.array([0, 0, 0, 1, 1, code], "i1").tobytes()

    forge(datasets, swap(bytes([0, 0, 0, 1, 1, 1]), codes))

    with pytest.raises(Invalid, match="codes point beyond the values"):
        datasets.get("X")


MATRIX = scipy.sparse.random(20, 30, 0.3, rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("place", [10_000_000, -1])
def test_places_of_a_sparse_matrix(kind: str, place: int, datasets: DatasetStore) -> None:
    datasets.put(MATRIX.asformat(kind), "X")
    assert (datasets.get("X") != MATRIX.asformat(kind)).nnz == 0

    def change(inline: dict[str, Any]) -> None:
        places = np.frombuffer(inline["0.1"], "i4").copy()
        places[-1] = place
        # Diagonals may be anywhere; but there must be as many as there is data.
        inline["0.1"] = (places if kind != "dia" else places[:-1]).tobytes()

    if kind == "dia":
        document = versions(datasets._url).find_one({"name": "X"}) or {}
        part = document["body"]["parts"][1]
        part["size"], part["shape"] = part["size"] - 4, [part["shape"][0] - 1]
        versions(datasets._url).replace_one({"_id": document["_id"]}, document)
    forge(datasets, change)

    with pytest.raises(Invalid, match="damaged sparse matrix"):
        datasets.get("X")


@pytest.mark.parametrize("start", [1 << 30, -5])
def test_rows_of_a_sparse_matrix(start: int, datasets: DatasetStore) -> None:
    datasets.put(MATRIX.tocsr(), "X")

    def change(inline: dict[str, Any]) -> None:
        starts = np.frombuffer(inline["0.2"], "i4").copy()
        starts[5] = start
        inline["0.2"] = starts.tobytes()

    forge(datasets, change)

    with pytest.raises(Invalid, match="damaged sparse matrix"):
        datasets.get("X")
