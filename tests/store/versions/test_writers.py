"""Many writers of one name, in threads and in processes: every version whole, none lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.upkeep.check import check

WRITERS = 20
Work = Callable[[int], None]


def in_threads(work: Work) -> int:
    """Do the work twenty times at once; return how often it was done."""
    start = threading.Barrier(WRITERS)
    done: list[int] = []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except Conflict:
            return
        done.append(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


def in_processes(work: Work) -> int:
    """Do the work in twenty processes at once; return how often it was done."""
    read, write = os.pipe()
    children = []
    for number in range(WRITERS):
        child = os.fork()
        if child == 0:
            code = 9
            try:
                os.close(write)
                os.read(read, 1)  # ends when the parent closes the other end
                try:
                    work(number)
                    code = 0
                except Conflict:
                    code = 1
            finally:
                os._exit(code)
        children.append(child)
    os.close(read)
    os.close(write)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert set(codes) <= {0, 1}
    return codes.count(0)


together = pytest.mark.parametrize("at_once", [in_threads, in_processes])
numbered = list(range(1, WRITERS + 1))


@together
def test_data_sets_are_numbered_without_gaps(
    at_once: Callable[[Work], int], url: SecretUrl, datasets: DatasetStore
) -> None:
    def put(value: int) -> None:
        # Some in the version document, some in chunks of its own.
        rows = 20_000 if value % 2 else 3
        DatasetStore(url).put(pd.DataFrame({"x": np.full(rows, value)}), "X")

    assert at_once(put) == WRITERS

    history = datasets.versions("X")
    assert [metadata.version for metadata in history] == numbered
    frames = [datasets.get_version(metadata) for metadata in history]
    assert all(frame["x"].nunique() == 1 for frame in frames)
    assert sorted(int(frame["x"].iloc[0]) for frame in frames) == list(range(WRITERS))
    assert check(url).ok


@together
def test_models_are_numbered_without_gaps(
    at_once: Callable[[Work], int], url: SecretUrl, models: ModelStore
) -> None:
    X = np.arange(6.0).reshape(3, 2)

    def put(value: int) -> None:
        ModelStore(url).put(LinearRegression().fit(X, np.full(3, value)), "m", task=f"t{value}")

    assert at_once(put) == WRITERS

    history = models.versions("m")
    assert [metadata.version for metadata in history] == numbered
    predicted = [float(models.get_version(metadata).predict(X)[0]) for metadata in history]
    np.testing.assert_allclose(sorted(predicted), range(WRITERS), atol=1e-9)
    assert sorted(str(metadata.task) for metadata in history) == sorted(
        f"t{n}" for n in range(WRITERS)
    )


@together
@pytest.mark.parametrize("value", [1, np.ones(50_000)], ids=["inline", "chunks"])
def test_one_of_twenty_is_first(
    at_once: Callable[[Work], int], value: Any, url: SecretUrl, datasets: DatasetStore
) -> None:
    assert at_once(lambda _: _new(DatasetStore(url), value)) == 1

    assert [metadata.version for metadata in datasets.versions("X")] == [1]
    assert np.all(datasets.get("X") == 1)
    # What the others had written is deleted.
    segments = {chunk["_id"][:12] for chunk in chunks(url).find({}, {"_id": 1})}
    assert len(segments) == int(isinstance(value, np.ndarray))
    datasets.drop("X")
    assert at_once(lambda _: _new(DatasetStore(url), value)) == 1
    assert [metadata.version for metadata in datasets.versions("X")] == [3]


def _new(store: DatasetStore, value: Any) -> None:
    store.put(value, "X", if_exists="fail")
