"""A slow writer loses nothing; one that was taken for dead publishes nothing half."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pymongo.collection import Collection

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.chunks.chunks import write_segment
from omega_jupyter.store.chunks.writer import Writer, lease_of
from omega_jupyter.store.database import lease
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.schema import chunks, leases, prepare, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.payload.payload import Buffers
from omega_jupyter.store.upkeep.garbage import Collected, collect
from omega_jupyter.store.upkeep.segments import abandoned
from omega_jupyter.store.versions import publication
from tests.mongo_server import wait_for
from tests.store.names.test_catalog import commands

LARGE = np.ones(50_000)
PAST = datetime(2026, 1, 1)


def run_out(url: SecretUrl) -> None:
    """Let a minute pass in which nobody renews."""
    leases(url).update_many({}, {"$set": {"until": PAST}})


@pytest.fixture
def standstill(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let this process's clocks jump, as after it was stopped."""
    jump = [0.0]
    clocks = lease._clocks
    monkeypatch.setattr(lease, "_clocks", lambda: tuple(c + jump[0] for c in clocks()))
    return jump


def test_small_puts_take_no_lease_and_large_ones_share_it(
    url: SecretUrl, datasets: DatasetStore
) -> None:
    datasets.put(1, "small")
    assert leases(url).count_documents({}) == 0

    datasets.put(LARGE, "X")
    with commands(url) as sent:
        datasets.put(LARGE, "X")

    assert leases(url).count_documents({}) == 1
    # One more than without lease at most: number, chunks, version.
    assert len(sent) <= 4
    assert sent.count("insert") == 2


def test_lease_lasts_a_minute_and_is_renewed_as_long_as_something_is_unpublished(
    url: SecretUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(url)
    begun = write_segment(url, Buffers([b"x" * 200_000])).id
    (found,) = leases(url).find()
    assert found["_id"] == lease_of(begun)
    left = found["until"] - datetime.now(UTC)
    assert timedelta(seconds=50) < left < timedelta(seconds=61)

    # The same in a thirtieth of the time.
    monkeypatch.setattr(lease, "SECONDS", 2.0)
    with_beat = write_segment(url, Buffers([b"x" * 200_000])).id
    Writer.of(url)._lease.rest()
    Writer.of(url)._lease.keep()
    end = datetime.now(UTC) + timedelta(seconds=3)
    while datetime.now(UTC) < end:
        assert abandoned(url, [begun, with_beat], revoke=True) == []

    Writer.of(url).end([begun, with_beat])
    wait_for(lambda: abandoned(url, [begun, with_beat], revoke=True))
    assert collect(url).segments == 2


def test_failed_puts_leave_nobody_waiting(url: SecretUrl, datasets: DatasetStore) -> None:
    datasets.put(1, "X")

    with pytest.raises(Conflict):
        datasets.put(LARGE, "X", if_exists="fail")

    class Broken(Buffers):
        def pack(self, group: int, block: int) -> bytes:
            raise Invalid("it can't be packed")

    with pytest.raises(Invalid, match="packed"):
        write_segment(url, Broken([LARGE.data]))

    assert not Writer.of(url)._unpublished
    assert chunks(url).count_documents({}) == 0


def test_slow_writer_that_nobody_noticed_publishes(
    url: SecretUrl,
    datasets: DatasetStore,
    monkeypatch: pytest.MonkeyPatch,
    standstill: list[float],
) -> None:
    standing = publication._standing

    def slow(*args: Any, **options: Any) -> Any:
        run_out(url)
        standstill[0] += 1000
        return standing(*args, **options)

    monkeypatch.setattr(publication, "_standing", slow)

    assert datasets.put(LARGE, "X").version == 1
    np.testing.assert_array_equal(datasets.get("X"), LARGE)
    assert collect(url) == Collected()


def test_writer_that_was_taken_for_dead_publishes_nothing(
    url: SecretUrl,
    datasets: DatasetStore,
    monkeypatch: pytest.MonkeyPatch,
    standstill: list[float],
) -> None:
    datasets.put(LARGE, "X")
    standing = publication._standing

    def dead(*args: Any, **options: Any) -> Any:
        run_out(url)
        standstill[0] += 1000
        assert collect(url).segments == 1
        return standing(*args, **options)

    monkeypatch.setattr(publication, "_standing", dead)
    with pytest.raises(Conflict, match="'X' could not be stored: this process stood still"):
        datasets.put(LARGE * 2, "X")
    monkeypatch.undo()

    assert [m.version for m in datasets.versions("X")] == [1]
    # And goes on under another lease.
    assert datasets.put(LARGE * 3, "X").version == 2
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 3)
    assert collect(url) == Collected()


def test_writer_that_is_taken_for_dead_in_the_middle_of_publishing_takes_it_back(
    url: SecretUrl,
    datasets: DatasetStore,
    monkeypatch: pytest.MonkeyPatch,
    standstill: list[float],
) -> None:
    prepare(url)
    insert = Collection.insert_one

    def stand_still(self: object, document: object, *args: object) -> object:
        run_out(url)
        standstill[0] += 1000
        assert collect(url).segments == 1
        return insert(self, document, *args)  # type: ignore[arg-type]  # as they came

    # Only a process that is stopped at this very moment could show it.
    monkeypatch.setattr(Collection, "insert_one", stand_still)
    with pytest.raises(Conflict, match="stood still"):
        datasets.put(LARGE, "X")

    assert versions(url).count_documents({"name": "X"}) == 0
    with pytest.raises(NotFound):
        datasets.get("X")


def test_child_of_a_fork_writes_under_a_lease_of_its_own(
    url: SecretUrl, datasets: DatasetStore
) -> None:
    datasets.put(LARGE, "X")

    pid = os.fork()
    if not pid:
        status = 1
        try:
            DatasetStore(url).put(LARGE * 2, "X")
            status = 0
        finally:
            os._exit(status)

    assert os.waitpid(pid, 0)[1] == 0
    assert leases(url).count_documents({}) == 2
    np.testing.assert_array_equal(datasets.get("X"), LARGE * 2)


def test_all_reads_ask_the_primary_whatever_the_url_prefers(url: SecretUrl) -> None:
    lazy = SecretUrl(f"{url.reveal()}?readPreference=secondaryPreferred")

    assert connect(lazy).read_preference.name == "Primary"
    for collection in (versions(lazy), chunks(lazy), leases(lazy)):
        assert collection.read_preference.name == "Primary"
