"""Another name for an object: all of it, at once, whoever else is at work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from pymongo import monitoring
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.schema import names, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.models import ModelStore
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.upkeep.check import check
from omega_jupyter.store.upkeep.garbage import collect
from omega_jupyter.store.versions.metadata import Metadata
from tests.listener import Listener

LARGE = np.arange(50_000.0)
NOW = timedelta(0)


def told(history: list[Metadata]) -> list[dict[str, object]]:
    """All that is known of versions but their name."""
    return [metadata.to_dict() | {"name": ""} for metadata in history]


def fill(store: DatasetStore, name: str) -> list[dict[str, object]]:
    """Three versions with all that belongs to them, two of them in chunks; one left before."""
    store.put(0, name, task="t0")
    store.put(LARGE, name, task="t1", attributes={"a": 1}, inputs={"X": "Y@1"})
    store.put(2, name)
    store.put(LARGE * 3, name, task="t3")
    store.drop(f"{name}@1")
    store.keep(name, 9)
    store.tag(f"{name}@2", "prod")
    store.tag(f"{name}@4", "new.one")
    Catalog(store._url).add_score("datasets", name, 2, {"score": 0.5, "task": "s"})
    return told(store.versions(name))


def together(*work: Callable[[], None]) -> None:
    """Do things at once, and raise what one of them raised."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(one) for one in work]:
            done.result()


def test_everything_goes_along(datasets: DatasetStore, url: SecretUrl) -> None:
    before = fill(datasets, "old/x")
    stored = connect(url)["omega_chunks"].count_documents({})

    renamed = datasets.rename("old/x", "new")

    assert (renamed.ref, renamed.tags, renamed.keep) == ("new@4", ("new.one",), 9)
    assert told(datasets.versions("new")) == before
    assert datasets.tags("new") == {"new.one": 4, "prod": 2}
    np.testing.assert_array_equal(datasets.get("new@prod"), LARGE)
    assert datasets.list() == ["new"]
    assert connect(url)["omega_chunks"].count_documents({}) == stored
    assert names(url).count_documents({}) == 1
    assert datasets.put(5, "new").version == 5
    # A task that runs again finds what it has published, and what was removed since.
    assert datasets.put(6, "new", task="t3").version == 4
    assert datasets.put(6, "new", task="t0").version == 1
    assert [m.version for m in datasets.versions("new")] == [2, 3, 4, 5]


def test_old_name_is_gone_and_says_where(datasets: DatasetStore) -> None:
    fill(datasets, "X")
    datasets.rename("X", "Y")

    assert not datasets.exists("X")
    for ask in (datasets.get, datasets.metadata, datasets.versions, datasets.drop, datasets.tags):
        with pytest.raises(NotFound, match="No data set 'X': it was renamed to 'Y'"):
            ask("X")
    for name in ("X@prod", "X@-1"):
        with pytest.raises(NotFound, match="renamed to 'Y'"):
            datasets.get(name)
    with pytest.raises(NotFound, match="renamed to 'Y'"):
        datasets.rename("X", "Z")
    # It can be used again, and goes on counting.
    assert datasets.put(1, "X").version == 6


def test_what_names_a_number_still_finds_it(datasets: DatasetStore, url: SecretUrl) -> None:
    fill(datasets, "X")
    datasets.rename("X", "Y")
    datasets.rename("Y", "Z")

    assert datasets.get("X@3") == 2
    assert datasets.metadata("X@3").ref == "Z@3"
    assert datasets.exists("Y@3")
    assert [m.ref for m in Catalog(url).resolve([("datasets", "X@2"), ("datasets", "Z")])] == [
        "Z@2",
        "Z@4",
    ]
    collect(url, grace=NOW)
    assert datasets.get("X@3") == 2
    with pytest.raises(NotFound, match="'Z' has no version 1"):
        datasets.get("X@1")
    datasets.put(1, "X")
    assert datasets.metadata("X@3").ref == "Z@3"
    datasets.drop("Z")
    with pytest.raises(NotFound):
        datasets.get("X@3")


