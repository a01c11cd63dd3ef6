"""TLS with a private authority, users with the least rights: who belongs there gets in, alone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import AuthError, Invalid, NotFound, OmegaError, Unavailable
from omega_jupyter.local.mongod import find_mongod
from omega_jupyter.omega import Omega
from tests.certificates import Authority, Certificate
from tests.mongo_server import wait_for
from tests.processes import OperatorKeys, start_worker
from tests.rabbit_server import (
    SERVER,
    RabbitServer,
    definitions,
    free_port,
    rights_of_users,
    rights_of_workers,
)

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)

PASSWORD = "looking-glass-9"
X, y = load_iris(return_X_y=True)


@dataclass(frozen=True)
class Site:
    """Servers with TLS alone, that ask for certificates, and what belongs to them."""

    folder: Path
    authority: Authority
    client: Certificate
    rogue: Certificate
    other_authority: Path
    mongo_port: int
    rabbit_port: int = 0

    def mongo_url(self, user: str = "alice", password: str = PASSWORD, **options: str) -> str:
        options = {
            "tls": "true",
            "tlsCAFile": str(self.authority.file),
            "tlsCertificateKeyFile": str(self.client.both),
            "serverSelectionTimeoutMS": "1500",
        } | options
        at = f"{options.pop('host', '127.0.0.1')}:{self.mongo_port}"
        return f"mongodb://{user}:{password}@{at}/omega_{user}?{urlencode(options)}"

    def broker_url(self, user: str = "alice", password: str = PASSWORD, **options: str) -> str:
        own = {
            "cacertfile": str(self.authority.file),
            "certfile": str(self.client.certificate),
            "keyfile": str(self.client.key),
        }
        options = own | options
        at = f"{options.pop('host', '127.0.0.1')}:{options.pop('port', self.rabbit_port)}"
        vhost = options.pop("vhost", "omega")
        query = urlencode({name: value for name, value in options.items() if value})
        return f"amqps://{user}:{password}@{at}/{vhost}?{query}"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A mongod and a RabbitMQ with users, TLS alone and certificates on both sides."""
    folder = Path(tempfile.mkdtemp(prefix="omega-tls-"))
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    server = authority.issue("server")
    site = Site(
        folder,
        authority,
        authority.issue("client"),
        other.issue("rogue"),
        other.file,
        free_port(),
    )
    command = [find_mongod(), "--dbpath", folder, "--port", str(site.mongo_port), "--auth"]
    command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", server.both]
    command += ["--tlsCAFile", authority.file, "--wiredTigerCacheSizeGB", "0.25"]
    with (folder / "mongod.log").open("wb") as log:
        process = subprocess.Popen([*command, "--nounixsocket"], stdout=log, stderr=log)
    tls = {"tlsCAFile": str(authority.file), "tlsCertificateKeyFile": str(site.client.both)}
    try:
        with MongoClient("127.0.0.1", site.mongo_port, tls=True, **tls) as client:
            client.admin.command("createUser", "root", pwd="toor", roles=["root"])
        root = f"mongodb://root:toor@127.0.0.1:{site.mongo_port}/admin"
        with MongoClient(root, tls=True, **tls) as client:
            for name in ("alice", "bob"):
                rights = {"pwd": PASSWORD, "roles": ["readWrite"]}
                client[f"omega_{name}"].command("createUser", name, **rights)
        rights = {"alice": rights_of_users("omega"), "worker": rights_of_workers("omega")}
        users = definitions(PASSWORD, rights, ["omega", "others"])
        (folder / "definitions.json").write_text(users)
        settings = {
            "listeners.tcp": "none",
            "load_definitions": folder / "definitions.json",
            "ssl_options.cacertfile": authority.file,
            "ssl_options.certfile": server.certificate,
            "ssl_options.keyfile": server.key,
            "ssl_options.verify": "verify_peer",
            "ssl_options.fail_if_no_peer_cert": "true",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        with RabbitServer(*lines, url=site.broker_url(port="{port}")) as rabbit:
            yield Site(**vars(site) | {"rabbit_port": rabbit.port})
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def keys(site: Site) -> Iterator[OperatorKeys]:
    """The keys of a worker that has no account in MongoDB and serves both users."""
    keys = OperatorKeys(site.folder)
    asking = site.broker_url()
    process = start_worker(site.broker_url("worker"), site.folder, asking=asking, **keys.of_workers)
    yield keys
    process.terminate()
    process.wait(30)


def test_fit_runs_over_tls_with_the_least_rights(site: Site, keys: OperatorKeys) -> None:
    om = Omega(site.mongo_url(), site.broker_url(), **keys.of_clients)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=500), "m")

    om.runtime.model("m").fit("X", "y").get(60)
    predicted = om.runtime.model("m").predict("X").get(60)

    np.testing.assert_array_equal(predicted, LogisticRegression(max_iter=500).fit(X, y).predict(X))
    wait_for(lambda: len(om.runtime.workers(timeout=2)) == 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls": "false"},
        {"tlsCertificateKeyFile": "rogue"},
        {"tlsCAFile": "other"},
        {"host": "localhost"},
        {"tlsCertificateKeyFile": ""},
    ],
    ids=["plain", "other authority's certificate", "other authority", "host name", "none"],
)
def test_mongodb_refuses_who_does_not_belong_there(site: Site, wrong: dict[str, str]) -> None:
    files = {"rogue": str(site.rogue.both), "other": str(site.other_authority)}
    url = site.mongo_url(**{name: files.get(value, value) for name, value in wrong.items()})
    if wrong["tls" if "tls" in wrong else next(iter(wrong))] in ("false", ""):
        dropped = ("tlsCertificateKeyFile", "tlsCAFile") if "tls" in wrong else tuple(wrong)
        address, _, options = url.partition("?")
        kept = [o for o in options.split("&") if not o.startswith(dropped)]
        url = f"{address}?{'&'.join(kept)}"

    with pytest.raises(Unavailable) as caught:
        Omega(url).datasets.list()

    assert caught.value.hop == "mongodb"
    if wrong.get("tls") or wrong.get("tlsCertificateKeyFile") == "" or "tlsCAFile" in wrong:
        assert "tlsCAFile=" in str(caught.value.hint)
    assert PASSWORD not in repr(caught.value)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"certfile": "rogue", "keyfile": "rogue"}, Unavailable),
        ({"cacertfile": "other"}, Unavailable),
        ({"cacertfile": ""}, Unavailable),
        ({"certfile": "", "keyfile": ""}, Unavailable),
        ({"host": "127.1"}, Unavailable),
        ({"password": "rabbit-hole"}, AuthError),
        ({"user": "mallory"}, AuthError),
        ({"vhost": "others"}, AuthError),
        ({"vhost": "nowhere"}, AuthError),
        ({"certfile": ""}, Invalid),
        ({"cacertfile": "/nowhere.crt"}, Invalid),
        ({"verify": "verify_none"}, Invalid),
    ],
    ids=str,
)
def test_rabbitmq_refuses_who_does_not_belong_there(
    site: Site, keys: OperatorKeys, wrong: dict[str, str], error: type[OmegaError]
) -> None:
    """Nothing is left of a task that could not be sent."""
    files = {"other": str(site.other_authority)}
    if wrong.get("certfile") == "rogue":
        wrong = {"certfile": str(site.rogue.certificate), "keyfile": str(site.rogue.key)}
    url = site.broker_url(**{name: files.get(value, value) for name, value in wrong.items()})
    om = Omega(site.mongo_url("bob"), url, **keys.of_clients)
    om.models.put(LogisticRegression(), "m")
    om.datasets.put(X, "X")
    before = len(om.runtime.tasks())

    with pytest.raises(error) as caught:
        om.runtime.model("m").predict("X")

    assert len(om.runtime.tasks()) == before
    if not isinstance(caught.value, Invalid):
        assert caught.value.hop == "broker"  # type: ignore[attr-defined]  # both others have one
        assert "127." in caught.value.message
    if error is Unavailable and "" in wrong.values():
        assert f"{next(iter(wrong))}=" in str(caught.value.hint)
    shown = repr(caught.value) + str(caught.value)
    assert PASSWORD not in shown
    assert "rabbit-hole" not in shown


