"""Chunks are read with few commands, each of them once, also where a cursor breaks."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
from pymongo import MongoClient
from pymongo.errors import InvalidOperation
from pymongo.synchronous.pool import Connection

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Unavailable
from omega_jupyter.store.chunks.chunks import StoredSource, write_segment
from omega_jupyter.store.chunks.messages import IN_FLIGHT, REPLY_BYTES, shares
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.database.schema import prepare
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.payload.payload import Buffers, Key

# Of several replies for each thread.
DATA = np.random.default_rng(0).bytes(7 * REPLY_BYTES + 1)


@pytest.fixture
def keys() -> list[Key]:
    return list(Buffers([DATA]).listed())


@pytest.fixture
def source(url: SecretUrl) -> StoredSource:
    prepare(url)
    written = write_segment(url, Buffers([DATA]))
    return StoredSource(url, {"name": "x", "version": 1, "segments": [written.to_document()]})


def kill_cursors(url: SecretUrl) -> None:
    connect(url).client.admin.command("killAllSessions", [])


def test_what_a_broken_cursor_has_not_brought_is_read_again(
    source: StoredSource, keys: list[Key], url: SecretUrl
) -> None:
    lock = threading.Lock()
    got: list[tuple[int, bytes]] = []

    def sink(group: int, _: int, data: bytes) -> None:
        with lock:
            if not got:
                kill_cursors(url)
            got.append((group, data))

    source.fetch(0, keys, sink)

    assert [group for group, _ in sorted(got)] == [key.group for key in keys]
    assert b"".join(data for _, data in sorted(got)) == DATA


def test_server_that_breaks_each_cursor_is_not_asked_for_ever(
    source: StoredSource, keys: list[Key], url: SecretUrl
) -> None:
    with pytest.raises(Unavailable):
        source.fetch(0, keys, lambda *_: kill_cursors(url))


def test_read_that_is_broken_off_leaves_no_replies_to_others(
    source: StoredSource, keys: list[Key], url: SecretUrl
) -> None:
    def refuse(*_: object) -> None:
        raise KeyError("enough")

    for _ in range(3):
        with pytest.raises(KeyError, match="enough"):
            source.fetch(0, keys, refuse)

    assert connect(url).command("ping")["ok"] == 1
    assert bytes(source.buffer(0, 0, len(DATA))) == DATA


def test_router_that_sends_only_what_it_is_asked_for_is_read_from(
    source: StoredSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidOperation("Exhaust cursors are not supported by mongos")

    monkeypatch.setattr(MongoClient, "is_mongos", True)
    # Which every release words elsewhere.
    monkeypatch.setattr(Connection, "pin_cursor", refuse)

    assert bytes(source.buffer(0, 0, len(DATA))) == DATA


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [REPLY_BYTES],
        [REPLY_BYTES, 1],
        [1] * 100 + [REPLY_BYTES] * 3,
        [REPLY_BYTES] * 100,
        [0] * 200_000,
        [1 << 60] * 10,
    ],
)
def test_shares_are_alike_and_hold_each_key_once(sizes: list[int]) -> None:
    keys = [Key(number, 0, size) for number, size in enumerate(sizes)]

    cut = shares(keys)

    assert [key for share in cut for key in share] == keys
    if sum(sizes) > REPLY_BYTES:
        assert len(cut) >= IN_FLIGHT
        held = [sum(key.size for key in share) for share in cut]
        assert max(held) <= min(held) + 2 * max(sizes)
    assert all(len(share) < 100_000 for share in cut)


def test_large_frame_is_its_readers_own(url: SecretUrl) -> None:
    datasets = DatasetStore(url)
    frame = pd.DataFrame(np.random.default_rng(0).random((500_000, 10)))
    datasets.put(frame, "x")

    first = datasets.get("x")
    first.iloc[:, :] = 0.0
    second = datasets.get("x")
    del first

    pd.testing.assert_frame_equal(second, frame)
    pd.testing.assert_frame_equal(datasets.get("x"), frame)
    second.iloc[3, 3] = 7.0
    assert second.iloc[3, 3] == 7.0
