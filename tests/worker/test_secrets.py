"""With a MongoDB that has users: the password is nowhere but in the settings."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bson
import pytest
from pymongo import MongoClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import AuthError, OmegaError
from omega_jupyter.local.mongod import find_mongod
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.app import make_app
from omega_jupyter.runtime.credentials import HEADER
from tests.mongo_server import wait_for
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
    process = start_worker(url, folder, OMEGA_MONGO_URL=url)
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


def test_password_stands_in_clear_nowhere(
    guarded: tuple[str, Path], alice: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
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

    seen = set()
    for where, document in everything_stored(at):
        seen.add(where.partition(".")[2])
        assert not any(form in document for form in FORMS), where
    assert {"omega_tasks", "omega_versions", "omega_queue", "omega_keys"} <= seen
    shown = capfd.readouterr()
    texts = [
        (folder / "worker.log").read_text(),
        *map(repr, (om, om.config, om.runtime, failed, failed.record, caught.value)),
        str(failed.traceback),
        shown.out,
        shown.err,
    ]
    assert not any(form.decode() in text for form in FORMS for text in texts)


def test_wrong_password_is_refused_without_repeating_it(guarded: tuple[str, Path]) -> None:
    at, _ = guarded
    om = Omega(f"mongodb://alice:rabbit-hole@{at}/omega_alice?authSource=omega_alice")

    with pytest.raises(AuthError) as caught:
        om.datasets.list()

    assert "rabbit-hole" not in str(caught.value)


def test_another_users_database_is_refused(guarded: tuple[str, Path], alice: object) -> None:
    at, _ = guarded
    password = quote(PASSWORD, safe="")
    om = Omega(f"mongodb://alice:{password}@{at}/omega_bob?authSource=omega_alice")

    with pytest.raises(AuthError):
        om.datasets.put(X, "X")


@pytest.fixture
def held_back(alice: tuple[str, Path]) -> tuple[Omega, dict[str, Any]]:
    """A fit whose message waits where no worker listens, and that message's headers."""
    om = Omega(alice[0])
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=500), "forged")
    task = om.runtime.require("held-back").model("forged").fit("X", "y")
    with MongoClient(alice[0]) as client:
        for found in client.get_default_database()["omega_queue"].find():
            headers = json.loads(found["payload"])["headers"]
            if headers["id"] == task.id:
                return om, headers | {"arguments": task.record["arguments"]}
    raise LookupError(task.id)


def send(url: str, task_id: str, arguments: dict[str, Any], headers: dict[str, Any]) -> None:
    """Send a task as somebody would who can write to the broker."""
    app = make_app(OmegaConfig(), SecretUrl(url))
    app.send_task("omega.fit", task_id=task_id, kwargs=arguments, headers=headers, queue="omega")


@pytest.mark.parametrize("forgery", ["no header", "another id", "other arguments"])
def test_worker_refuses_what_was_not_sealed_for_it(
    alice: tuple[str, Path], held_back: tuple[Omega, dict[str, Any]], forgery: str
) -> None:
    om, headers = held_back
    task_id, arguments = headers["id"], headers["arguments"]
    sealed = {HEADER: headers[HEADER]}
    versions = len(om.models.versions("forged"))

    match forgery:
        case "no header":
            send(alice[0], task_id, arguments, {})
        case "another id":
            send(alice[0], "0" * 32, arguments, sealed)
        case "other arguments":
            send(alice[0], task_id, arguments | {"result": "stolen"}, sealed)

    wait_for_line(alice[1] / "worker.log", "Refused")
    # The next task of the same queue ends after the forged one was looked at.
    om.runtime.model("forged").fit("X", "y").get(60)
    assert len(om.models.versions("forged")) == versions + 1
    assert om.runtime.task(headers["id"]).state == "QUEUED", str(
        om.runtime.task(headers["id"]).record
    )


def test_task_that_ended_never_runs_again(
    alice: tuple[str, Path], held_back: tuple[Omega, dict[str, Any]]
) -> None:
    om, headers = held_back
    sealed = {HEADER: headers[HEADER]}
    send(alice[0], headers["id"], headers["arguments"], sealed)
    om.runtime.task(headers["id"]).get(60)
    versions = len(om.models.versions("forged"))

    send(alice[0], headers["id"], headers["arguments"], sealed)

    wait_for_line(alice[1] / "worker.log", "Ignored", headers["id"])
    assert len(om.models.versions("forged")) == versions


def wait_for_line(log: Path, *words: str) -> None:
    """Wait until a line of the log has all these words."""
    wait_for(lambda: any(all(w in line for w in words) for line in log.read_text().splitlines()))


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_pickle_is_refused_and_not_even_loaded(alice: tuple[str, Path], tmp_path: Path) -> None:
    app = make_app(OmegaConfig(), SecretUrl(alice[0]))
    bomb = {"X": Bomb(tmp_path / "loaded")}
    app.send_task("omega.fit", kwargs=bomb, serializer="pickle", argsrepr="", queue="omega")

    wait_for_line(alice[1] / "worker.log", "Refusing to deserialize", "pickle")
    assert not (tmp_path / "loaded").exists()
