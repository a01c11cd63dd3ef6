"""Names: lists, patterns, suggestions, and how many commands they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from pymongo import monitoring
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound, Unavailable
from omega_jupyter.store.database.connection import connect, forget
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.names.catalog import Catalog
from tests.listener import Listener


class Commands(Listener):
    """Notes the names of commands."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        # endSessions: the listener's own client says goodbye.
        if event.command_name != "endSessions":
            self.names.append(event.command_name)


@contextmanager
def commands(url: SecretUrl) -> Iterator[list[str]]:
    """Note the commands of the block."""
    listener = Commands()
    forget(url)
    monitoring.register(listener)
    try:
        connect(url).command("ping")
        listener.names.clear()
        yield listener.names
    finally:
        monitoring._LISTENERS.command_listeners.remove(listener)
        forget(url)


def test_small_frame_costs_few_commands(url: SecretUrl, datasets: DatasetStore) -> None:
    frame = pd.DataFrame(np.ones((150, 5)), columns=list("abcde"))
    datasets.put(frame, "X")

    with commands(url) as put:
        datasets.put(frame, "X")
    with commands(url) as get:
        datasets.get("X")
    with commands(url) as part:
        datasets.get("X[a,b]", c__gt=0)
    with commands(url) as task:
        datasets.put(frame, "X", task="t", if_exists="replace")

    assert len(put) <= 2
    assert len(get) == len(part) == 1
    assert len(task) <= 4


def test_large_frame_shows_its_head_with_one_command(
    url: SecretUrl, datasets: DatasetStore
) -> None:
    frame = pd.DataFrame({"x": np.arange(300_000), "y": "text"})
    datasets.put(frame, "X")

    with commands(url) as head:
        found = datasets.head("X", 5)

    assert found.equals(frame.head())
    assert len(head) == 1


def test_objects_of_both_stores_are_resolved_with_one_command(
    url: SecretUrl, datasets: DatasetStore, models: ModelStore
) -> None:
    models.put(LogisticRegression(), "m")
    for value in (1, 2, 3):
        datasets.put([value], "X")
    datasets.put([0], "y")

    with commands(url) as sent:
        found = Catalog(url).resolve(
            [("models", "m"), ("datasets", "X"), ("datasets", "X@1"), ("datasets", "X[a]@-2")]
            + [("datasets", "y"), ("datasets", "y")]
        )

    assert [m.ref for m in found] == ["m@1", "X@3", "X@1", "X@2", "y@1", "y@1"]
    assert len(sent) == 1
    assert datasets.get_version(found[2]) == [1]
    assert Catalog(url).resolve([]) == []


def test_what_can_not_be_resolved_is_named(
    url: SecretUrl, datasets: DatasetStore, models: ModelStore
) -> None:
    models.put(LogisticRegression(), "mymodel")
    datasets.put([1], "X")

    with pytest.raises(NotFound, match=r"No model 'mymodle'\. Did you mean 'mymodel'\?"):
        Catalog(url).resolve([("datasets", "X"), ("models", "mymodle")])
    with pytest.raises(NotFound, match=r"No model 'X'\. There is a data set of that name\."):
        models.get("X")
    with pytest.raises(NotFound, match=r"No data set 'x'\. Did you mean 'X'\?") as caught:
        datasets.get("x")
    assert caught.value.hint == "`%omega ls` lists what is stored"


def test_empty_database_lists_nothing(datasets: DatasetStore) -> None:
    assert datasets.list() == datasets.entries() == []
    assert not datasets.exists("X")
    with pytest.raises(NotFound, match="No data set 'X'"):
        datasets.get("X")


def test_list_is_sorted_and_takes_patterns(datasets: DatasetStore) -> None:
    for name in ("b", "a/1", "a/2", "a/x/1", "B", ".staged/x", "ä"):
        datasets.put(pd.DataFrame() if name == "b" else 1, name, task=name)
    datasets.put(2, "a/1")
    datasets.put(1, "gone")
    datasets.drop("gone")

    assert datasets.list() == ["B", "a/1", "a/2", "a/x/1", "b", "ä"]
    assert datasets.list("a/*") == ["a/1", "a/2", "a/x/1"]
    assert datasets.list("?/1") == ["a/1"]
    assert datasets.list("*1") == ["a/1", "a/x/1"]
    assert datasets.list("b") == ["b"]
    assert datasets.list("nothing*") == []
    assert datasets.list(kind="dataframe") == ["b"]
    assert datasets.list(hidden=True)[0] == ".staged/x"
    assert datasets.list(".staged/*") == [".staged/x"]


def test_entries_are_the_latest_versions(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": [1]}), "b")
    datasets.put(1, "a")
    datasets.put([1, 2], "a")
    datasets.put(1, "gone")
    datasets.drop("gone")
    datasets.put(1, ".staged/x", task="x")

    assert [m.ref for m in datasets.entries()] == ["a@2", "b@1"]
    assert datasets.entries()[1].columns == (("x", "int64"),)
    assert datasets.entries() == [datasets.metadata("a"), datasets.metadata("b")]
    assert [m.name for m in datasets.entries("b*")] == ["b"]
    assert len(datasets.entries(hidden=True)) == 3
    # They carry no data, and load all the same.
    assert datasets.get_version(datasets.entries()[0]) == [1, 2]


def test_server_that_is_down_is_told(datasets: DatasetStore) -> None:
    store = DatasetStore(SecretUrl("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50"))

    with pytest.raises(Unavailable):
        store.get("X")
    with pytest.raises(Unavailable):
        store.put(1, "X")
