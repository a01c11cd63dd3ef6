"""Tags name versions, move at once, and never come to mean another version."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.names.catalog import Catalog
from tests.store.names.test_catalog import commands


@pytest.fixture
def three(datasets: DatasetStore) -> DatasetStore:
    for value in (1, 2, 3):
        datasets.put(pd.DataFrame({"a": [value], "b": value}), "X")
    return datasets


def test_tag_names_a_version_everywhere(three: DatasetStore, models: ModelStore) -> None:
    tagged = three.tag("X", "prod", version=2)

    assert (tagged.version, tagged.tags) == (2, ("prod",))
    assert "X@2 (prod)" in repr(tagged)
    assert three.get("X@prod")["a"].item() == 2
    assert list(three.get("X[b]@prod")) == ["b"]
    assert three.get("X", version="prod")["a"].item() == 2
    assert three.head("X@prod")["a"].item() == 2
    assert three.exists("X@prod")
    assert three.metadata("X@prod").version == 2
    assert three.tags("X") == {"prod": 2}

    models.put(LogisticRegression(C=2.0), "m")
    models.put(LogisticRegression(), "m")
    models.tag("m@1", "prod")
    assert models.get("m@prod").C == 2.0
    assert [m.ref for m in Catalog(models._url).resolve([("models", "m@prod"), ("datasets", "X")])]
    assert [m.tags for m in models.versions("m")] == [("prod",), ()]


def test_latest_is_tagged_where_nothing_else_is_said(three: DatasetStore) -> None:
    three.tag("X", "b")
    three.tag("X@-2", "a.1-x_")
    three.tag("X@b", "c")
    three.put(4, "X")

    assert three.tags("X") == {"a.1-x_": 2, "b": 3, "c": 3}
    assert three.entries()[0].tags == ()
    assert [m.tags for m in three.versions("X")] == [(), ("a.1-x_",), ("b", "c"), ()]
    assert "b, c" in repr(three.metadata("X@3")._facts())
    assert three.metadata("X@3").to_dict()["tags"] == ["b", "c"]


def test_promotion_moves_the_tag_and_tells_the_version(three: DatasetStore) -> None:
    three.tag("X", "prod", version=1)
    three.tag("X", "staging", version=3)

    promoted = three.promote("X@staging", "prod")

    assert (promoted.ref, promoted.tags) == ("X@3", ("prod", "staging"))
    assert three.tags("X") == {"prod": 3, "staging": 3}
    with pytest.raises(Invalid, match="no version to promote"):
        three.promote("X", "prod")


def test_tag_that_is_not_there_is_named_with_those_that_are(three: DatasetStore) -> None:
    three.tag("X", "staging", version=2)
    three.tag("X", "best", version=1)

    for ask in (three.get, three.metadata, lambda name: three.promote(name, "p")):
        with pytest.raises(NotFound, match=r"'X' has no tag 'prod'; it has best \(@1\), staging"):
            ask("X@prod")
    with pytest.raises(NotFound, match="no tag 'prod'"):
        three.untag("X", "prod")
    with pytest.raises(NotFound, match="has no version 7"):
        three.tag("X", "prod", version=7)
    with pytest.raises(NotFound, match="No data set 'Y'"):
        three.tag("Y", "prod")
    for ask in (three.tags, three.get):
        with pytest.raises(NotFound, match="No data set 'Y'"):
            ask("Y")
    assert not three.exists("X@prod")
    assert three.tags("X") == {"best": 1, "staging": 2}


@pytest.mark.parametrize("wrong", ["", "1", "a b", "é", "a@b", "x" * 65, "latest", "-a", 3, "a\n"])
def test_what_can_not_be_a_tag_is_refused(wrong: str, three: DatasetStore) -> None:
    with pytest.raises(Invalid, match="can't be a tag"):
        three.tag("X", wrong)
    assert three.tags("X") == {}


def test_tag_goes_and_its_version_stays(three: DatasetStore) -> None:
    three.tag("X", "prod")
    three.untag("X", "prod")

    assert three.tags("X") == {}
    assert three.metadata("X@3").tags == ()
    assert len(three.versions("X")) == 3


def test_tag_does_not_outlive_a_drop(three: DatasetStore) -> None:
    three.tag("X", "prod")
    three.drop("X")
    three.put(5, "X")

    assert three.tags("X") == {}
    with pytest.raises(NotFound, match="has no tag 'prod'; it has none"):
        three.get("X@prod")
    three.tag("X", "prod")
    assert three.get("X@prod") == 5


def test_tag_that_a_killed_drop_has_left_means_nothing(three: DatasetStore, url: SecretUrl) -> None:
    three.tag("X", "prod")
    left = connect(url)["omega_names"].find_one({})
    three.drop("X")
    connect(url)["omega_names"].insert_one(left)
    assert not three.exists("X@prod")
    three.put(5, "X")

    assert three.tags("X") == {}
    assert not three.exists("X@prod")


def test_stores_keep_their_tags_apart(three: DatasetStore, models: ModelStore) -> None:
    models.put(LogisticRegression(), "X")
    models.tag("X", "prod")

    assert three.tags("X") == {}
    assert models.tags("X") == {"prod": 1}


def test_tag_costs_the_reader_one_command(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(1, "X")
    datasets.put(2, "X")
    datasets.tag("X@1", "prod")

    with commands(url) as plain:
        datasets.get("X")
    with commands(url) as tagged:
        assert datasets.get("X@prod") == 1
    with commands(url) as known:
        assert datasets.metadata("X@1").tags == ("prod",)
    with commands(url) as several:
        names = [("datasets", "X@prod"), ("datasets", "X"), ("datasets", "X@prod")]
        assert [m.version for m in Catalog(url).resolve(names)] == [1, 2, 1]

    assert len(plain) == len(tagged) == len(known) == len(several) == 1


def test_moving_tag_is_always_somewhere(datasets: DatasetStore) -> None:
    for value in (1, 2):
        datasets.put(np.full(3, value), "X")
    datasets.tag("X@1", "prod")
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(int(datasets.get("X@prod")[0]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(60):
            datasets.tag("X", "prod", version=turn % 2 + 1)
    finally:
        done.set()
        reader.join()

    assert seen == {1, 2}


def test_twenty_who_tag_at_once_leave_each_tag_once(datasets: DatasetStore) -> None:
    datasets.put(1, "X")
    datasets.put(2, "X")
    start = threading.Barrier(20)

    def work(number: int) -> None:
        start.wait()
        datasets.tag("X", f"t{number % 5}", version=number % 2 + 1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(datasets.tags("X")) == ["t0", "t1", "t2", "t3", "t4"]
    (named,) = connect(datasets._url)["omega_names"].find({"store": "datasets", "name": "X"})
    assert len(named["tags"]) == 5


def test_version_that_is_dropped_while_it_is_tagged_has_a_tag_or_is_gone(
    datasets: DatasetStore,
) -> None:
    for turn in range(15):
        name = f"X{turn}"
        datasets.put(1, name)
        datasets.put(2, name)
        start = threading.Barrier(2)
        won: list[str] = []

        def tag(name: str = name, start: threading.Barrier = start, won: list[str] = won) -> None:
            start.wait()
            try:
                datasets.tag(f"{name}@1", "prod")
            except NotFound:
                return
            won.append("tag")

        def drop(name: str = name, start: threading.Barrier = start, won: list[str] = won) -> None:
            start.wait()
            try:
                datasets.drop(f"{name}@1")
            except Conflict:
                return
            won.append("drop")

        threads = [threading.Thread(target=tag), threading.Thread(target=drop)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(won) <= 1
        assert datasets.exists(f"{name}@1") is (won != ["drop"])
        assert datasets.tags(name) == ({"prod": 1} if won == ["tag"] else {})
