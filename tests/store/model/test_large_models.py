"""Large models go in and out in parts: hardly a copy of them is made."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.files import spool
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge

X, y = load_iris(return_X_y=True)
FORTY_MIB = 40 << 20


def with_coefficients(count: int) -> LinearRegression:
    model = LinearRegression()
    model.coef_ = np.random.default_rng(0).random(count)
    model.intercept_ = 0.0
    return model


def peak_of(call: Callable[[], Any]) -> tuple[Any, int]:
    """Return what the call returns, and the most memory that it had at once."""
    tracemalloc.start()
    try:
        value = call()
        return value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_large_model_is_stored_without_a_copy_and_loaded_with_one(models: ModelStore) -> None:
    model = with_coefficients(FORTY_MIB // 8)

    metadata, put = peak_of(lambda: models.put(model, "m"))
    found, got = peak_of(lambda: models.get("m"))

    assert metadata.size >= FORTY_MIB
    assert chunks(models._url).count_documents({}) >= 40
    np.testing.assert_array_equal(found.coef_, model.coef_)
    # What is in flight, a few messages, does not grow with the model.
    assert put < 0.75 * FORTY_MIB
    assert got < 1.75 * FORTY_MIB


def test_model_above_two_gib_comes_back_whole(models: ModelStore) -> None:
    model = with_coefficients(1)
    model.coef_ = np.arange((2 << 30) // 8 + 100, dtype=np.float64)

    models.put(model, "m")

    np.testing.assert_array_equal(models.get("m").coef_, model.coef_)


def test_many_arrays_small_and_large_keep_their_places(models: ModelStore) -> None:
    rng = np.random.default_rng(0)
    model = LinearRegression()
    sizes = [1, 70_000, 0, 3, 200_000, 131_072, 5]
    model.parts_ = [rng.random(size) for size in sizes]  # type: ignore[attr-defined]
    model.matrix_ = np.asfortranarray(rng.random((300, 500)))  # type: ignore[attr-defined]

    models.put(model, "m")

    found = models.get("m")
    for part, expected in zip(found.parts_, model.parts_, strict=True):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(found.matrix_, model.matrix_)  # type: ignore[attr-defined]
    assert found.matrix_.flags.f_contiguous


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(60, random_state=0), KNeighborsClassifier(algorithm="kd_tree")],
    ids=lambda model: type(model).__name__,
)
def test_file_larger_than_the_memory_for_it_goes_over_the_disk(
    model: Any, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", 1000)
    model.fit(X, y)

    models.put(model, "m")

    np.testing.assert_array_equal(models.get("m").predict(X), model.predict(X))


def test_full_disk_is_said_and_nothing_is_stored(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> Any:
        return Path("/dev/full").open("w+b")

    monkeypatch.setattr(spool, "SpooledTemporaryFile", full)

    with pytest.raises(Invalid, match="temporary file can't be written: No space left") as caught:
        models.put(RandomForestClassifier(5).fit(X, y), "m")

    assert "TMPDIR" in str(caught.value.hint)
    assert not models.exists("m")


@pytest.mark.parametrize("size", [10, 200_000], ids=["inline", "chunks"])
@pytest.mark.parametrize("change", [{"file": 7}, {"annex": 3}, {"size": 100}, {"annex": 1 << 40}])
def test_sizes_that_are_not_true_are_found(
    size: int, change: dict[str, int], models: ModelStore
) -> None:
    models.put(with_coefficients(size), "m")
    forge(models, **{f"body_{name}": value for name, value in change.items()})

    with pytest.raises((Invalid, NotFound)):
        models.get("m")