def test_numbers_go_on_where_the_new_name_was_used_before(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(10, "Y", task="t1")
    datasets.put(11, "Y")
    datasets.tag("Y", "prod")
    datasets.drop("Y")
    fill(datasets, "X")

    datasets.rename("X", "Y")

    assert [m.version for m in datasets.versions("Y")] == [5, 6, 7]
    assert datasets.tags("Y") == {"new.one": 7, "prod": 5}
    assert datasets.metadata("X@3").ref == "Y@6"
    assert datasets.put(6, "Y", task="t1").version == 5
    with pytest.raises(NotFound):
        datasets.get("Y@1")
    collect(url, grace=NOW)
    np.testing.assert_array_equal(datasets.get("Y@prod"), LARGE)
    assert check(url).ok


def test_object_gets_its_old_name_back(datasets: DatasetStore, url: SecretUrl) -> None:
    before = fill(datasets, "X")
    datasets.rename("X", "Y")
    back = datasets.rename("Y", "X")

    assert back.version == 9
    assert [m.version for m in datasets.versions("X")] == [7, 8, 9]
    assert datasets.get("X@3") == datasets.get("X@8") == datasets.get("Y@3") == 2
    assert [d["hash"] for d in told(datasets.versions("X"))] == [d["hash"] for d in before]
    collect(url, grace=NOW)
    assert datasets.get("X@3") == 2
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 3)
    assert check(url).ok


