"""With a MongoDB that has users: the password is nowhere but in the settings."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import bson
import pytest
from pymongo import MongoClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.doctor import diagnose
from omega_jupyter.errors import AuthError, OmegaError
from omega_jupyter.local.mongod import find_mongod
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.keys import DatabaseKeys
from tests.processes import start_worker

PASSWORD = "wonder/land@7"
FORMS = (PASSWORD.encode(), quote(PASSWORD, safe="").encode())

X, y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, Path]]:
    """A mongod with the user alice, whose database is hers alone."""
    folder = Path(tempfile.mkdtemp(prefix="omega-auth-"))
    socket = folder / "mongod.sock"
    with (folder / "mongod.log").open("wb") as log:
        process = subprocess.Popen(
            [find_mongod(), "--dbpath", folder, "--bind_ip", socket, "--auth"]
            + ["--unixSocketPrefix", folder, "--wiredTigerCacheSizeGB", "0.25"],
            stdout=log,
            stderr=log,
        )
    at = quote(str(socket), safe="")
    try:
        # The first user is made through the exception for clients of the same host.
        with MongoClient(f"mongodb://{at}") as client:
            client.admin.command("createUser", "root", pwd="toor", roles=["root"])
        with MongoClient(f"mongodb://root:toor@{at}") as client:
            role = {"role": "readWrite", "db": "omega_alice"}
            client["omega_alice"].command("createUser", "alice", pwd=PASSWORD, roles=[role])
        yield at, folder
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def alice(guarded: tuple[str, Path]) -> Iterator[tuple[str, Path]]:
    """Alice's URL, with a worker beside it; yields the folder of its log too."""
    at, folder = guarded
    url = f"mongodb://alice:{quote(PASSWORD, safe='')}@{at}/omega_alice?authSource=omega_alice"
    process = start_worker(url, folder, log_level="DEBUG", OMEGA_MONGO_URL=url)
    yield url, folder
    process.terminate()
    process.wait(30)


def everything_stored(at: str) -> Iterator[tuple[str, bytes]]:
    """Each document of each collection of each database, as its bytes."""
    with MongoClient(f"mongodb://root:toor@{at}") as client:
        for database in client.list_database_names():
            if database in ("admin", "config", "local"):
                continue
            for collection in client[database].list_collection_names():
                for document in client[database][collection].find():
                    yield f"{database}.{collection}", bson.encode(document)


def private_keys(at: str) -> list[str]:
    """The keys of alice's database, as they are stored there."""
    with MongoClient(f"mongodb://root:toor@{at}") as client:
        return [key["private"] for key in client["omega_alice"]["omega_keys"].find()]


def test_secrets_stand_in_clear_nowhere(
    guarded: tuple[str, Path],
    alice: tuple[str, Path],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in what is stored, nor in what is shown, logged or told, at any level."""
    caplog.set_level(logging.DEBUG)
    at, folder = guarded
    url, _ = alice
    om = Omega(url)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=500), "m")

    om.runtime.model("m").fit("X", "y").get(60)
    om.runtime.model("m").predict("X").get(60)
    failed = om.runtime.model("m").predict(X.iloc[:, :2])
    with pytest.raises(OmegaError) as caught:
        failed.get(60)
    # One message stays in the queue, so that the broker's form of it is seen too.
    om.runtime.require("nobody-listens").model("m").predict("X")

    told = om.runtime.workers(30)
    DatabaseKeys(SecretUrl(url)).rotate("sender")
    om.runtime.model("m").predict("X").get(60)
    seen = set()
    for where, document in everything_stored(at):
        seen.add(where.partition(".")[2])
        assert not any(form in document for form in FORMS), where
    assert {"omega_tasks", "omega_versions", "omega_queue", "omega_keys"} <= seen
    shown = capfd.readouterr()
    texts = [
        (folder / "worker.log").read_text(),
        *map(repr, (om, om.config, om.runtime, failed, failed.record, told, caught.value)),
        *(str(part) for part in (om.broker_url, failed.traceback, failed.logs(), *diagnose(om))),
        "".join(traceback.format_exception(caught.value)),
        caplog.text,
        shown.out,
        shown.err,
    ]
    # pymongo and the worker have said much.
    assert "omega_tasks" in caplog.text
    assert "TaskPool: Apply" in texts[0]
    secrets = [*(form.decode() for form in FORMS), *private_keys(at)]
    assert len(secrets) == 5
    assert [(s, t[:80]) for s in secrets for t in texts if s in t] == []


def test_wrong_password_is_refused_without_repeating_it(guarded: tuple[str, Path]) -> None:
    at, _ = guarded
    om = Omega(f"mongodb://alice:rabbit-hole@{at}/omega_alice?authSource=omega_alice")

    with pytest.raises(AuthError) as caught:
        om.datasets.list()

    assert caught.value.hop == "mongodb"
    assert "rabbit-hole" not in "".join(traceback.format_exception(caught.value))


def test_another_users_database_is_refused(guarded: tuple[str, Path], alice: object) -> None:
    at, _ = guarded
    password = quote(PASSWORD, safe="")
    om = Omega(f"mongodb://alice:{password}@{at}/omega_bob?authSource=omega_alice")

    with pytest.raises(AuthError):
        om.datasets.put(X, "X")
