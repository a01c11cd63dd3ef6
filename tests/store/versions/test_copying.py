"""A version under another name as well, without its data."""

from __future__ import annotations

import threading
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound, OmegaError
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.upkeep.check import check
from omega_jupyter.store.upkeep.garbage import collect
from tests.store.names.test_catalog import commands

LARGE = np.arange(50_000.0)
NOW = timedelta(0)


def test_copy_is_equal_and_takes_no_room(datasets: DatasetStore, url: SecretUrl) -> None:
    frame = pd.DataFrame({"x": LARGE, "y": "text"})
    source = datasets.put(frame, "X", attributes={"a": 1}, inputs={"raw": "R@1"}, task="t")
    stored = connect(url)["omega_chunks"].count_documents({})

    copied = datasets.copy("X", "folder/Y")

    assert copied.ref == "folder/Y@1"
    assert (copied.hash, copied.size, copied.columns) == (source.hash, source.size, source.columns)
    assert (copied.attributes, copied.task) == ({"a": 1}, None)
    assert copied.inputs == {"raw": "R@1", "copy": "X@1"}
    assert copied.created >= source.created
    pd.testing.assert_frame_equal(datasets.get("folder/Y"), frame)
    assert connect(url)["omega_chunks"].count_documents({}) == stored


def test_any_version_can_be_copied_and_is_a_version_there(datasets: DatasetStore) -> None:
    for value in (1, 2, 3):
        datasets.put(value, "X")
    datasets.tag("X@2", "prod")
    datasets.put(0, "Y")

    assert datasets.copy("X@prod", "Y").ref == "Y@2"
    assert datasets.copy("X", "Y", version=1).inputs == {"copy": "X@1"}
    assert datasets.copy("X@-1", "X").ref == "X@4"
    assert [datasets.get_version(m) for m in datasets.versions("Y")] == [0, 2, 1]
    assert datasets.tags("Y") == {}
    # An older version becomes the latest again.
    assert datasets.copy("X@1", "X").ref == "X@5"
    assert datasets.get("X") == 1


def test_copy_outlives_its_source(datasets: DatasetStore, url: SecretUrl) -> None:
    datasets.put(LARGE, "X")
    datasets.copy("X", "Y")
    datasets.drop("X")
    collect(url, grace=NOW)

    np.testing.assert_array_equal(datasets.get("Y"), LARGE)
    assert check(url).ok
    datasets.drop("Y")
    assert collect(url, grace=NOW).segments == 1


def test_scores_of_a_model_go_along(models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    models.add_score("m", {"score": 0.9, "task": "t"})

    assert models.copy("m", "prod/m").scores == [{"score": 0.9, "task": "t"}]


def test_what_can_not_be_copied_is_refused(datasets: DatasetStore) -> None:
    datasets.put(1, "X")

    with pytest.raises(NotFound, match="No data set 'Y'"):
        datasets.copy("Y", "Z")
    with pytest.raises(NotFound, match="no version 7"):
        datasets.copy("X@7", "Z")
    with pytest.raises(Invalid, match="names columns"):
        datasets.copy("X[a]", "Z")
    with pytest.raises(Invalid, match="plain name"):
        datasets.copy("X", "Z@2")
    assert datasets.list() == ["X"]


def test_rule_of_the_other_name_holds(datasets: DatasetStore) -> None:
    datasets.put(1, "X")
    datasets.put(0, "Y")
    datasets.keep("Y", 2)
    for _ in range(3):
        datasets.copy("X", "Y")

    assert [m.version for m in datasets.versions("Y")] == [3, 4]


def test_copy_takes_few_commands(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "X")
    with commands(url) as sent:
        datasets.copy("X", "Y")

    assert len(sent) <= 4


def test_copies_of_what_is_dropped_and_collected_are_whole_or_refused(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(0, "other")
    done = threading.Event()
    outcomes: list[str] = []

    def clean() -> None:
        while not done.is_set():
            collect(url, grace=NOW)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for turn in range(30):
            datasets.put(LARGE + turn, f"X{turn}")
            start = threading.Barrier(2)

            def drop(turn: int = turn, start: threading.Barrier = start) -> None:
                start.wait()
                datasets.drop(f"X{turn}")

            dropper = threading.Thread(target=drop)
            dropper.start()
            start.wait()
            try:
                datasets.copy(f"X{turn}", f"Y{turn}")
                outcomes.append("copied")
            except (NotFound, Conflict):
                outcomes.append("gone")
                assert not datasets.exists(f"Y{turn}")
            dropper.join()
    finally:
        done.set()
        cleaner.join()

    collect(url, grace=NOW)
    for turn, outcome in enumerate(outcomes):
        if outcome == "copied":
            np.testing.assert_array_equal(datasets.get(f"Y{turn}"), LARGE + turn)
    assert check(url).ok


@pytest.mark.parametrize("removed", ["X@1", "X"])
def test_copy_of_what_was_collected_meanwhile_is_taken_back(
    removed: str, datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(LARGE, "X")
    if removed == "X@1":
        datasets.put(2, "X")
    source = datasets._catalog.find("datasets", "X", 1)
    datasets.drop(removed)
    collect(url, grace=NOW)

    from omega_jupyter.store.versions.copying import copy_version

    with pytest.raises(Conflict, match="'Y' could not be stored: the version that it shares"):
        copy_version(url, source, "Y")

    assert not datasets.exists("Y")
    assert "Y" not in datasets.list()
    collect(url, grace=NOW)
    with pytest.raises(OmegaError):
        datasets.get("Y")
    assert check(url).ok
