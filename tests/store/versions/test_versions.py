"""Versions appear whole or not at all, in order, whoever writes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.database.schema import chunks, leases, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.upkeep.garbage import collect
from tests.mongo_server import wait_for


def test_versions_count_up_and_stay_readable(datasets: DatasetStore) -> None:
    for value in (10, 20, 30):
        datasets.put(value, "n")

    assert datasets.get("n") == 30
    assert [datasets.get(f"n@{v}") for v in (1, 2, 3, -1, -2, -3)] == [10, 20, 30, 30, 20, 10]
    assert datasets.get("n", version=2) == 20
    assert [m.version for m in datasets.versions("n")] == [1, 2, 3]


def test_version_that_is_not_there_is_named(datasets: DatasetStore) -> None:
    datasets.put(1, "n")

    for name, version in (("n@7", 7), ("n@-2", -2)):
        with pytest.raises(NotFound, match=f"'n' has no version {version}"):
            datasets.get(name)
    with pytest.raises(Invalid, match="Two versions"):
        datasets.get("n@1", version=2)


def test_dropped_object_is_gone_and_its_numbers_are_not_used_again(datasets: DatasetStore) -> None:
    datasets.put(1, "n")
    datasets.put(2, "n")

    assert datasets.drop("n")

    assert not datasets.exists("n")
    assert not datasets.exists("n@1")
    assert datasets.list() == []
    assert datasets.entries() == []
    for name in ("n", "n@1", "n@-1"):
        with pytest.raises(NotFound, match="No data set 'n'"):
            datasets.get(name)
    assert datasets.put(3, "n").version == 4
    assert [m.version for m in datasets.versions("n")] == [4]
    with pytest.raises(NotFound):
        datasets.get("n@2")


def test_drop_of_what_is_not_there(datasets: DatasetStore) -> None:
    with pytest.raises(NotFound):
        datasets.drop("n")
    assert not datasets.drop("n", force=True)


def test_existing_name_is_refused_on_request(datasets: DatasetStore) -> None:
    datasets.put(1, "n", if_exists="fail")

    with pytest.raises(Conflict, match="'n' is stored already"):
        datasets.put(np.zeros(100_000), "n", if_exists="fail")
    datasets.drop("n")
    datasets.put(2, "n", if_exists="fail")

    assert datasets.get("n") == 2
    assert chunks(datasets._url).count_documents({}) == 0


def test_task_that_runs_twice_publishes_once(datasets: DatasetStore) -> None:
    first = datasets.put(np.ones(50_000), "n", task="t1")
    stored = chunks(datasets._url).count_documents({})

    again = datasets.put(np.zeros(50_000), "n", task="t1")

    assert again == first
    assert datasets.get("n").all()
    assert datasets.put(1, "m", task="t1").version == 1
    assert datasets.put(1, "n", task="t2").version == 2
    assert chunks(datasets._url).count_documents({}) == stored


def test_task_that_runs_twice_at_once_publishes_once(datasets: DatasetStore) -> None:
    found = []
    start = threading.Barrier(6)

    def put(value: int) -> None:
        start.wait()
        found.append(datasets.put(np.full(50_000, value), "n", task="t").version)

    _threads(put, 6)

    assert found == [1] * 6
    assert len(datasets.versions("n")) == 1
    assert len(set(datasets.get("n"))) == 1
    assert _segments(datasets) == 1


def test_writers_and_droppers_leave_a_whole_object_or_none(datasets: DatasetStore) -> None:
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for _ in range(5):
            if number % 4:
                datasets.put(number, "n")
            else:
                datasets.drop("n", force=True)

    _threads(work, 8)

    numbers = [d["version"] for d in versions(datasets._url).find({"name": "n"})]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    if datasets.exists("n"):
        assert datasets.get("n") in range(8)


def test_writer_killed_in_the_middle_leaves_the_old_version(
    mongo_url: str, datasets: DatasetStore, tmp_path: Path
) -> None:
    datasets.put(pd.DataFrame({"x": np.zeros(200_000)}), "X")
    before = chunks(datasets._url).count_documents({})
    script = tmp_path / "writer.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import numpy as np, pandas as pd
            from omega_jupyter.config import SecretUrl
            from omega_jupyter.store.datasets import DatasetStore
            store = DatasetStore(SecretUrl(sys.argv[1]))
            store.put(pd.DataFrame(np.ones((4_000_000, 10))), "X")
            """
        )
    )
    writer = subprocess.Popen(
        [sys.executable, str(script), mongo_url], env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    try:
        wait_for(lambda: chunks(datasets._url).estimated_document_count() > before + 20)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    assert datasets.metadata("X").version == 1
    assert not datasets.get("X")["x"].any()
    # A minute later, in short.
    leases(datasets._url).update_many({}, {"$set": {"until": datetime(2026, 1, 1)}})
    assert collect(datasets._url).segments == 1
    assert chunks(datasets._url).count_documents({}) == before
    assert not datasets.get("X")["x"].any()


def test_readers_see_one_version_whole_while_it_is_replaced(datasets: DatasetStore) -> None:
    datasets.put(pd.DataFrame({"x": np.zeros(100_000), "y": 0}), "X")
    done = threading.Event()
    torn = []

    def read(_: int) -> None:
        while not done.is_set():
            frame = datasets.get("X")
            if (
                len(frame) != 100_000
                or frame["x"].nunique() != 1
                or (frame["x"] != frame["y"]).any()
            ):
                torn.append(frame)

    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for reader in readers:
        reader.start()
    try:
        for value in range(1, 8):
            datasets.put(pd.DataFrame({"x": np.full(100_000, float(value)), "y": value}), "X")
    finally:
        done.set()
        for reader in readers:
            reader.join()

    assert not torn


def test_stores_keep_their_names_apart(datasets: DatasetStore, models: ModelStore) -> None:
    from sklearn.linear_model import LinearRegression

    datasets.put(1, "n")
    models.put(LinearRegression(), "n")

    datasets.drop("n")

    assert models.list() == ["n"]


def test_metadata_tells_when_from_what_and_with_which_notes(datasets: DatasetStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)

    metadata = datasets.put(
        [1, 2], "n", attributes={"a": {"b": [1, 2.5, None]}}, inputs={"X": "X@3"}, task="t"
    )

    assert before < metadata.created < datetime.now(UTC)
    assert metadata.attributes == {"a": {"b": [1, 2.5, None]}}
    assert metadata.inputs == {"X": "X@3"}
    assert metadata.task == "t"
    assert metadata.ref == "n@1"
    assert metadata.shape == (2,)
    assert datasets.metadata("n@1") == metadata
    assert datasets.metadata("n").to_dict()["created"] == metadata.created.isoformat()


@pytest.mark.parametrize("value", [(1,), {1: 2}, b"x", 2**70, datetime(2026, 1, 1)])
def test_attributes_that_would_change_are_refused(value: object, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="attribute 'a'"):
        datasets.put(1, "n", attributes={"a": value})


def test_equal_content_has_an_equal_hash(datasets: DatasetStore) -> None:
    frame = pd.DataFrame({"x": np.arange(100_000)})

    first, second = datasets.put(frame, "a"), datasets.put(frame.copy(), "b")
    third = datasets.put(frame + 1, "c")

    assert first.hash == second.hash != third.hash


def test_object_of_a_newer_format_is_refused(datasets: DatasetStore) -> None:
    datasets.put(1, "n")
    versions(datasets._url).update_one({"name": "n"}, {"$set": {"format": 99}})

    with pytest.raises(Invalid, match="newer omega-jupyter"):
        datasets.get("n")


def test_missing_chunks_are_told(datasets: DatasetStore) -> None:
    datasets.put(np.zeros(100_000), "n")
    chunks(datasets._url).delete_one({})

    with pytest.raises(NotFound, match="n@1 is no longer whole"):
        datasets.get("n")


def test_resolved_metadata_loads_without_the_catalog(
    url: SecretUrl, datasets: DatasetStore
) -> None:
    datasets.put(pd.DataFrame({"a": [1], "b": [2]}), "X")
    (metadata,) = Catalog(url).resolve([("datasets", "X[a]")])
    versions(url).drop()

    assert datasets.get_version(metadata, columns=["a"]).columns.tolist() == ["a"]


def _threads(work: object, count: int) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _segments(datasets: DatasetStore) -> int:
    return len({document["_id"][:12] for document in chunks(datasets._url).find({}, {"_id": 1})})