def test_plain_connection_to_rabbitmq_is_refused(site: Site, keys: OperatorKeys) -> None:
    plain = f"amqp://alice:{PASSWORD}@127.0.0.1:{site.rabbit_port}/omega"
    om = Omega(site.mongo_url("bob"), plain, **keys.of_clients)
    om.models.put(LogisticRegression(), "m")
    om.datasets.put(X, "X")

    with pytest.raises(Unavailable) as caught:
        om.runtime.model("m").predict("X")

    assert caught.value.hop == "broker"
    assert "amqps://" in str(caught.value.hint)


def test_one_worker_without_an_account_serves_users_who_see_only_their_own(
    site: Site, keys: OperatorKeys
) -> None:
    for user in ("alice", "bob"):
        om = Omega(site.mongo_url(user), site.broker_url(), **keys.of_clients)
        om.datasets.put(X, "mine")
        om.datasets.put(y, "answers")
        om.models.put(LogisticRegression(max_iter=500), "own")
        task = om.runtime.model("own").fit("mine", "answers")
        assert task.get(60).ref == "own@2"
        with MongoClient(site.mongo_url(user)) as client:
            other = client["omega_bob" if user == "alice" else "omega_alice"]
            for collection in ("omega_tasks", "omega_versions"):
                with pytest.raises(OperationFailure, match="not authorized"):
                    other[collection].find_one()
    alice = Omega(site.mongo_url(), site.broker_url(), **keys.of_clients)
    with pytest.raises(NotFound):
        alice.runtime.task(task.id).get(5)
    log = (site.folder / "worker.log").read_text()
    assert PASSWORD not in log
