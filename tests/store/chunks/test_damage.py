"""Stored bytes that changed are never returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.chunks import chunks as chunks_module
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.versions.writing import content_hash

LARGE = np.arange(100_000, dtype="f8")


def flipped(data: bytes) -> bytes:
    """Change one bit in the middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def damage(url: SecretUrl, query: Document) -> None:
    """Change one bit of a chunk."""
    chunk = chunks(url).find_one(query)
    assert chunk is not None
    chunks(url).update_one({"_id": chunk["_id"]}, {"$set": {"d": flipped(chunk["d"])}})


@pytest.mark.parametrize("obj", [LARGE, pd.DataFrame({"a": LARGE}), list(range(100_000))])
def test_damaged_chunk_is_refused_by_name(obj: Any, datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(obj, "x")
    damage(url, {})

    with pytest.raises(Invalid, match="x@1 is damaged") as caught:
        datasets.get("x")

    assert "omega store check" in caught.value.hint


def test_damaged_part_of_a_cut_chunk_is_refused(
    datasets: DatasetStore, url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "PART_BYTES", 300_000)
    datasets.put(LARGE, "x")
    pd.testing.assert_series_equal(pd.Series(datasets.get("x")), pd.Series(LARGE))
    last = chunks(url).find_one(sort=[("_id", -1)])
    assert last is not None
    damage(url, {"_id": last["_id"]})

    with pytest.raises(Invalid, match="x@1 is damaged"):
        datasets.get("x")


def test_damaged_inline_data_are_refused(datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(LARGE[:100], "x")
    version = versions(url).find_one({"name": "x"})
    assert version is not None
    data = flipped(version["segments"][0]["d"]["0.0"])
    versions(url).update_one({"name": "x"}, {"$set": {"segments.0.d": {"0.0": data}}})

    with pytest.raises(Invalid, match="x@1 is damaged"):
        datasets.get("x")


def test_parts_that_are_not_read_need_not_be_sound(datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(pd.DataFrame({"a": LARGE, "b": LARGE.astype("i8")}), "x")
    first = chunks(url).find_one(sort=[("_id", 1)])
    assert first is not None
    damage(url, {"_id": first["_id"]})

    assert datasets.get("x", columns=["b"])["b"].sum() == LARGE.sum()


@pytest.mark.parametrize(
    "obj",
    [
        LARGE,
        LARGE[:3],
        {"plain": [1, 2.5, None]},
        pd.DataFrame({"a": LARGE, "b": LARGE.astype(str)}, index=LARGE),
        pd.DataFrame(
            {"a": pd.Categorical(["x", "y"])}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)])
        ),
    ],
)
def test_hash_can_be_made_again_of_what_is_stored(
    obj: Any, datasets: DatasetStore, url: SecretUrl
) -> None:
    metadata = datasets.put(obj, "x")
    version = versions(url).find_one({"name": "x"})
    assert version is not None

    assert content_hash(version["body"], version["segments"]) == metadata.hash
