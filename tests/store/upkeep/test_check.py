"""A check finds what is damaged, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.checksum import checksum
from omega_jupyter.store.database.schema import chunks, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.store import Store
from omega_jupyter.store.upkeep import scan
from omega_jupyter.store.upkeep.report import Report
from omega_jupyter.store.wording.progress import Progress
from tests.store.awkward import FRAMES
from tests.store.upkeep.test_garbage import abandon

LARGE = pd.DataFrame({"x": np.arange(300_000), "y": 1.5, "z": "text"})
RANDOM = np.random.default_rng(0)


@pytest.fixture
def store(url: SecretUrl) -> Store:
    return Store(url)


def whats(report: Report) -> list[tuple[str, str]]:
    return [(problem.ref, problem.what) for problem in report.problems]


def test_all_that_can_be_stored_is_sound(
    store: Store, datasets: DatasetStore, models: ModelStore, tmp_path: Path
) -> None:
    file = tmp_path / "notes.bin"
    file.write_bytes(RANDOM.bytes(3_000_000))
    objects = [make() for make in FRAMES.values()]
    objects += [LARGE, LARGE["z"], RANDOM.random((1000, 300)), np.zeros(0), np.float64(1), [1, {}]]
    objects += [scipy.sparse.random(2000, 500, 0.2), RANDOM.bytes(9_000_000), b"", file, "text"]
    objects += [pd.MultiIndex.from_product([range(300), range(300)]), pl.DataFrame({"a": [1]})]
    objects += [pl.from_pandas(LARGE).to_arrow()]
    for number, value in enumerate(objects):
        datasets.put(value, f"folder/{number}", attributes={"n": 2**40, "f": 0.5, "l": [None]})
    forest = RandomForestClassifier(n_estimators=40, random_state=0)
    forest.fit(RANDOM.random((500, 5)), RANDOM.integers(0, 2, 500))
    models.put(LogisticRegression(), "m", inputs={"X": "folder/1@1"})
    models.put(forest, "m", task="t")
    datasets.put(LARGE, "log")
    datasets.put(LARGE[:100], "log", append=True)
    datasets.copy("log", "copied/log")
    datasets.rename("copied/log", "moved/log")
    models.tag("m", "prod")
    models.copy("m@1", "m1")
    datasets.put([1], "kept")
    datasets.keep("kept", 1)
    datasets.put([2], "kept")
    models.add_score("m@1", {"score": 0.5})

    told: list[Progress] = []
    report = store.check(notify=told.append)

    assert report.problems == ()
    assert report.ok
    assert report
    assert (report.objects, report.versions) == (len(objects) + 5, len(objects) + 7)
    assert report.chunks == chunks(store._url).count_documents({})
    assert report.bytes > 12_000_000
    assert told[-1].done == told[-1].total == report.bytes
    assert report.garbage is not None
    assert report.garbage.text == "2 versions, 0 sets of chunks, 0 B"
    assert store.check("nothing*").versions == 0
    assert store.check("folder/1").versions == 1


def _damage_chunk(url: SecretUrl) -> None:
    chunk = chunks(url).find_one() or {}
    broken = b"\xff" + chunk["d"][1:]
    chunks(url).update_one({"_id": chunk["_id"]}, {"$set": {"d": broken}})


def _damage_chunk_and_its_checksum(url: SecretUrl) -> None:
    chunk = chunks(url).find_one() or {}
    broken = b"\xff" + chunk["d"][1:]
    chunks(url).update_one({"_id": chunk["_id"]}, {"$set": {"d": broken, "h": checksum(broken)}})


def _remove_chunk(url: SecretUrl) -> None:
    chunks(url).delete_one({})


def _add_chunk(url: SecretUrl) -> None:
    chunk = chunks(url).find_one() or {}
    chunks(url).insert_one({**chunk, "_id": chunk["_id"][:12] + b"\0\0\1\0\0\0\0\0", "d": b""})


def _empty_chunks(url: SecretUrl) -> None:
    chunks(url).update_many({}, {"$unset": {"d": 1}})


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_damage_chunk, r"stored bytes don't match their checksum \(chunk [0-9]+[.][0-9]+\)"),
        (_damage_chunk_and_its_checksum, "its chunks are not those that were written"),
        (_remove_chunk, r"[0-9,]+ of [0-9,]+ bytes are missing"),
        (_add_chunk, r"stored bytes don't match their checksum"),
        (_empty_chunks, "stored bytes don't match their checksum"),
        (lambda url: chunks(url).drop(), r"([0-9,]+) of \1 bytes are missing"),
    ],
)
@pytest.mark.parametrize("kind", ["frame", "model"])
def test_damaged_chunks_are_found(
    damage: Callable[[SecretUrl], None],
    what: str,
    kind: str,
    store: Store,
    datasets: DatasetStore,
    models: ModelStore,
) -> None:
    if kind == "model":
        forest = RandomForestClassifier(n_estimators=40, random_state=0)
        models.put(forest.fit(RANDOM.random((500, 5)), RANDOM.integers(0, 2, 500)), "X")
    else:
        datasets.put(LARGE, "X")
    datasets.put([1], "sound")

    damage(store._url)

    report = store.check()
    assert not report
    (problem,) = report.problems
    assert problem.ref == "X@1"
    assert problem.store == ("models" if kind == "model" else "datasets")
    assert re.search(what, problem.what)
    assert "archive" in problem.hint
    assert not store.check("X")
    assert store.check("sound")


def _set(field: str, value: object) -> Callable[[Any], None]:
    return lambda collection: collection.update_one({"name": "X"}, {"$set": {field: value}})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_set("segments", [{"d": {"0.0": b"[2]"}, "h": 5}]), "bytes don't match their checksum"),
        (_set("segments.0.h", 5), "bytes don't match their checksum"),
        (_set("body.size", 2), "its content does not match its hash"),
        (_set("body", 2), "the field 'body' of its document can't be 2"),
        (_set("hash", "0" * 64), "its description has another hash than its document"),
        (_set("size", -1), "the field 'size' of its document can't be -1"),
        (_set("created", "today"), "the field 'created' of its document can't be 'today'"),
        (_set("secret", 1), "its document has the unknown field 'secret'"),
        (_set("format", 2), "it was written by a newer omega-jupyter"),
        (_set("kind", "hologram"), "No codec for objects of kind 'hologram' is installed"),
        (lambda c: c.update_one({}, {"$unset": {"type": 1}}), "has no field 'type'"),
    ],
)
def test_damaged_documents_are_found(
    change: Callable[[Any], None], what: str, store: Store, datasets: DatasetStore
) -> None:
    datasets.put([1], "X")
    change(versions(store._url))

    (problem,) = store.check().problems
    assert re.search(what, problem.what), problem.what
    assert problem.ref == "X@1"


def test_missing_versions_are_found(store: Store, datasets: DatasetStore) -> None:
    for value in range(6):
        datasets.put([value], "X")
        if value == 1:
            datasets.drop("X")
    assert store.check()

    versions(store._url).delete_many({"version": {"$in": [4, 6]}})

    assert whats(store.check()) == [("X@4", "it is missing"), ("X@6", "it is missing")]


def test_tags_that_mean_nothing_are_found(
    store: Store, datasets: DatasetStore, models: ModelStore
) -> None:
    for name in ("X", "Y"):
        datasets.put([1], name)
        datasets.tag(name, "prod", version=1)
    models.put(LogisticRegression(), "X")
    models.tag("X", "prod")
    datasets.put([2], "X")
    datasets.drop("Y")
    assert store.check()

    versions(store._url).update_one(
        {"store": "datasets", "name": "X", "version": 1}, {"$set": {"removed": datetime.now(UTC)}}
    )

    (problem,) = store.check().problems
    assert (problem.store, problem.ref) == ("datasets", "X@prod")
    assert problem.what == "the tag 'prod' means version 1, which is not there"
    assert store.check("Y")
    assert not store.check("X")
    datasets.tag("X", "prod", version=2)
    assert store.check()


def test_garbage_is_no_damage(store: Store, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "X")
    datasets.drop("X")
    datasets.put(LARGE, "Y")
    abandon(store._url)

    report = store.check()

    assert report
    assert report.versions == 1
    assert report.garbage is not None
    assert (report.garbage.versions, report.garbage.segments) == (1, 2)
    assert report.garbage.bytes > 3_000_000
    assert store.check("Y").garbage is None


def test_many_versions_of_many_names_are_read_page_by_page(
    store: Store, datasets: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "PAGE", 3)
    monkeypatch.setattr(scan, "DOCUMENTS", 2)
    for name in ("a", "b", "c/d", "e"):
        for value in range(5):
            datasets.put([value], name)
        if name == "b":
            datasets.drop(name)

    found = list(scan.scan(store._url))

    assert [(n.name, [v for v, _ in n.versions]) for n in found] == [
        (name, [1, 2, 3, 4, 5]) for name in ("a", "c/d", "e")
    ]
    assert [n.name for n in scan.scan(store._url, "c/*")] == ["c/d"]
    assert store.check().versions == 15


def test_check_amid_writers_droppers_and_collectors_raises_no_false_alarm(
    store: Store, datasets: DatasetStore
) -> None:
    done = threading.Event()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        values = np.full(40_000, number)
        try:
            while not done.is_set():
                for name in ("X", "Y", f"of {number}"):
                    datasets.put(values, name)
                    datasets.put(values, name)
                datasets.drop("XY"[number % 2], force=True)
                store.gc(grace=timedelta(0))
        except BaseException as error:
            failed.append(error)
            raise

    for number in range(3):
        datasets.put(np.full(40_000, number), f"of {number}")
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        reports = [store.check()]
        # At least so many, and until one has seen what others write.
        while len(reports) < 15 or reports[-1].versions <= 3:
            reports.append(store.check())
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert not failed
    assert all(whats(report) == [] for report in reports)
    assert all(report.versions >= 3 for report in reports)
    assert store.check()


def test_report_is_text_html_and_values(store: Store, datasets: DatasetStore) -> None:
    datasets.put(LARGE, "<X>")
    assert str(store.check()).splitlines()[0] == "checked   1 version of 1 object"
    chunks(store._url).drop()

    report = store.check()

    assert "data set <X>@1: " in str(report)
    assert "→ another version may be sound" in str(report)
    assert "&lt;X&gt;@1" in report._repr_html_()
    assert "<X>" not in report._repr_html_()
    assert report.to_dict()["ok"] is False
    assert report.to_dict()["problems"][0]["ref"] == "<X>@1"
