"""The doctor finds what is wrong, says the next step, and doesn't take long."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from omega_jupyter.doctor import Check, diagnose
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import workers
from omega_jupyter.store.database.connection import connect
from tests.mongo_server import MongoServer
from tests.processes import Worker


def examine(om: Omega) -> dict[str, Check]:
    begin = time.monotonic()
    checks = diagnose(om)
    assert time.monotonic() - begin < 4.0 * len(checks)
    assert all(check.ok or check.hint for check in checks)
    return {check.hop: check for check in checks}


def failing(checks: dict[str, Check]) -> list[str]:
    return [hop for hop, check in checks.items() if not check.ok]


def test_all_is_well(om: Omega) -> None:
    checks = examine(om)
    assert list(checks) == ["mongodb", "broker", "worker", "queue", "versions"]
    assert failing(checks) == []
    assert "scikit-learn" in checks["versions"].message
    assert checks["worker"].to_dict()["ok"]


def test_nothing_listens(tmp_path: Path) -> None:
    checks = examine(Omega(f"mongodb://%2F{str(tmp_path / 'no.sock')[1:].replace('/', '%2F')}/x"))
    assert failing(checks) == ["mongodb"]
    assert "no.sock" in checks["mongodb"].message


def test_somebody_listens_and_says_nothing() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        checks = examine(Omega(f"mongodb://127.0.0.1:{port}/x", f"amqp://127.0.0.1:{port}//"))
    assert failing(checks) == ["mongodb", "broker"]


def test_wrong_password_is_said_and_not_shown() -> None:
    with MongoServer(auth=True) as server:
        wrong = server.alices_url("looking-glass")
        checks = examine(Omega(wrong))
        assert failing(checks) == ["mongodb"]
        assert "credentials" in checks["mongodb"].message
        assert "OMEGA_MONGO_URL" in str(checks["mongodb"].hint)
        assert "looking-glass" not in repr(checks)

        # The right one, on a database that is not hers.
        foreign = server.alices_url().replace("/omega_alice", "/other?authSource=omega_alice")
        checks = examine(Omega(foreign))
        assert failing(checks) == ["mongodb"]
        assert "not authorized" in checks["mongodb"].message
        assert server.PASSWORD not in repr(checks)


def test_no_worker(mongo_url: str) -> None:
    checks = examine(Omega(mongo_url))
    assert failing(checks) == ["worker"]
    assert "omega worker" in str(checks["worker"].hint)
    assert connect(Omega(mongo_url).mongo_url)["omega_doctor"].count_documents({}) == 0


def test_broker_that_nobody_runs(mongo_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and doesn't listen
        broker = f"amqp://alice:looking-glass@127.0.0.1:{taken.getsockname()[1]}//"
        checks = examine(Omega(mongo_url, broker))
    assert failing(checks) == ["broker"]
    assert "OMEGA_BROKER_URL" in str(checks["broker"].hint)
    assert "looking-glass" not in repr(checks)


def test_queue_that_nobody_listens_on(mongo_url: str, worker: Worker) -> None:
    checks = examine(Omega(mongo_url, worker.broker_url, queue="gpu"))
    assert failing(checks) == ["queue"]
    assert "'gpu'" in checks["queue"].message
    assert "--queues gpu" in str(checks["queue"].hint)


@pytest.mark.parametrize("library", ["omega-jupyter", "scikit-learn"])
def test_other_versions_on_the_worker(
    library: str, om: Omega, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = workers.versions() | {library: "0.24.2"}
    monkeypatch.setattr(workers, "versions", lambda: here)
    checks = examine(om)
    assert failing(checks) == ["versions"]
    assert f"{library} is" in checks["versions"].message
    assert "0.24.2 here" in checks["versions"].message


def test_local_services_that_don_t_run_are_not_started(tmp_path: Path) -> None:
    checks = examine(Omega(data_dir=str(tmp_path)))
    assert failing(checks) == []
    assert "first use" in checks["local"].message
    assert not (tmp_path / "local" / "lock").exists()


def test_local_services_that_can_t_run(tmp_path: Path) -> None:
    checks = examine(Omega(data_dir=str(tmp_path), mongod=str(tmp_path / "nothing")))
    assert failing(checks) == ["local"]
    (tmp_path / "file").write_text("")
    checks = examine(Omega(data_dir=str(tmp_path / "file")))
    assert failing(checks) == ["local"]
    assert "OMEGA_DATA_DIR" in str(checks["local"].hint)
