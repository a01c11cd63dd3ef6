"""The names that the panel lists."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from tornado.httpclient import HTTPClientError, HTTPResponse

from omega_jupyter.config import SecretUrl
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.services import LocalServices
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import forget
from tests.mongo_server import MongoServer

Fetch = Callable[..., Awaitable[HTTPResponse]]

NOBODY = "mongodb://alice:wonderland@127.0.0.1:{port}/omega?serverSelectionTimeoutMS=300"


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the server's ``OMEGA_MONGO_URL``."""
    urls: list[str] = []

    def set_url(url: str) -> None:
        urls.append(url)
        monkeypatch.setenv("OMEGA_MONGO_URL", url)

    yield set_url
    for url in urls:
        forget(SecretUrl(url))


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in taken:
            connection.close()


async def objects(jp_fetch: Fetch) -> dict[str, Any]:
    response = await jp_fetch("omega", "objects")
    assert response.headers["Content-Type"].startswith("application/json")
    body: dict[str, Any] = json.loads(response.body)
    return body


async def problem(jp_fetch: Fetch) -> tuple[int, dict[str, Any]]:
    with pytest.raises(HTTPClientError) as failed:
        await jp_fetch("omega", "objects", request_timeout=60)
    response = failed.value.response
    assert response is not None
    assert b"wonderland" not in response.body
    return failed.value.code, json.loads(response.body)


async def test_the_newest_version_of_each_object_is_listed_by_name(
    jp_fetch: Fetch, mongo_url: str, configure: Callable[[str], None]
) -> None:
    configure(mongo_url)
    om = Omega(mongo_url)
    om.datasets.put(pd.DataFrame({"a": [1, 2]}), "sales/2026")
    om.datasets.put(np.arange(3), "X")
    om.datasets.put(np.arange(4), "X")
    om.models.put(LogisticRegression(), "mymodel")

    assert await objects(jp_fetch) == {
        "datasets": [
            {"name": "X", "version": 2, "kind": "array"},
            {"name": "sales/2026", "version": 1, "kind": "dataframe"},
        ],
        "models": [{"name": "mymodel", "version": 1, "kind": "estimator"}],
        "stopped": False,
    }


async def test_an_empty_database_has_no_objects(
    jp_fetch: Fetch, mongo_url: str, configure: Callable[[str], None]
) -> None:
    configure(mongo_url)

    assert await objects(jp_fetch) == {"datasets": [], "models": [], "stopped": False}


async def test_asking_starts_no_local_services(
    jp_fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_DATA_DIR", str(tmp_path / "services"))

    assert await objects(jp_fetch) == {"datasets": [], "models": [], "stopped": True}
    assert not (tmp_path / "services").exists()


async def test_asking_does_not_keep_the_local_services_alive(
    jp_fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not pytest's own folder: a unix socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="omega-test-"))
    monkeypatch.setenv("OMEGA_DATA_DIR", str(folder))
    om = Omega(concurrency=1, notify=lambda text: None)
    services = LocalServices(om.config)
    try:
        om.datasets.put([1, 2], "X")
        url = om.mongo_url
        used = LocalPaths(folder).used.stat().st_mtime_ns

        body = await objects(jp_fetch)

        assert body["datasets"] == [{"name": "X", "version": 1, "kind": "data"}]
        assert LocalPaths(folder).used.stat().st_mtime_ns == used
        forget(url)
    finally:
        services.stop()
        shutil.rmtree(folder)


async def test_credentials_that_mongodb_refuses_are_not_a_matter_of_logging_in_to_jupyter(
    jp_fetch: Fetch, configure: Callable[[str], None]
) -> None:
    with MongoServer(auth=True) as server:
        configure(server.alices_url("wonderland"))

        status, body = await problem(jp_fetch)

    assert status == 502
    assert body["code"] == "auth"
    assert "OMEGA_MONGO_URL" in body["hint"]


async def test_a_database_that_is_down_is_named_with_the_next_step(
    jp_fetch: Fetch, closed_port: int, configure: Callable[[str], None]
) -> None:
    configure(NOBODY.format(port=closed_port))

    status, body = await problem(jp_fetch)

    assert status == 503
    assert body["code"] == "unavailable"
    assert body["hop"] == "mongodb"
    assert f"127.0.0.1:{closed_port}" in body["message"]
    assert "omega doctor" in body["hint"]


async def test_a_database_that_hangs_holds_up_neither_the_answer_nor_the_server(
    jp_fetch: Fetch, silent_port: int, configure: Callable[[str], None]
) -> None:
    configure(f"mongodb://alice:wonderland@127.0.0.1:{silent_port}/omega")
    started = time.monotonic()

    # More of them than threads: each has the answer of the first.
    hanging = [asyncio.ensure_future(problem(jp_fetch)) for _ in range(8)]
    await jp_fetch("api", "status")
    assert not any(one.done() for one in hanging)
    answers = await asyncio.gather(*hanging)

    assert {status for status, _ in answers} == {503}
    assert time.monotonic() - started < 10


async def test_settings_that_can_not_be_used_are_named(
    jp_fetch: Fetch, configure: Callable[[str], None]
) -> None:
    configure("postgres://alice:wonderland@db.example/omega")

    status, body = await problem(jp_fetch)

    assert status == 503
    assert body["hop"] == "settings"
    assert "mongo_url" in body["message"]