def test_to_and_fro_takes_no_more_numbers_than_there_are_versions(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(1, "a")
    datasets.put(LARGE, "a")

    for _ in range(10):
        datasets.rename("a", "b")
        datasets.rename("b", "a")

    assert [m.version for m in datasets.versions("a")] == [31, 32]
    np.testing.assert_array_equal(datasets.get("a"), LARGE)
    assert datasets.get("a@1") == 1
    assert check(url)
    assert versions(url).count_documents({}) < 200


def test_object_that_was_dropped_before_keeps_its_numbers(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(1, "X")
    datasets.drop("X")
    datasets.put(LARGE, "X")
    datasets.put(4, "X")

    datasets.rename("X", "Y")

    assert [m.version for m in datasets.versions("Y")] == [3, 4]
    collect(url, grace=NOW)
    np.testing.assert_array_equal(datasets.get("Y@3"), LARGE)
    assert check(url).ok


def test_taken_and_missing_names_are_refused(datasets: DatasetStore, models: ModelStore) -> None:
    fill(datasets, "X")
    datasets.put(1, "Y")
    models.put(LogisticRegression(), "free")

    with pytest.raises(Conflict, match=r"'Y' is stored already \(version 1\)"):
        datasets.rename("X", "Y")
    with pytest.raises(NotFound, match="No data set 'Z'"):
        datasets.rename("Z", "Y")
    with pytest.raises(Invalid, match="that name already"):
        datasets.rename("X", "X")
    for wrong in ("a//b", "Y@1", "Y[a]", ""):
        with pytest.raises(Invalid):
            datasets.rename("X", wrong)
    assert datasets.rename("X", "free").version == 4
    assert models.list() == ["free"]


def test_second_time_is_harmless(datasets: DatasetStore) -> None:
    before = fill(datasets, "X")
    datasets.rename("X", "Y")

    assert datasets.rename("X", "Y").ref == "Y@4"
    assert told(datasets.versions("Y")) == before


def test_old_documents_go_and_the_chunks_stay(datasets: DatasetStore, url: SecretUrl) -> None:
    fill(datasets, "X")
    inflight = datasets.metadata("X@2")
    datasets.rename("X", "Y")

    assert collect(url, grace=NOW).segments == 0

    assert versions(url).count_documents({"name": "X", "deleted": None}) == 0
    np.testing.assert_array_equal(datasets.get("Y@2"), LARGE)
    np.testing.assert_array_equal(datasets.get_version(inflight), LARGE)


def commands_of(work: Callable[[], object]) -> int:
    """Return how many commands the work takes, in a process of its own."""
    read, write = os.pipe()
    if os.fork() == 0:
        killer = Killer(1 << 30)
        monitoring.register(killer)
        work()
        os.write(write, str(killer.count).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        count = int(told.read())
    os.wait()
    return count


def killed_at(number: int, work: Callable[[], object]) -> None:
    """Do the work in a process that is killed before it sends that command."""
    child = os.fork()
    if child == 0:
        monitoring.register(Killer(number))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


class Killer(Listener):
    """Kills its process before a command is sent."""

    def __init__(self, number: int) -> None:
        self.count = 0
        self._number = number

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += event.command_name != "endSessions"
        if self.count == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


def test_killed_anywhere_it_leaves_one_whole_object_and_can_be_repeated(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    before = fill(datasets, "X")
    datasets.put(1, "seen")
    count = commands_of(lambda: datasets.rename("X", "Y"))
    assert count > 20
    assert datasets.exists("Y")

    for number in range(1, count + 1):
        old, new = f"X{number}", f"Y{number}"
        before = fill(datasets, old)
        killed_at(number, lambda old=old, new=new: datasets.rename(old, new))  # type: ignore[misc]

        there = [name for name in (old, new) if datasets.exists(name)]
        assert there == [name for name in datasets.list() if name in (old, new)]
        assert len(there) == 1, number
        assert told(datasets.versions(there[0])) == before
        if number % 3 == 0:
            collect(url, grace=NOW)
        if number % 4 == 0 and there == [old]:
            # Nobody has to repeat it.
            assert datasets.put(1, new, if_exists="fail").version > 0
            datasets.drop(new)
        datasets.rename(old, new)
        assert not datasets.exists(old)
        history = datasets.versions(new)
        assert [d | {"version": 0} for d in told(history)] == [d | {"version": 0} for d in before]
        if number % 3 and number % 4:
            assert told(history) == before
        np.testing.assert_array_equal(datasets.get(f"{new}@prod"), LARGE)
    collect(url, grace=NOW)
    assert versions(url).count_documents({"renaming": {"$exists": True}}) == 0
    assert names(url).count_documents({}) == len(datasets.list("Y*"))
    assert check(url).ok


def test_readers_find_it_whole_under_one_of_its_names(datasets: DatasetStore) -> None:
    for value in range(5):
        datasets.put(np.full(20_000, value), "X")
    done = threading.Event()
    wrong: list[object] = []
    reads = 0

    def seen(old: str, new: str) -> list[Metadata]:
        try:
            return datasets.versions(old)
        except NotFound:
            return datasets.versions(new)

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            # In the order in which it is renamed: it may be so at any moment.
            at = int(pairs[-1][1:])
            history = seen(f"X{at - 1}" if at else "X", f"X{at}")
            values = [int(datasets.get_version(metadata)[0]) for metadata in history]
            if values != list(range(5)):
                wrong.append(values)
            reads += 1

    pairs = ["X0"]

    def rename() -> None:
        try:
            datasets.rename("X", "X0")
            for number in range(25):
                pairs.append(f"X{number + 1}")
                datasets.rename(f"X{number}", f"X{number + 1}")
        finally:
            done.set()

    together(read, rename)

    assert not wrong
    assert reads > 10


def test_writers_under_the_old_name_lose_nothing(datasets: DatasetStore) -> None:
    datasets.put(0, "X")
    start = threading.Barrier(5)

    def put(value: int) -> None:
        start.wait()
        for n in range(6):
            datasets.put(10 * value + n, "X")

    def rename() -> None:
        start.wait()
        datasets.rename("X", "Y")

    together(*(lambda v=v: put(v) for v in range(1, 5)), rename)  # type: ignore[misc]

    kept = [datasets.get_version(m) for m in datasets.versions("Y")]
    # Who comes after the renaming makes a new object of the old name.
    if datasets.exists("X"):
        kept += [datasets.get_version(m) for m in datasets.versions("X")]
    assert sorted(kept) == sorted([0, *(10 * v + n for v in range(1, 5) for n in range(6))])
    assert kept[0] == 0


def test_writers_under_the_new_name_lose_nothing(datasets: DatasetStore) -> None:
    renamed = 0
    for turn in range(12):
        old, new = f"X{turn}", f"Y{turn}"
        for value in range(5):
            datasets.put(value, old)
        start = threading.Barrier(4)

        def put(value: int, new: str = new, start: threading.Barrier = start) -> None:
            start.wait()
            datasets.put(value, new)

        def rename(old: str = old, new: str = new, start: threading.Barrier = start) -> None:
            nonlocal renamed
            start.wait()
            try:
                datasets.rename(old, new)
            except Conflict:
                return
            renamed += 1

        together(*(lambda v=v, put=put: put(v) for v in (10, 11, 12)), rename)  # type: ignore[misc]

        kept = [datasets.get_version(m) for m in datasets.versions(new)]
        if not datasets.exists(old):
            assert kept[:5] == list(range(5))
            kept = kept[5:]
        else:
            assert [datasets.get_version(m) for m in datasets.versions(old)] == list(range(5))
        assert sorted(kept) == [10, 11, 12]


def test_two_objects_for_one_name_and_two_names_for_one_object(datasets: DatasetStore) -> None:
    for turn in range(8):
        one, two, new, other = (f"{letter}{turn}" for letter in "ABCD")
        datasets.put(1, one)
        datasets.put(2, two)
        work = [(one, new), (two, new), (two, other), (one, other)]
        start = threading.Barrier(len(work))

        def rename(old: str, new: str, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                datasets.rename(old, new)
            except (Conflict, NotFound):
                return

        together(*(lambda p=p, rename=rename: rename(*p) for p in work))  # type: ignore[misc]

        alive = [name for name in (one, two, new, other) if datasets.exists(name)]
        assert sorted(datasets.get(name) for name in alive) == [1, 2]


class BeforeReserving(Listener):
    """Does something before the first insertion into the versions."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work: Callable[[], None] | None = work

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "insert" and self._work is not None:
            work, self._work = self._work, None
            together(work)


def test_numbers_of_an_undone_renaming_are_not_built_upon(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    datasets.put(1, "A")
    datasets.put(2, "B")
    # As it stands at the moment at which another renaming gives up.
    place = {"store": "datasets", "name": "new"}
    given_up = [{**place, "version": number, "deleted": True} for number in (1, 2)]
    versions(url).insert_many(given_up)

    def faster() -> None:
        versions(url).delete_many(place)
        datasets.rename("B", "new")

    child = os.fork()
    if child == 0:
        monitoring.register(BeforeReserving(faster))
        try:
            datasets.rename("A", "new")
        except Conflict:
            os._exit(7)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert datasets.get("A") == 1
    assert datasets.get("new") == 2
    assert len(datasets.versions("new")) == 1


def test_collector_at_work_takes_nothing_that_is_needed(
    datasets: DatasetStore, url: SecretUrl
) -> None:
    done = threading.Event()

    def clean() -> None:
        while not done.is_set():
            collect(url, grace=NOW)

    def rename() -> None:
        try:
            for turn in range(15):
                datasets.put(LARGE + turn, f"X{turn}")
                datasets.put(turn, f"X{turn}")
                try:
                    datasets.rename(f"X{turn}", f"Y{turn}")
                except Conflict:
                    datasets.rename(f"X{turn}", f"Y{turn}")
        finally:
            done.set()

    together(clean, rename)

    for turn in range(15):
        np.testing.assert_array_equal(datasets.get(f"Y{turn}@-2"), LARGE + turn)
    assert check(url).ok


def test_scores_of_the_last_moment_go_along(models: ModelStore) -> None:
    for turn in range(10):
        old, new = f"m{turn}", f"n{turn}"
        models.put(LogisticRegression(), old)
        start = threading.Barrier(2)

        def score(old: str = old, start: threading.Barrier = start) -> None:
            start.wait()
            for n in range(8):
                models.add_score(f"{old}@1", {"score": n, "task": f"t{n}"})

        def rename(old: str = old, new: str = new, start: threading.Barrier = start) -> None:
            start.wait()
            models.rename(old, new)

        together(score, rename)

        scores = [score["score"] for score in models.metadata(new).scores]
        assert sorted(scores) == list(range(8))


def test_task_that_waits_finds_the_model_under_its_new_name(om: Omega) -> None:
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(), "m")
    om.models.rename("m", "n")
    om.datasets.rename("X", "X2")

    fitted = om.runtime.model("m@1").fit("X@1", "y").get(timeout=60)

    assert fitted.ref == "n@2"
    assert fitted.inputs == {"model": "n@1", "X": "X2@1", "y": "y@1"}
    assert om.models.list() == ["n"]
