"""What takes how much room."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import forget
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.store import Store
from omega_jupyter.store.upkeep.usage import bytes_in_chunks
from tests.mongo_server import MongoServer
from tests.store.upkeep.test_garbage import abandon

LARGE = np.arange(100_000.0)


@pytest.fixture
def store(url: SecretUrl) -> Store:
    return Store(url)


def test_room_of_each_object_and_of_all(
    store: Store, datasets: DatasetStore, models: ModelStore
) -> None:
    for rows in (1, 2, 3):
        datasets.put(np.tile(LARGE, rows), "a/X")
    datasets.put(pd.DataFrame({"x": LARGE}), "Y")
    datasets.put([1], ".staged/z", task="z")
    models.put(LogisticRegression(), "a/X")
    datasets.put(LARGE, "gone")
    datasets.drop("gone")
    abandon(store._url)

    used = store.usage()

    assert [(o.store, o.name, o.versions) for o in used.objects[:2]] == [
        ("datasets", "a/X", 3),
        ("datasets", "Y", 1),
    ]
    assert {(o.store, o.name) for o in used.objects[2:]} == {
        ("models", "a/X"),
        ("datasets", ".staged/z"),
    }
    large = used.objects[0]
    assert (large.latest, large.size) == (2_400_000, 4_800_000)
    assert 4_800_000 < large.stored < 4_810_000
    assert used.stored == sum(o.stored for o in used.objects)
    assert used.garbage is not None
    assert (used.garbage.versions, used.garbage.segments) == (1, 2)
    assert used.disk is not None
    assert used.disk.indexes > 0
    assert "a/X" in str(used)
    assert "data set, 3 versions" in used._repr_html_()
    assert used.to_dict()["objects"][0]["stored"] == large.stored


def test_part_of_a_store(store: Store, datasets: DatasetStore) -> None:
    for name in ("a/X", "a/Y", "b/X"):
        datasets.put(LARGE, name)

    assert [o.name for o in store.usage("a/*").objects] == ["a/X", "a/Y"]
    assert [o.name for o in store.usage("*X").objects] == ["a/X", "b/X"]
    assert store.usage("a/*").disk is None
    assert bytes_in_chunks(store._url, "a/*") == 1_600_000


def test_what_is_shared_counts_once(store: Store, datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(LARGE, "X")
    one = store.usage()
    # As an append and a copy do.
    first = versions(url).find_one({"name": "X"}, {"_id": 0}) or {}
    versions(url).insert_many([first | {"version": 2}, first | {"name": "Y"}])

    used = store.usage()

    X, Y = used.objects
    inline = one.stored - 800_000
    assert (X.versions, Y.versions) == (2, 1)
    assert X.stored == 800_000 + 2 * inline
    assert Y.stored == 800_000 + inline
    assert used.stored == 800_000 + 3 * inline
    assert chunks(url).count_documents({}) == 1


def test_many_objects_are_shown_as_the_largest_and_the_rest(
    store: Store, datasets: DatasetStore
) -> None:
    for number in range(13):
        datasets.put(list(range(number)), f"n{number}")

    text = str(store.usage())

    assert "n12" in text
    assert "3 others" in text
    assert "n0 " not in text


def test_nothing_is_stored(store: Store) -> None:
    assert str(store.usage()).startswith("objects  0 with 0 versions")


def test_server_that_does_not_tell_is_no_error() -> None:
    with MongoServer(auth=True) as server:
        url = SecretUrl(server.alices_url())
        DatasetStore(url).put(LARGE, "X")
        server.restrict_alice(
            "find", "insert", "update", "remove", "createIndex", "createCollection"
        )

        used = Store(url).usage()

        assert used.disk is None
        assert used.objects[0].name == "X"
        forget(url)
