"""The real parts that the tests run against."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect, forget
from tests.mongo_server import MongoServer
from tests.processes import OperatorKeys, Worker, start_worker


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the developer's own settings, database or services."""
    for name in list(os.environ):
        if name.startswith("OMEGA_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))


@pytest.fixture(scope="session")
def mongod() -> Iterator[str]:
    """A real mongod on a unix socket; yields its URL without a database."""
    with MongoServer() as server:
        yield f"mongodb://{server.address}"


@pytest.fixture
def mongo_url(mongod: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards."""
    url = f"{mongod}/test_{uuid.uuid4().hex[:12]}"
    yield url
    database = connect(SecretUrl(url))
    database.client.drop_database(database.name)
    forget(SecretUrl(url))


@pytest.fixture(scope="session")
def worker(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker with a key of its own and no database: credentials come with each task."""
    folder = tmp_path_factory.mktemp("worker")
    keys = OperatorKeys(folder)
    broker_url = f"{mongod}/broker_of_the_tests"
    process = start_worker(broker_url, folder, **keys.of_workers)
    yield Worker(broker_url, keys, folder / "worker.log", process.pid)
    process.terminate()
    process.wait(30)


@pytest.fixture
def om(mongo_url: str, worker: Worker) -> Omega:
    """An Omega on an empty database, with a worker that serves it."""
    return Omega(mongo_url, worker.broker_url, **worker.keys.of_clients)
