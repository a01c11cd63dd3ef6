"""What a worker's cache is told that an object takes is about what it takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.models import ModelStore
from omega_jupyter.worker.size import memory_of, memory_of_model

N = 50_000


@pytest.fixture
def models(mongo_url: str) -> ModelStore:
    return ModelStore(SecretUrl(mongo_url))


def taken(make: Callable[[], Any]) -> tuple[Any, int]:
    """Make an object; return what was allocated for it and kept."""
    make()
    gc.collect()
    tracemalloc.start()
    try:
        obj = make()
        gc.collect()
        return obj, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


PYTHON = {
    "list of texts": lambda: [f"text {i}" for i in range(N)],
    "list of numbers": lambda: [i + 0.5 for i in range(N)],
    "dict": lambda: {f"word {i}": i + 1000 for i in range(N)},
    "records": lambda: [{"a": i + 1000, "b": f"text {i}"} for i in range(N)],
    "object array": lambda: np.array([f"text {i}" for i in range(N)], object),
    "object column": lambda: pd.DataFrame({"a": [f"text {i}" for i in range(N)]}, dtype=object),
    "object series": lambda: pd.Series([(i, f"text {i}") for i in range(N)], dtype=object),
}


@pytest.mark.parametrize("name", PYTHON)
def test_python_objects_are_estimated(name: str) -> None:
    obj, real = taken(PYTHON[name])

    assert 0.7 < memory_of(obj) / real < 1.4


@pytest.mark.parametrize(
    ("obj", "size"),
    [
        (np.zeros((1000, 100)), 800_000),
        (np.zeros((1000, 100))[::2].T, 400_000),
        (pd.DataFrame(np.zeros((1000, 100))), 800_000),
        (pd.Series(np.zeros(1000), index=np.arange(1000)), 16_000),
        (pd.Index(np.zeros(1000)), 8_000),
        (pd.Categorical(["a", "b"] * 50_000), 100_000),
        (pd.DataFrame({"a": pd.array(["text"] * 100_000, dtype="str")}), 1_200_000),
        (pa.table({"a": np.zeros(1000)}), 8_000),
        (pl.DataFrame({"a": np.zeros(1000)}), 8_000),
        (sp.eye_array(1000, format="csr"), 16_000),
        (sp.eye_array(1000, format="coo"), 16_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_are_counted(obj: Any, size: int) -> None:
    assert size <= memory_of(obj) < size + 5_000


def test_what_refers_to_itself_or_lies_deep_is_counted_once() -> None:
    loop: list[Any] = ["x" * 1000]
    loop.append(loop)
    deep: Any = "x"
    for _ in range(10_000):
        deep = [deep]

    assert 1000 < memory_of(loop) < 2000
    assert memory_of(deep) < 10_000
    assert memory_of(None) < 100


def test_forest_takes_what_its_file_takes(models: ModelStore) -> None:
    X = np.random.default_rng(0).random((2000, 5))
    models.put(RandomForestClassifier(20).fit(X, X[:, 0] > 0.5), "forest")
    stored = models.metadata("forest").size

    assert stored < memory_of_model(models.get("forest"), stored) < 1.3 * stored


def test_vocabulary_takes_more_than_its_file(models: ModelStore) -> None:
    words = " ".join(f"word{i}" for i in range(N))
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    models.put(model.fit([words, "word1"], [0, 1]), "text")
    metadata = models.metadata("text")
    models.get("text")

    loaded, real = taken(lambda: models.get("text"))

    assert real < memory_of_model(loaded, metadata.size) < 2 * real
    assert real > 1.5 * metadata.size
