"""Stores on an empty database."""

from __future__ import annotations

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.store import objects
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.table import layout, write


@pytest.fixture
def url(mongo_url: str) -> SecretUrl:
    return SecretUrl(mongo_url)


@pytest.fixture
def datasets(url: SecretUrl) -> DatasetStore:
    return DatasetStore(url)


@pytest.fixture
def models(url: SecretUrl) -> ModelStore:
    return ModelStore(url)


@pytest.fixture
def _tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut every object into chunks, and tables into row groups of two rows."""
    monkeypatch.setattr(objects, "INLINE_BYTES", -1)
    monkeypatch.setattr(write, "INLINE_BYTES", -1)
    monkeypatch.setattr(layout, "MIN_GROUP_ROWS", 2)
    monkeypatch.setattr(layout, "MAX_GROUP_ROWS", 2)
