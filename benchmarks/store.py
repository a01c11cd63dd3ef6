"""Data sets against Parquet on the local disk, and against a document for each row."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runner import run
from benchmarks.servers import mongod
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.connection import connect
from omega_jupyter.store.datasets import DatasetStore

ROWS = 1_000_000


def numbers() -> pd.DataFrame:
    """Return frame A: a million rows of ten floats."""
    values = np.random.default_rng(0).random((ROWS, 10))
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(10)])


def mixed() -> pd.DataFrame:
    """Return frame B: a million rows of numbers, text, time, category and missing values."""
    rng = np.random.default_rng(1)
    low = pd.array([f"city {i}" for i in range(100)], dtype="str")
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "small": rng.integers(0, 100, ROWS, dtype=np.int32),
            "count": rng.integers(0, 10_000, ROWS),
            "x": rng.random(ROWS),
            "price": rng.random(ROWS).round(2),
            "single": rng.random(ROWS, dtype=np.float32),
            "city": low[rng.integers(0, 100, ROWS)],
            "key": pd.array([f"key-{i:08d}" for i in rng.permutation(ROWS)], dtype="str"),
            "at": pd.date_range("2020", periods=ROWS, freq="s", tz="Europe/Berlin", unit="us"),
            "kind": pd.Categorical.from_codes(rng.integers(0, 5, ROWS), list("abcde")),
            "flag": pd.arrays.BooleanArray(rng.random(ROWS) < 0.5, rng.random(ROWS) < 0.1),
        }
    )


def wide() -> pd.DataFrame:
    """Return frame C: ten thousand rows of a thousand floats."""
    values = np.random.default_rng(2).random((10_000, 1000))
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(1000)])


def small() -> pd.DataFrame:
    """Return frame D: as small as the iris data."""
    values = np.random.default_rng(3).random((150, 5))
    return pd.DataFrame(values, columns=list("abcde"))


def parquet(name: str, frame: pd.DataFrame, store: DatasetStore, folder: Path) -> None:
    """Compare with a file on this disk; ratios are ours to the file's."""
    path = folder / f"{name}.parquet"
    calls = 20 if len(frame) < 1000 else 1
    two = list(frame.columns[[0, -1]])
    first = frame.columns[0]
    sorted_ = frame.sort_values(first, ignore_index=True)
    bound = float(sorted_[first].iloc[len(frame) * 99 // 100])
    store.put(sorted_, f"{name}/sorted")
    sorted_.to_parquet(folder / f"{name}-sorted.parquet")
    del sorted_
    # Its rows with the highest values are anywhere.
    random = frame.columns[3]
    high = float(frame[random].quantile(0.99))
    other = f"{name}/sorted"
    file = folder / f"{name}-sorted.parquet"
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "put": (lambda: frame.to_parquet(path), lambda: store.put(frame, name)),
        "get": (lambda: pd.read_parquet(path), lambda: store.get(name)),
        "two columns": (
            lambda: pd.read_parquet(path, columns=two),
            lambda: store.get(name, columns=two),
        ),
        "1 % by a sorted column": (
            lambda: pd.read_parquet(file, filters=[(first, ">", bound)]),
            lambda: store.get(other, **{f"{first}__gt": bound}),
        ),
        "1 % by a random column": (
            lambda: pd.read_parquet(path, filters=[(random, ">", high)]),
            lambda: store.get(name, **{f"{random}__gt": high}),
        ),
        "head": (lambda: pd.read_parquet(path).head(), lambda: store.head(name)),
    }
    for what, (theirs, ours) in pairs.items():
        peers = {"Parquet on disk": theirs, "ours": ours}
        run(f"{name}: {what}", peers, rounds=15, warmup=2, calls=calls)


def rows(name: str, frame: pd.DataFrame, store: DatasetStore) -> None:
    """Compare with a document for each row; ratios are theirs to ours."""
    collection = connect(store._url)["rows"]

    def put() -> None:
        collection.drop()
        collection.insert_many(frame.to_dict("records"))

    def get() -> pd.DataFrame:
        return pd.DataFrame(list(collection.find({}, {"_id": 0})))

    run(f"{name}: put", {"ours": lambda: store.put(frame, name), "rows": put}, rounds=3, warmup=1)
    run(f"{name}: get", {"ours": lambda: store.get(name), "rows": get}, rounds=3, warmup=1)
    collection.drop()


def main(wanted: str = "ABCD") -> None:
    """Print the ratios."""
    frames = {"A": numbers, "B": mixed, "C": wide, "D": small}
    with mongod() as server, tempfile.TemporaryDirectory() as folder:
        store = DatasetStore(SecretUrl(f"{server}/bench"))
        for name, make in frames.items():
            if name in wanted:
                parquet(name, make(), store, Path(folder))
        if "A" in wanted:
            rows("A", numbers(), store)


if __name__ == "__main__":
    main(*sys.argv[1:])
