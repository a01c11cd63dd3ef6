"""What was stored in earlier forms of format 1 comes back as it was put, and is added to."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.store import Store
from tests.store.archive.earlier_forms import ROWS, data_sets

ARCHIVE = Path(__file__).parent / "earlier_forms.omega.gz"
DATA_SETS = data_sets()


@pytest.fixture(scope="module")
def stored(shared_url: SecretUrl, tmp_path_factory: pytest.TempPathFactory) -> DatasetStore:
    file = tmp_path_factory.mktemp("archive") / "earlier_forms.omega"
    file.write_bytes(gzip.decompress(ARCHIVE.read_bytes()))
    Store(shared_url).import_(file)
    return DatasetStore(shared_url)


def assert_same(found: Any, put: Any) -> None:
    assert type(found) is type(put)
    if isinstance(put, pd.DataFrame):
        pd.testing.assert_frame_equal(found, put, check_exact=True, check_freq=True)
    elif isinstance(put, pd.Series):
        pd.testing.assert_series_equal(found, put, check_exact=True)
    elif isinstance(put, pd.Index):
        pd.testing.assert_index_equal(found, put, exact=True)
    elif isinstance(put, np.ndarray):
        assert (found.dtype, found.flags.f_contiguous) == (put.dtype, put.flags.f_contiguous)
        np.testing.assert_array_equal(found, put)
        np.testing.assert_array_equal(np.ma.getmask(found), np.ma.getmask(put))
    elif isinstance(put, scipy.sparse.csr_array):
        np.testing.assert_array_equal(found.toarray(), put.toarray())
    elif isinstance(put, pl.DataFrame | pa.Table):
        assert found.schema == put.schema
        assert found.equals(put)
    else:
        assert found == put


@pytest.mark.parametrize("way", ["inline", "chunks"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_kind_comes_back_as_it_was_put(way: str, name: str, stored: DatasetStore) -> None:
    assert_same(stored.get(f"{way}/{name}"), DATA_SETS[name])


def test_archive_holds_chunks_of_the_earlier_form() -> None:
    """Nothing is tested where it was written anew by what reads it."""
    documents = bson.decode_all(gzip.decompress(ARCHIVE.read_bytes()))
    chunks = [document["chunk"]["d"] for document in documents if "chunk" in document]
    plain = (np.arange(ROWS) * 1000).tobytes()
    assert any(plain in chunk for chunk in chunks)
    assert not any(chunk[:1] == b"T" for chunk in chunks)


@pytest.mark.parametrize(
    "condition",
    [{"int64__gte": 290_000}, {"text__eq": "größe 10000"}, {"period__lt": "2026-03"}],
    ids=str,
)
@pytest.mark.parametrize("way", ["inline/frame", "chunks/frame"])
def test_conditions_find_the_same_rows(
    way: str, condition: dict[str, Any], stored: DatasetStore
) -> None:
    found = stored.get(way, **condition)

    assert 0 < len(found) < 12
    expected = DATA_SETS["frame"].loc[found.index]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_rows_are_added_to_what_was_stored_before(stored: DatasetStore) -> None:
    frame = DATA_SETS["frame"]
    pd.testing.assert_frame_equal(stored.get("appended"), frame, check_exact=True)

    stored.put(frame, "appended", append=True)
    stored.put(frame, "chunks/frame", append=True)

    twice = pd.concat([frame, frame], ignore_index=True)
    for name in ("appended", "chunks/frame"):
        pd.testing.assert_frame_equal(stored.get(name), twice, check_exact=True)
        pd.testing.assert_frame_equal(stored.getl(name).value, twice, check_exact=True)
    pd.testing.assert_frame_equal(stored.get("chunks/frame@1"), frame, check_exact=True)


def test_check_finds_nothing(stored: DatasetStore) -> None:
    assert Store(stored._url).check()
