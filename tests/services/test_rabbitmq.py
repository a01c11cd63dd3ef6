"""With two URLs set, the same calls run on RabbitMQ."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from kombu import Connection
from kombu.exceptions import OperationalError
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import Unavailable
from omega_jupyter.omega import Omega
from tests.mongo_server import wait_for
from tests.processes import kill_tree, start_worker

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)

X, y = make_classification(2_000, 20, random_state=0)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ of our own on loopback; yields its URL."""
    folder = Path(tempfile.mkdtemp(prefix="omega-rabbit-"))
    port, epmd = free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    (folder / "plugins").write_text("[].")
    environment = os.environ | {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"omega-{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd),
    }
    with (folder / "out.log").open("wb") as log:
        server = subprocess.Popen([SERVER], env=environment, stdout=log, stderr=log)
    url = f"amqp://guest:guest@127.0.0.1:{port}//"

    def answers() -> bool:
        assert server.poll() is None, (folder / "out.log").read_text()
        try:
            with Connection(url) as connection:
                connection.connect()
        except (OSError, OperationalError):
            return False
        return True

    try:
        wait_for(answers)
        yield url
    finally:
        kill_tree(server)
        subprocess.run(["epmd", "-port", str(epmd), "-kill"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stored(mongo_url: str, rabbitmq: str) -> Omega:
    om = Omega(mongo_url, rabbitmq, queue=f"q{mongo_url[-8:]}")
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    return om


def worker_of(om: Omega, folder: Path) -> subprocess.Popen[bytes]:
    return start_worker(
        om.broker_url.reveal(),
        folder,
        OMEGA_MONGO_URL=om.mongo_url.reveal(),
        OMEGA_QUEUE=om.config.queue,
    )


def test_calls_run_on_rabbitmq(stored: Omega, tmp_path: Path) -> None:
    stored.models.put(LogisticRegression(), "m")
    worker = worker_of(stored, tmp_path)
    try:
        stored.runtime.model("m").fit("X", "y").get(60)
        predicted = stored.runtime.model("m").predict("X").get(60)
    finally:
        kill_tree(worker)

    np.testing.assert_array_equal(predicted, LogisticRegression().fit(X, y).predict(X))


def test_killed_worker_loses_nothing_on_rabbitmq(stored: Omega, tmp_path: Path) -> None:
    stored.models.put(RandomForestClassifier(300, random_state=0), "slow")
    first = worker_of(stored, tmp_path)
    task = stored.runtime.model("slow").fit("X", "y")
    wait_for(lambda: task.state == "STARTED")
    kill_tree(first)

    second = worker_of(stored, tmp_path)
    try:
        assert task.get(120).ref == "slow@2"
        assert task.record["attempts"] == 2
        assert len(stored.models.versions("slow")) == 2
    finally:
        kill_tree(second)


def test_broker_that_is_not_there_leaves_no_task(mongo_url: str) -> None:
    om = Omega(mongo_url, f"amqp://alice:secret@127.0.0.1:{free_port()}//")
    om.datasets.put(X, "X")
    om.models.put(LogisticRegression(), "m")

    with pytest.raises(Unavailable, match="broker") as caught:
        om.runtime.model("m").fit("X", y)

    assert caught.value.hop == "broker"
    assert "secret" not in str(caught.value)
    assert om.runtime.tasks() == []
