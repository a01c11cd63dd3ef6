"""Versions that leave: by rule, or one at a time; and what stays for readers and tasks."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.submission import Submitter
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.lease import reading
from omega_jupyter.store.database.schema import names, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.upkeep.check import check
from omega_jupyter.store.upkeep.garbage import collect
from omega_jupyter.store.upkeep.usage import usage
from tests.store.names.test_catalog import commands

LARGE = np.arange(50_000.0)
NOW = timedelta(0)


def numbers(store: DatasetStore | ModelStore, name: str) -> list[int]:
    return [metadata.version for metadata in store.versions(name)]


def fill(store: DatasetStore, name: str, count: int) -> None:
    for value in range(1, count + 1):
        store.put(value, name)


def segments(url: SecretUrl) -> int:
    return len({chunk["_id"][:12] for chunk in connect(url)["omega_chunks"].find({}, {"_id": 1})})


def test_newest_and_tagged_versions_stay(datasets: DatasetStore) -> None:
    fill(datasets, "X", 6)
    datasets.tag("X@2", "prod")

    assert datasets.keep("X", 3) == [1, 3]

    assert numbers(datasets, "X") == [2, 4, 5, 6]
    datasets.put(7, "X")
    assert numbers(datasets, "X") == [2, 5, 6, 7]
    datasets.untag("X", "prod")
    datasets.put(8, "X")
    assert numbers(datasets, "X") == [6, 7, 8]
    assert datasets.metadata("X").keep == 3
    assert "the newest 3 versions" in repr(datasets.metadata("X")._facts())


def test_what_left_is_left_out_everywhere(datasets: DatasetStore) -> None:
    fill(datasets, "X", 5)
    datasets.keep("X", 2)

    assert datasets.get("X") == 5
    assert datasets.get("X@-2") == 4
    for gone in ("X@3", "X@-3", "X@1"):
        assert not datasets.exists(gone)
        with pytest.raises(NotFound, match="'X' has no version"):
            datasets.get(gone)
    with pytest.raises(NotFound):
        datasets.tag("X@3", "prod")
    assert [entry.version for entry in datasets.entries()] == [5]
    assert datasets.put(6, "X").version == 6


def test_rule_is_taken_off_again(datasets: DatasetStore) -> None:
    fill(datasets, "X", 3)
    datasets.keep("X", 1)
    assert datasets.keep("X", None) == []
    fill(datasets, "X", 3)

    assert numbers(datasets, "X") == [3, 4, 5, 6]
    assert datasets.metadata("X").keep is None
    assert names(datasets._url).count_documents({}) == 0


@pytest.mark.parametrize("count", [0, -1, True, 2.0, "3", 1 << 40])
def test_count_that_is_none_is_refused(count: int, datasets: DatasetStore) -> None:
    fill(datasets, "X", 2)

    with pytest.raises(Invalid, match="number of versions from 1"):
        datasets.keep("X", count)
    with pytest.raises(NotFound, match="No data set 'Y'"):
        datasets.keep("Y", 3)
    assert numbers(datasets, "X") == [1, 2]


def test_rule_does_not_outlive_a_drop(datasets: DatasetStore) -> None:
    fill(datasets, "X", 3)
    datasets.keep("X", 1)
    left = names(datasets._url).find_one({})
    datasets.drop("X")
    fill(datasets, "X", 3)
    assert numbers(datasets, "X") == [5, 6, 7]

    # Nor where the drop was killed before it took the rule off.
    names(datasets._url).insert_one(left or {})
    datasets.put(4, "X")
    assert numbers(datasets, "X") == [5, 6, 7, 8]


def test_rule_costs_others_no_command(url: SecretUrl, datasets: DatasetStore) -> None:
    fill(datasets, "X", 2)
    fill(datasets, "Y", 2)
    datasets.keep("Y", 5)

    with commands(url) as plain:
        datasets.put(3, "X")

    assert len(plain) == 2


def test_readers_in_flight_finish_and_then_the_chunks_go(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    for factor in (1, 2, 3):
        datasets.put(LARGE * factor, "X")
    inflight = datasets.metadata("X@1")
    datasets.keep("X", 1)

    collect(url)
    np.testing.assert_array_equal(datasets.get_version(inflight), LARGE)
    with reading(url):
        assert collect(url, grace=NOW).versions == 0
    assert collect(url, grace=NOW, dry_run=True).versions == 2
    assert segments(url) == 3

    done = collect(url, grace=NOW)
    assert (done.versions, done.segments) == (2, 2)
    assert segments(url) == 1
    assert collect(url, grace=NOW).versions == 0
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 3)
    assert datasets.put(1, "X").version == 4
    with pytest.raises(NotFound):
        datasets.get_version(inflight)


def test_task_whose_version_left_does_not_publish_again(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    first = datasets.put(LARGE, "X", task="t")
    datasets.put(LARGE * 2, "X")
    datasets.keep("X", 1)

    assert datasets.put(LARGE, "X", task="t") == first
    collect(url, grace=NOW)
    again = datasets.put(LARGE, "X", task="t")

    assert (again.ref, again.task) == ("X@1", "t")
    assert numbers(datasets, "X") == [2]
    assert segments(url) == 1


def test_task_that_was_submitted_before_still_finds_its_version(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    fill(datasets, "X", 3)
    datasets.keep("X", 1)

    (found,) = Catalog(url).resolve([("datasets", "X@1")], removed=True)

    assert datasets.get_version(found) == 1
    with pytest.raises(NotFound):
        Catalog(url).resolve([("datasets", "X@1")])


def test_single_version_is_dropped(datasets: DatasetStore, url: SecretUrl) -> None:
    fill(datasets, "X", 4)

    assert datasets.drop("X@2")

    assert numbers(datasets, "X") == [1, 3, 4]
    assert datasets.get("X@-2") == 3
    for name in ("X@2", "X@9", "X@nothing"):
        with pytest.raises(NotFound):
            datasets.drop(name)
        assert not datasets.drop(name, force=True)
    with pytest.raises(Invalid, match="names columns"):
        datasets.drop("X[a]")


def test_where_the_latest_is_dropped_the_one_before_is_it(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    fill(datasets, "X", 3)
    datasets.drop("X@-1")

    assert datasets.get("X") == 2
    assert datasets.entries()[0].version == 2
    assert datasets.list() == ["X"]
    assert datasets.list(kind="data", attributes={}) == ["X"]
    collect(url, grace=NOW)
    # Its number is not used again.
    assert datasets.put(4, "X").version == 4


def test_object_without_a_version_is_gone(datasets: DatasetStore, url: SecretUrl) -> None:
    fill(datasets, "X", 2)
    datasets.drop("X@1")
    datasets.drop("X@2")

    assert not datasets.exists("X")
    assert datasets.list() == datasets.entries() == []
    with pytest.raises(NotFound, match="No data set 'X'"):
        datasets.get("X")
    assert not datasets.drop("X", force=True)
    collect(url, grace=NOW)
    assert datasets.put(3, "X", if_exists="fail").version == 3


def test_tagged_version_is_not_dropped_unless_forced(datasets: DatasetStore) -> None:
    fill(datasets, "X", 3)
    datasets.tag("X@2", "prod")
    datasets.tag("X@2", "best")

    for name in ("X@2", "X@prod"):
        with pytest.raises(Conflict, match="X@2 has the tags best, prod") as caught:
            datasets.drop(name)
        assert caught.value.hint is not None
    assert datasets.drop("X@prod", force=True)

    assert numbers(datasets, "X") == [1, 3]
    assert datasets.tags("X") == {}


def test_writers_and_a_rule_leave_the_newest(datasets: DatasetStore) -> None:
    datasets.put(0, "X")
    datasets.keep("X", 3)
    start = threading.Barrier(10)

    def put(value: int) -> None:
        start.wait()
        datasets.put(value, "X")
        datasets.put(value, "X")

    threads = [threading.Thread(target=put, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers(datasets, "X") == [19, 20, 21]


def test_rule_holds_in_other_processes(mongo_url: str, datasets: DatasetStore) -> None:
    datasets.put(0, "X")
    datasets.keep("X", 2)
    script = (
        "import sys; from omega_jupyter.config import SecretUrl\n"
        "from omega_jupyter.store.datasets import DatasetStore\n"
        "for n in range(4): DatasetStore(SecretUrl(sys.argv[1])).put(n, 'X')"
    )

    subprocess.run([sys.executable, "-c", script, mongo_url], check=True)

    assert numbers(datasets, "X") == [4, 5]


def test_rule_holds_for_fits_and_tags_pin_the_number(om: Omega) -> None:
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(C=5.0), "m")
    om.models.tag("m", "base")
    om.models.keep("m", 1)

    for _ in range(2):
        om.runtime.model("m@base").fit("X", "y").get(timeout=60)
    predict = om.runtime.model("m").predict("X@-1")

    assert predict.get(timeout=60).shape == (4,)
    assert numbers(om.models, "m") == [1, 3]
    history = om.models.versions("m")
    assert history[0].tags == ("base",)
    assert history[1].inputs == {"model": "m@1", "X": "X@1", "y": "y@1"}
    assert om.models.get("m").C == 5.0


def test_task_that_waited_uses_a_version_that_has_left(
    om: Omega, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    for C in (1.0, 5.0, 7.0):
        om.models.put(LogisticRegression(C=C).fit(X, y), "m")
    send = Submitter._send

    def late(self: Submitter, *arguments: Any) -> None:
        om.models.drop(leaving.pop())
        send(self, *arguments)

    # As where a rule takes the version while the task waits for a worker.
    monkeypatch.setattr(Submitter, "_send", late)
    leaving = ["m@1", "m@2"]
    score = om.runtime.model("m@2").score("X", "y")
    fit = om.runtime.model("m@1").fit("X", "y")

    assert score.get(timeout=60) == 1.0
    assert fit.get(timeout=60).ref == "m@4"
    assert om.models.get("m@4").C == 1.0


def test_check_and_usage_know_what_left(datasets: DatasetStore, url: SecretUrl) -> None:
    for factor in (1, 2, 3):
        datasets.put(LARGE * factor, "X")
    datasets.keep("X", 1)
    for grace in (timedelta(hours=1), NOW):
        collect(url, grace=grace)
        report = check(url)
        assert report.ok, report.problems
        assert report.versions == 1
        (used,) = usage(url).objects
        assert (used.versions, used.stored < 600_000) == (1, True)

    versions(url).delete_one({"version": 1})
    assert [problem.what for problem in check(url).problems] == ["it is missing"]


def test_times_are_the_servers(datasets: DatasetStore, url: SecretUrl) -> None:
    fill(datasets, "X", 2)
    before = connect(url).command("hello")["localTime"]
    datasets.drop("X@1")

    (document,) = versions(url).find({"removed": {"$exists": True}})
    removed: datetime = document["removed"].replace(tzinfo=None)
    assert before <= removed <= connect(url).command("hello")["localTime"]


def test_rows_are_appended_to_the_newest_version_that_is_there(datasets: DatasetStore) -> None:
    for value in (1, 2, 3):
        datasets.put(pd.DataFrame({"x": [value]}), "X")
    datasets.drop("X@3")

    appended = datasets.put(pd.DataFrame({"x": [9]}), "X", append=True)

    assert appended.ref == "X@4"
    assert list(datasets.get("X")["x"]) == [2, 9]


def test_rows_are_not_lost_where_their_base_is_dropped(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": [0]}), "X")
    done = threading.Event()

    def drop() -> None:
        while not done.is_set():
            history = datasets.versions("X")
            if len(history) > 1:
                datasets.drop(history[-1].ref, force=True)

    dropper = threading.Thread(target=drop)
    dropper.start()
    try:
        for value in range(1, 20):
            datasets.put(pd.DataFrame({"x": [value]}), "X", append=True)
    finally:
        done.set()
        dropper.join()

    # Whichever versions are left, each goes on from the first.
    assert all(datasets.get_version(m)["x"].iloc[0] == 0 for m in datasets.versions("X"))
