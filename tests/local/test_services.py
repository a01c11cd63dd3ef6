"""The local services, when all goes well."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest
from sklearn.ensemble import RandomForestRegressor

from omega_jupyter.local.paths import SOCKET_PATH_BYTES
from omega_jupyter.local.services import LocalServices
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.transport.transport import LEASE_SECONDS
from omega_jupyter.store.database.connection import connect
from tests.local.conftest import Local
from tests.mongo_server import wait_for


def test_kernels_that_start_at_one_moment_share_one_set_that_outlives_them(local: Local) -> None:
    kernels = [local.kernel() for _ in range(4)]
    said = [kernel.communicate(timeout=60) for kernel in kernels]
    urls = {out.splitlines()[-1] for out, _ in said}
    assert urls == {local.paths.url.reveal()}, said
    names = [process.name() for process in local.processes()]
    assert names.count("mongod") == 1
    assert connect(local.ensure()).command("ping")["ok"]
    assert local.said == []  # nothing was started by this process
    supervisors = [p for p in local.processes() if "omega_jupyter.local.supervisor" in p.cmdline()]
    assert [p.pid for p in supervisors] == [local.supervisor().pid]
    assert local.supervisor().ppid() != os.getpid()


def test_only_the_user_can_connect_and_no_port_is_open(local: Local) -> None:
    local.ensure()
    assert len(local.said) == 1
    socket = local.paths.socket
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    for folder in (local.paths.root, socket.parent, local.paths.database, local.paths.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert local.mongod().net_connections("inet") == []
    for path in local.paths.logs.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_worker_answers_after_start_and_comes_back_when_killed(local: Local) -> None:
    status = local.services.start(local.said.append)
    assert status.running
    assert status.phase == "running"
    assert psutil.Process(status.mongod).name() == "mongod"
    assert status.worker == local.worker().pid
    assert status.disk_bytes > 1 << 20
    assert status.idle_seconds < 60
    assert status.logs["worker"].read_text()
    assert status.failure is None
    assert status.to_dict()["data_dir"] == str(local.paths.data_dir)

    first = local.worker()
    first.kill()
    wait_for(lambda: local.services.status().worker not in (None, first.pid))
    app = client_app(local.config, status.url)
    assert wait_for(lambda: app.control.ping(timeout=1, limit=1))
    assert local.services.status().worker_failures == 1


def test_task_that_stop_interrupts_runs_at_the_next_start(local: Local) -> None:
    om = Omega(data_dir=str(local.paths.data_dir), concurrency=1, notify=local.said.append)
    X = np.random.default_rng(0).random((2000, 20))
    om.datasets.put(X, "X")
    om.models.put(RandomForestRegressor(n_estimators=100_000), "forest")
    task = om.runtime.model("forest").fit("X", X[:, 0])
    wait_for(lambda: task.state in ("STARTED", "PROGRESS"))
    assert local.services.stop()
    assert local.processes() == []
    assert local.services.peek() is None
    assert not local.services.status().running
    assert not local.services.stop()

    connect(local.ensure())
    wait_for(lambda: om.runtime.task(task.id).record["attempts"] == 2)
    assert len(local.said) == 2

    # A worker that is killed: the supervisor doesn't wait for the lease's end.
    begin = time.monotonic()
    local.worker().kill()
    wait_for(lambda: om.runtime.task(task.id).record["attempts"] == 3)
    assert time.monotonic() - begin < LEASE_SECONDS


def test_unused_services_end_but_not_while_a_task_is_unfinished(local: Local) -> None:
    local.set(idle_timeout=1.0)
    url = local.ensure()
    tasks = connect(url)["omega_tasks"]
    tasks.insert_one({"_id": "t", "state": "PROGRESS", "submitted": datetime.now(UTC)})
    os.utime(local.paths.used, (0, 0))
    # It looks, finds the task, and counts that as a use.
    wait_for(lambda: local.paths.used.stat().st_mtime > 0)
    assert local.services.peek()
    tasks.update_one({"_id": "t"}, {"$set": {"state": "SUCCESS"}})
    wait_for(lambda: not local.processes())
    assert local.services.status().phase == "stopped"
    assert local.services.status().failure is None
    # The next use starts them again.
    assert connect(local.ensure())["omega_tasks"].count_documents({}) == 1
    assert len(local.said) == 2


def test_looking_counts_as_no_use_and_is_quick(local: Local) -> None:
    assert local.services.peek() is None
    assert local.processes() == []
    url = local.ensure()
    os.utime(local.paths.used, (0, 0))
    assert local.services.peek() == url
    assert local.paths.used.stat().st_mtime == 0
    times = []
    for _ in range(100):
        begin = time.perf_counter()
        local.ensure()
        times.append(time.perf_counter() - begin)
    assert sorted(times)[50] < 0.001


def test_long_path_of_the_data_folder_gets_its_socket_elsewhere(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = Local(local.paths.data_dir / ("x" * 60) / ("y" * 60))
    runtime = Path(tempfile.mkdtemp(prefix="omega-test-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    try:
        url = deep.ensure()
        assert connect(url).command("ping")["ok"]
        socket = deep.paths.socket
        assert len(os.fsencode(socket)) <= SOCKET_PATH_BYTES
        assert socket.is_relative_to(runtime)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        # A kernel with another idea of the runtime folder finds the same socket.
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        kernel = deep.kernel()
        out, _ = kernel.communicate(timeout=60)
        assert out.splitlines() == [url.reveal()]
    finally:
        deep.end()
        shutil.rmtree(runtime)


def test_supervisor_stops_properly_on_a_signal(local: Local) -> None:
    local.ensure()
    local.supervisor().send_signal(signal.SIGTERM)
    wait_for(lambda: not local.processes())
    log = local.paths.log("mongod").read_text()
    assert '"exitCode":0' in log


def test_settings_reach_the_worker_and_foreign_urls_do_not(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_BROKER_URL", "amqp://elsewhere")
    local.set(queue="special")
    LocalServices(local.config).ensure(local.said.append)
    environment = local.worker().environ()
    assert environment["OMEGA_BROKER_URL"] == local.paths.url.reveal()
    assert environment["OMEGA_MONGO_URL"] == local.paths.url.reveal()
    assert environment["OMEGA_QUEUE"] == "special"
