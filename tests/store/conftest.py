"""Stores on an empty database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.append import appending
from omega_jupyter.store.database.connection import connect, forget
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.interchange import arrow_files, arrow_form, csv_file, exporting
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.payload.payload import INLINE_BYTES
from omega_jupyter.store.table import layout, write
from omega_jupyter.store.versions import writing


@pytest.fixture
def url(mongo_url: str) -> SecretUrl:
    return SecretUrl(mongo_url)


@pytest.fixture
def datasets(url: SecretUrl) -> DatasetStore:
    return DatasetStore(url)


@pytest.fixture
def models(url: SecretUrl) -> ModelStore:
    return ModelStore(url)


@pytest.fixture(scope="module")
def shared_url(mongod: str) -> Iterator[SecretUrl]:
    """A database for the tests of a module that only put and get: making one takes time."""
    url = SecretUrl(f"{mongod}/shared_{uuid.uuid4().hex[:12]}")
    yield url
    database = connect(url)
    database.client.drop_database(database.name)
    forget(url)


@pytest.fixture
def shared_datasets(shared_url: SecretUrl) -> DatasetStore:
    return DatasetStore(shared_url)


@pytest.fixture
def shared_models(shared_url: SecretUrl) -> ModelStore:
    return ModelStore(shared_url)


@pytest.fixture
def _tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut every object into chunks, and tables into row groups of two rows."""
    monkeypatch.setattr(writing, "INLINE_BYTES", -1)
    monkeypatch.setattr(write, "INLINE_BYTES", -1)
    monkeypatch.setattr(appending, "INLINE_BYTES", -1)
    monkeypatch.setattr(appending, "TAIL_BYTES", -1)
    monkeypatch.setattr(layout, "MIN_GROUP_ROWS", 2)
    monkeypatch.setattr(layout, "MAX_GROUP_ROWS", 2)


@pytest.fixture
def _tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and write two rows at a time."""
    for module, name in [
        (arrow_files, "BATCH_ROWS"),
        (arrow_files, "MIN_BATCH_ROWS"),
        (csv_file, "MIN_ROWS"),
        (csv_file, "MAX_ROWS"),
        (arrow_form, "CHUNK_ROWS"),
        (exporting, "CHUNK_ROWS"),
    ]:
        monkeypatch.setattr(module, name, 2)


@pytest.fixture(params=["inline", "apart", "joined"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How rows are written: in the document, in chunks of their own, with those before."""
    if request.param != "inline":
        request.getfixturevalue("_tiny_chunks")
    if request.param == "joined":
        monkeypatch.setattr(appending, "INLINE_BYTES", INLINE_BYTES)
    return str(request.param)
