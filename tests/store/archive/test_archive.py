"""A store goes into one file and comes out of it as it was, elsewhere too."""

from __future__ import annotations

import random
import threading
import tracemalloc
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound, Unavailable
from omega_jupyter.store.archive import restore
from omega_jupyter.store.database.connection import connect, forget
from omega_jupyter.store.database.schema import chunks, leases, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.store import Store
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.wording.progress import Progress
from tests.store.awkward import FRAMES

LARGE = np.arange(100_000.0)
MIB = 1 << 20


@pytest.fixture
def store(url: SecretUrl) -> Store:
    return Store(url)


@pytest.fixture
def there(mongod: str) -> Iterator[SecretUrl]:
    """Another installation."""
    url = SecretUrl(f"{mongod}/other_{uuid.uuid4().hex[:12]}")
    yield url
    database = connect(url)
    database.client.drop_database(database.name)
    forget(url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.omega"


def all_metadata(url: SecretUrl) -> list[Metadata]:
    found: list[Metadata] = []
    for objects in (DatasetStore(url), ModelStore(url)):
        for name in objects.list():
            found += objects.versions(name)
    return found


def refs(url: SecretUrl) -> list[str]:
    return [metadata.ref for metadata in all_metadata(url)]


def assert_sound(url: SecretUrl) -> None:
    """All is whole, and nothing lies about."""
    report = Store(url).check()
    assert report, report
    leases(url).delete_many({})
    assert Store(url).gc(dry_run=True).text == "nothing"


def test_store_comes_out_as_it_was(
    store: Store, datasets: DatasetStore, models: ModelStore, there: SecretUrl, file: Path
) -> None:
    objects: list[Any] = [make() for make in list(FRAMES.values())[::4]]
    objects += [pd.RangeIndex(5), pl.DataFrame({"a": [1]})]
    objects += [pd.DataFrame({"x": LARGE}), LARGE, scipy.sparse.random(900, 300, 0.3), [1, {}]]
    objects += [random.Random(0).randbytes(9_000_000), "text"]
    for number, value in enumerate(objects):
        datasets.put(value, f"folder/{number}", attributes={"n": number, "é": [None, 0.5]})
    datasets.put(LARGE * 2, "X")
    datasets.put(LARGE * 3, "X", task="t1", inputs={"X": "X@1", "model": "m@1"})
    datasets.put([1], ".staged/hidden", task="t0")
    datasets.put(pd.DataFrame({"x": LARGE}), "log")
    datasets.put(pd.DataFrame({"x": LARGE}), "log", append=True)
    datasets.copy("log", "copy")
    datasets.rename("copy", "renamed/copy")
    models.put(LogisticRegression(), "m")
    models.put(LogisticRegression(C=2), "m", task="t2", inputs={"X": "X@2"})
    models.add_score("m@1", {"score": 0.5, "task": "t3"})
    models.tag("m", "prod", version=1)
    models.keep("m", 5)
    told: list[Progress] = []

    exported = store.export(file, notify=told.append)
    imported = Store(there).import_(file, notify=told.append)

    count = len(objects) + 7
    assert (exported.versions, exported.objects) == (count, count - 3)
    assert exported.size == file.stat().st_size
    assert str(file) in repr(exported)
    assert (imported.versions, imported.present) == (count, 0)
    assert all_metadata(there) == all_metadata(store._url)
    assert DatasetStore(there).list(hidden=True) == datasets.list()
    for number in range(len(objects)):
        first = datasets.get(f"folder/{number}")
        second = DatasetStore(there).get(f"folder/{number}")
        assert type(first) is type(second)
    np.testing.assert_array_equal(DatasetStore(there).get("X@1"), LARGE * 2)
    assert ModelStore(there).get("m").C == 2
    assert ModelStore(there).tags("m") == {"prod": 1}
    assert told[-1].done == told[-1].total
    assert_sound(there)
    # Behind them goes on as it would have here.
    assert DatasetStore(there).put(1, "X", task="t1").version == 2
    assert DatasetStore(there).put(1, "X").version == 3


def test_file_is_bson_that_other_programs_read(
    store: Store, datasets: DatasetStore, file: Path
) -> None:
    datasets.put(LARGE, "X")
    datasets.put([1], "y")

    store.export(file)

    with file.open("rb") as stream:
        documents = list(bson.decode_file_iter(stream))
    assert [next(iter(document)) for document in documents] == [
        *("omega_archive", "chunk", "version", "version", "end")
    ]
    assert documents[0]["versions"] == 2
    assert documents[2]["version"]["name"] == "X"


def test_parts_of_a_store(
    store: Store, datasets: DatasetStore, models: ModelStore, there: SecretUrl, file: Path
) -> None:
    for name in ("a/X", "a/Y", "b"):
        for value in range(3):
            datasets.put([value], name)
    models.put(LogisticRegression(), "a/m")

    store.export(file, "a/*", versions="latest")
    Store(there).import_(file)
    assert refs(there) == ["a/X@3", "a/Y@3", "a/m@1"]
    assert_sound(there)

    store.export(file, stores=["models"])
    assert Store(there).import_(file).present == 1
    store.export(file, "a/*", versions="latest", stores=["models", "datasets", "models"])
    assert Store(there).import_(file).present == 3
    with pytest.raises(NotFound, match="Nothing stored matches 'c/\\*'"):
        store.export(file, "c/*")
    with pytest.raises(Invalid, match="versions='newest'"):
        store.export(file, versions="newest")
    with pytest.raises(Invalid, match="stores=\\['jobz'\\]"):
        store.export(file, stores=["jobz"])
    assert Store(there).import_(file).present == 3


def test_numbers_stay_where_versions_are_gone(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path
) -> None:
    for value in range(8):
        datasets.put([value], "X")
        if value == 1:
            datasets.drop("X")
    datasets.drop("X@6")
    datasets.tag("X", "good", version=5)

    store.export(file)
    Store(there).import_(file)

    other = DatasetStore(there)
    assert refs(there) == refs(store._url) == ["X@4", "X@5", "X@7", "X@8", "X@9"]
    assert other.get("X@good") == datasets.get("X@good") == [3]
    with pytest.raises(NotFound, match="has no version 6"):
        other.get("X@6")
    assert other.put(1, "X").version == 10
    assert_sound(there)


def test_same_archive_twice_changes_nothing(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path
) -> None:
    for value in (1, 2):
        datasets.put(LARGE * value, "X")
    datasets.put([1], "y")
    store.export(file)
    Store(there).import_(file)
    before = list(versions(there).find().sort("_id"))

    for if_exists in ("fail", "skip", "add"):
        again = Store(there).import_(file, if_exists=if_exists)
        assert (again.versions, again.present, again.skipped) == (0, 3, [])
    assert store.import_(file).present == 3

    assert list(versions(there).find().sort("_id")) == before
    assert_sound(there)


@pytest.mark.parametrize("error", [Unavailable("gone", hop="mongodb"), KeyboardInterrupt()])
def test_import_that_broke_off_is_finished_by_another(
    error: BaseException,
    store: Store,
    datasets: DatasetStore,
    there: SecretUrl,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value in range(4):
        datasets.put(LARGE * value, "X")
    datasets.drop("X@1")
    datasets.keep("X", 7)
    store.export(file)
    insert = restore.insert_version
    left = [2]

    def break_off(url: SecretUrl, document: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise error
        insert(url, document)

    monkeypatch.setattr(restore, "insert_version", break_off)
    with pytest.raises(type(error)):
        Store(there).import_(file)
    monkeypatch.undo()
    assert refs(there) == ["X@2"]

    imported = Store(there).import_(file)

    assert (imported.versions, imported.present) == (2, 1)
    assert all_metadata(there) == all_metadata(store._url)
    leases(there).delete_many({})
    Store(there).gc()
    assert_sound(there)
    assert len({chunk["_id"][:12] for chunk in chunks(there).find({}, {"_id": 1})}) == 3


def test_names_that_are_taken(
    store: Store, datasets: DatasetStore, models: ModelStore, there: SecretUrl, file: Path
) -> None:
    datasets.put([1], "X")
    datasets.put([2], "X")
    datasets.put([3], "z", inputs={"X": "X@2", "note": "made by hand @2"})
    datasets.tag("X", "prod", version=2)
    datasets.tag("X", "old", version=1)
    models.put(LogisticRegression(), "m", inputs={"X": "X[a]@2", "y": "elsewhere@1"})
    models.add_score("m@1", {"score": 1.0, "X": "X@1"})
    store.export(file)
    other = DatasetStore(there)
    other.put(["mine"], "X")
    other.tag("X", "prod", version=1)

    with pytest.raises(Conflict, match="Nothing is imported: 'X' is stored already") as caught:
        Store(there).import_(file)
    assert "if_exists='skip'" in str(caught.value.hint)
    assert refs(there) == ["X@1"]

    skipped = Store(there).import_(file, if_exists="skip")
    assert (skipped.versions, skipped.skipped) == (2, ["X"])
    assert refs(there) == ["X@1", "z@1", "m@1"]

    other.drop("z")
    ModelStore(there).drop("m")
    added = Store(there).import_(file, if_exists="add")
    assert added.renumbered == {"X@1": "X@2", "X@2": "X@3", "z@1": "z@3", "m@1": "m@3"}
    assert added.other_tags == ["X@prod"]
    assert "X@1 is X@2 here" in repr(added)
    assert other.get("X@1") == other.get("X@prod") == ["mine"]
    assert other.get("X@3") == [2]
    assert other.get("X@old") == [1]
    # Lineage goes with them.
    assert other.metadata("z").inputs == {"X": "X@3", "note": "made by hand @2"}
    model = ModelStore(there).metadata("m")
    assert model.inputs == {"X": "X[a]@3", "y": "elsewhere@1"}
    assert model.scores == [{"score": 1.0, "X": "X@2"}]
    assert Store(there).import_(file, if_exists="add").present == 4
    with pytest.raises(Invalid, match="if_exists='replace' is not one of fail, skip, add"):
        Store(there).import_(file, if_exists="replace")
    assert_sound(there)


def test_what_was_dropped_by_mistake_comes_back(
    store: Store, datasets: DatasetStore, file: Path
) -> None:
    datasets.put(LARGE, "X", task="t")
    datasets.put(LARGE * 2, "X")
    store.export(file)
    datasets.drop("X")

    imported = store.import_(file)

    assert imported.renumbered == {"X@1": "X@4", "X@2": "X@5"}
    assert [m.task for m in datasets.versions("X")] == ["t", None]
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 2)
    store.gc(grace=timedelta(0))
    np.testing.assert_array_equal(datasets.get("X@4"), LARGE)
    assert store.check()


def test_damaged_version_is_replaced_from_an_archive(
    store: Store, datasets: DatasetStore, file: Path
) -> None:
    for name in ("X", "Y"):
        for value in (1, 2):
            datasets.put(LARGE * value, name)
    store.export(file)
    datasets.put(LARGE * 3, "Y")
    chunk = chunks(store._url).find_one(sort=[("_id", 1)]) or {}
    chunks(store._url).delete_one({"_id": chunk["_id"]})
    (problem,) = store.check().problems
    assert problem.ref == "X@1"

    # As docs/store.md says.
    datasets.drop("X@1")
    imported = store.import_(file, "X", if_exists="add")

    assert imported.renumbered == {"X@1": "X@3"}
    np.testing.assert_array_equal(datasets.get("X@3"), LARGE)
    assert [m.ref for m in datasets.versions("X")] == ["X@2", "X@3"]
    assert [m.ref for m in datasets.versions("Y")] == ["Y@1", "Y@2", "Y@3"]
    assert store.check()
    with pytest.raises(NotFound, match="Nothing in the archive matches 'Z\\*'"):
        store.import_(file, "Z*")


def test_damaged_file_is_refused_before_anything_is_published(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path, tmp_path: Path
) -> None:
    datasets.put(random.Random(1).randbytes(200_000), "a")
    datasets.put([1, 2, 3], "b")
    store.export(file)
    data = file.read_bytes()
    numbers = random.Random(2)
    damaged = [data[:size] for size in (0, 3, 4, 50, len(data) // 2, len(data) - 1)]
    damaged += [data[: numbers.randrange(len(data))] for _ in range(15)]
    damaged += [data + b"\0", data + data, data[:200] + data[300:]]
    # Anywhere, and in what is no data.
    places = [numbers.randrange(len(data)) for _ in range(25)]
    places += [*range(40), *range(len(data) - 900, len(data), 7)]
    for place in places:
        damaged.append(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
    broken = tmp_path / "broken.omega"

    for changed in damaged:
        broken.write_bytes(changed)
        with pytest.raises(Invalid, match=r"broken\.omega"):
            Store(there).import_(broken)

    assert refs(there) == []
    assert chunks(there).count_documents({}) == 0
    assert Store(there).import_(file).versions == 2


def test_file_that_is_none(there: SecretUrl, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("hello, this is a long enough text and no archive at all")

    with pytest.raises(NotFound, match="There is no file"):
        Store(there).import_(tmp_path / "nothing")
    with pytest.raises(Invalid, match="is not an archive of omega-jupyter"):
        Store(there).import_(text)
    with pytest.raises(Invalid, match="can't be read: Is a directory"):
        Store(there).import_(tmp_path)


def test_file_that_changes_between_the_readings_is_refused(
    store: Store,
    datasets: DatasetStore,
    there: SecretUrl,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    datasets.put([1], "X")
    store.export(file)
    datasets.put([2], "X")
    datasets.put([2], "Y")
    make_plan = restore.make_plan

    def meanwhile(*args: Any) -> Any:
        with file.open("r+b") as stream:
            store.export(file.with_name("other.omega"))
            stream.write(file.with_name("other.omega").read_bytes())
        return make_plan(*args)

    monkeypatch.setattr(restore, "make_plan", meanwhile)

    with pytest.raises(Invalid, match="was changed"):
        Store(there).import_(file)

    assert refs(there) == ["X@1"] or refs(there) == []


def test_export_leaves_the_file_alone_until_it_is_whole(
    store: Store, datasets: DatasetStore, file: Path
) -> None:
    datasets.put(LARGE, "X")
    datasets.put([1], "a")
    store.export(file)
    before = file.read_bytes()
    chunks(store._url).update_one({}, {"$set": {"d": b"broken"}})

    with pytest.raises(Invalid, match="X@1 is damaged and was not exported: stored bytes"):
        store.export(file)

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    store.export(file, "a")
    assert len(file.read_bytes()) < len(before)


def test_export_overwrites_nothing_but_archives(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "thesis.tex"
    other.write_text("years of work")

    with pytest.raises(Conflict, match="is there already, and is no archive"):
        store.export(other)
    with pytest.raises(NotFound, match="There is no folder"):
        store.export(tmp_path / "no" / "store.omega")

    assert other.read_text() == "years of work"
    assert store.export(tmp_path / "empty.omega").versions == 0
    assert store.import_(tmp_path / "empty.omega").versions == 0


def test_export_is_of_one_moment_whatever_others_do(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path
) -> None:
    for number in range(6):
        for value in (1, 2):
            datasets.put(LARGE * value, f"n{number}")
    done: list[bool] = []

    def meanwhile(progress: Progress) -> None:
        if progress.what == "n0@1" and not done:
            done.append(True)
            for number in range(3):
                datasets.drop(f"n{number}", force=True)
                datasets.put([number], f"n{number}")
            datasets.drop("n4@1")
            datasets.put([1], "new")
            store.gc(grace=timedelta(0))

    store.export(file, notify=meanwhile)
    Store(there).import_(file)

    assert refs(there) == [f"n{n}@{v}" for n in range(6) for v in (1, 2)]
    assert_sound(there)
    store.gc(grace=timedelta(0))
    assert store.check()


def test_writer_of_the_same_name_is_not_written_over(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path
) -> None:
    datasets.put(1, "X")
    datasets.drop("X")
    for value in (1, 2):
        datasets.put(LARGE * value, "X")
    store.export(file)
    other = DatasetStore(there)
    done = threading.Event()

    def meanwhile(progress: Progress) -> None:
        if progress.what == "importing" and not done.is_set():
            done.set()
            other.put(["mine"], "X")

    with pytest.raises(Conflict, match="'X' or a name before it is being written"):
        Store(there).import_(file, notify=meanwhile)

    assert refs(there) == ["X@1"]
    assert other.get("X") == ["mine"]
    assert_sound(there)


def test_large_store_is_never_whole_in_memory(
    store: Store, datasets: DatasetStore, there: SecretUrl, file: Path
) -> None:
    datasets.put(np.arange(5 * MIB, dtype="f8"), "X")
    for number in range(50):
        datasets.put(bytes([number]) * 100_000, f"small/{number}")

    tracemalloc.start()
    try:
        assert store.check()
        check_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        store.export(file)
        put_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        Store(there).import_(file)
        get_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert file.stat().st_size > 40 * MIB
    assert check_peak < 25 * MIB
    assert put_peak < 25 * MIB
    assert get_peak < 25 * MIB
