"""Data that was made up reads no memory that is not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from omega_jupyter.errors import Invalid, OmegaError
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "lil"),
        ("format", "dok"),
        ("format", "no"),
        ("class", None),
        ("shape", [20]),
        ("shape", [-20, 30]),
        ("shape", [None, 30]),
        ("shape", 600),
        ("parts", []),
        ("parts", [{"descr": "no"}]),
        ("flags", {"shape": 1}),
    ],
)
def test_description_of_a_sparse_matrix(field: str, value: Any, datasets: DatasetStore) -> None:
    datasets.put(MATRIX.tocsr(), "X")
    collection = versions(datasets._url)

    collection.update_one({"name": "X"}, {"$set": {f"body.{field}": value}})
    forge(datasets, lambda inline: None)

    with pytest.raises(Invalid, match="X@1 is a damaged sparse matrix"):
        datasets.get("X")


def test_columns_beyond_the_places_of_a_sparse_matrix(datasets: DatasetStore) -> None:
    datasets.put(MATRIX.tocsr(), "X")
    collection = versions(datasets._url)

    collection.update_one({"name": "X"}, {"$set": {"body.shape": [20, 1 << 62]}})
    forge(datasets, lambda inline: None)

    with pytest.raises(Invalid, match="X@1 is a damaged sparse matrix"):
        datasets.head("X", 3)


Path = tuple[str | int, ...]

HUGE = (1 << 62) - 1
FRAME = pd.DataFrame({"a": range(6), "s": ["x", "y", None] * 2})
LEVELS = FRAME.set_index(pd.MultiIndex.from_product([["a", "b"], [1, 2, 3]]))
# What is put, and the numbers of its description that say how much there is.
COUNTS: list[tuple[Any, Path]] = [
    (FRAME, ("rows",)),
    (FRAME, ("width",)),
    (FRAME, ("group_rows",)),
    (FRAME, ("columns", 0, 0)),
    (FRAME, ("blocks", 0, 1)),
    (FRAME, ("tables", 0, "rows", 0)),
    (FRAME, ("tables", 0, "i")),
    (FRAME, ("labels",)),
    (FRAME, ("index", "stop")),
    (FRAME, ("index", "start")),
    (FRAME.iloc[:0], ("rows",)),
    (LEVELS, ("index", "levels", 0)),
    (LEVELS, ("tables", 0, "rows", 0)),
    (FRAME["a"], ("rows",)),
    (pd.Index(["x", "y"]), ("tables", 0, "rows", 0)),
    (pl.DataFrame({"a": range(6)}), ("tables", 0, "rows", 0)),
    (pa.table(FRAME), ("columns", 0, 0)),
    (np.arange(6.0).reshape(3, 2), ("shape", 0)),
    (np.asfortranarray(np.arange(6.0).reshape(3, 2)), ("shape", 1)),
    (np.arange(6.0), ("size",)),
    (np.array(["x", "y"], dtype=np.dtypes.StringDType()), ("shape", 0)),
    (np.ma.masked_equal([1, 2, 3], 2), ("mask", "shape", 0)),
    (MATRIX.tocsr(), ("shape", 0)),
    (MATRIX.tocsr(), ("parts", 0, "shape", 0)),
    (MATRIX.tocsc(), ("parts", 2, "size")),
    ([1, 2, 3], ("size",)),
    (b"bytes", ("size",)),
    (memoryview(np.arange(6)), ("view", "shape", 0)),
]


def told(value: Any) -> str:
    return ".".join(map(str, value)) if type(value) is tuple else type(value).__name__


@pytest.mark.parametrize("value", [HUGE, 1 << 33, -1])
@pytest.mark.parametrize(("put", "path"), COUNTS, ids=told)
def test_counts_beyond_all_measure(
    put: Any, path: Path, value: int, shared_datasets: DatasetStore
) -> None:
    """No room is made for what is not there, and nothing but that object is touched."""
    shared_datasets.put(put, "X")
    document = change_body(shared_datasets, path, value, right_hash=True)

    with pytest.raises(OmegaError):
        shared_datasets.get("X")

    assert versions(shared_datasets._url).find_one({"_id": document["_id"]}) == document


@pytest.mark.parametrize(("put", "path"), COUNTS, ids=told)
def test_damaged_counts_name_the_object(
    put: Any, path: Path, shared_datasets: DatasetStore
) -> None:
    ref = shared_datasets.put(put, "X").ref
    change_body(shared_datasets, path, HUGE, right_hash=False)

    with pytest.raises(Invalid, match=f"^{ref} is (a )?damaged") as caught:
        shared_datasets.get("X")

    assert caught.value.hint
    assert not Store(shared_datasets._url).check("X")
    shared_datasets.drop("X")


def test_damaged_table_is_not_added_to(datasets: DatasetStore) -> None:
    datasets.put(FRAME, "X")
    change_body(datasets, ("rows",), HUGE, right_hash=True)

    with pytest.raises(Invalid, match="X@1 is damaged"):
        datasets.put(FRAME, "X", append=True)
    with pytest.raises(Invalid, match="X@1 is damaged"):
        datasets.getl("X")

    assert [metadata.version for metadata in datasets.versions("X")] == [1]


def change_body(
    datasets: DatasetStore, path: Path, value: int, *, right_hash: bool
) -> dict[str, Any]:
    newest = versions(datasets._url).find_one({"name": "X"}, sort=[("version", -1)]) or {}
    inner: Any = newest["body"]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    if right_hash:
        newest["hash"] = newest["body"]["digest"] = content_hash(newest["body"], newest["segments"])
    versions(datasets._url).replace_one({"_id": newest["_id"]}, newest)
    return newest
