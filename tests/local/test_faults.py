"""The local services, when something is broken: they work again, or say why not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import Unavailable
from omega_jupyter.local.mongo_child import MongoChild
from omega_jupyter.local.mongod import find_mongod, mongod_command
from omega_jupyter.store.database.connection import connect
from tests.local.conftest import Local
from tests.mongo_server import wait_for


def test_killed_mongod_comes_back_with_its_data(local: Local) -> None:
    connect(local.ensure())["notes"].insert_one({"kept": True})
    connect(local.ensure()).client.admin.command("fsync")
    first, worker = local.mongod(), local.worker()
    first.kill()
    first.wait(10)
    assert [note["kept"] for note in local.notes()] == [True]
    assert local.mongod().pid != first.pid
    assert len(local.said) == 1  # the supervisor did it
    assert worker.is_running()


def test_killed_supervisor_leaves_nothing_broken(local: Local) -> None:
    local.ensure()
    mongod, worker = local.mongod(), local.worker()
    supervisor = local.supervisor()
    supervisor.kill()
    supervisor.wait(10)
    url = local.ensure()
    # A kernel that comes in the instant before the old one ends notices it a bit later.
    wait_for(lambda: not mongod.is_running())
    assert connect(local.ensure()).command("ping")["ok"]
    assert local.ensure() == url
    wait_for(lambda: not worker.is_running())
    assert local.supervisor().pid != supervisor.pid
    assert [process.name() for process in local.processes()].count("mongod") == 1


def test_mongod_without_its_supervisor_is_replaced(local: Local) -> None:
    # As where the operating system doesn't tell children of their parent's death.
    local.paths.create()
    other = local.paths.root / "other.sock"
    orphan = subprocess.Popen(
        mongod_command(find_mongod(), local.paths.database, other),
        stdout=subprocess.DEVNULL,
    )
    wait_for((local.paths.database / "mongod.lock").exists)
    assert connect(local.ensure()).command("ping")["ok"]
    assert orphan.wait(10) == 0
    assert local.mongod().pid != orphan.pid


def test_stale_files_of_a_crash_don_t_matter(local: Local) -> None:
    connect(local.ensure())["notes"].insert_one({"kept": True})
    connect(local.ensure()).client.admin.command("fsync")
    local.end()  # everything killed at once, as when the power goes
    assert local.paths.socket.exists()
    assert int((local.paths.database / "mongod.lock").read_text())
    assert json.loads(local.paths.state.read_text())["phase"] == "running"
    assert not local.services.status().running
    # Numbers that belong to somebody else by now: this process.
    state = json.loads(local.paths.state.read_text())
    for name in ("supervisor", "mongod", "worker"):
        state[name] = {"pid": os.getpid(), "began": 0.0}
    local.paths.state.write_text(json.dumps(state))
    (local.paths.database / "mongod.lock").write_text(f"{os.getpid()}\n")
    assert [note["kept"] for note in local.notes()] == [True]
    local.services.stop()
    local.paths.state.write_text("{ half a docu")
    assert [note["kept"] for note in local.notes()] == [True]


@pytest.mark.parametrize("what", ["socket", "folder"])
def test_something_else_at_the_socket_s_place(
    local: Local, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omega_jupyter.local.services.HELLO_SECONDS", 0.2)
    local.paths.create()
    local.paths.create_socket_folder()
    with socket.socket(socket.AF_UNIX) as other:
        if what == "socket":
            other.bind(str(local.paths.socket))
            other.listen()
            assert connect(local.ensure()).command("ping")["ok"]
        else:
            local.paths.socket.mkdir()
            with pytest.raises(Unavailable, match=r"mongod\.sock"):
                local.ensure()


@pytest.mark.parametrize("where", ["file", "missing parent"])
def test_data_folder_that_can_t_be_used(local: Local, where: str) -> None:
    path = local.paths.data_dir / "taken"
    if where == "file":
        path.write_text("")
    else:
        path = Path("/proc/omega")
    with pytest.raises(Unavailable, match=re.escape(str(path))) as caught:
        Local(path).ensure()
    assert "OMEGA_DATA_DIR" in str(caught.value.hint)


def test_data_folder_of_another_user_is_refused(local: Local) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    local.paths.root.mkdir()
    os.chown(local.paths.root, 65534, 65534)
    with pytest.raises(Unavailable, match="belongs to another user"):
        local.ensure()


def test_no_mongod(local: Local) -> None:
    local.set(mongod=local.paths.data_dir / "nothing")
    with pytest.raises(Unavailable, match="OMEGA_MONGOD"):
        local.ensure()
    assert local.processes() == []


def script(local: Local, text: str) -> Path:
    program = local.paths.data_dir / "mongod"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return program


def test_mongod_that_can_t_run_is_an_error_with_its_reason(local: Local) -> None:
    local.set(mongod=script(local, "echo 'mongod: libssl.so.3: no such file' >&2; exit 127"))
    begin = time.monotonic()
    with pytest.raises(Unavailable, match=r"libssl\.so\.3") as caught:
        local.ensure()
    assert time.monotonic() - begin < 10
    assert str(local.paths.log("mongod")) in str(caught.value.hint)
    assert "libssl" in str(local.services.status().failure)
    # Put right, it works without further ado.
    local.set(mongod=None)
    assert connect(local.ensure()).command("ping")["ok"]
    assert local.services.status().failure is None


def test_mongod_that_never_answers_is_an_error(local: Local) -> None:
    local.paths.create()
    child = MongoChild(local.paths, script(local, "exec sleep 600"), dict(os.environ))
    child.start()
    with pytest.raises(Unavailable, match="does not answer after 1 s"):
        child.wait(1.0)
    child.kill()


def test_damaged_database_is_an_error_with_its_reason(local: Local) -> None:
    local.paths.create()
    (local.paths.database / "WiredTiger").write_text("nonsense\n")
    (local.paths.database / "WiredTiger.turtle").write_text("nonsense\n")
    (local.paths.database / "storage.bson").write_bytes(b"nonsense")
    with pytest.raises(Unavailable, match="mongod of the local services ended") as caught:
        local.ensure()
    assert str(local.paths.log("mongod")) in str(caught.value.hint)


def test_worker_that_can_t_start_is_an_error_and_mongodb_works(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_WORKER_KEY", str(local.paths.data_dir / "nothing"))
    with pytest.raises(Unavailable, match="worker of the local services") as caught:
        local.services.start(local.said.append)
    assert str(local.paths.log("worker")) in str(caught.value.hint)
    assert connect(local.ensure()).command("ping")["ok"]


@pytest.fixture
def small_disk(local: Local) -> Iterator[Local]:
    folder = local.paths.data_dir / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=330m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    small = Local(folder)
    yield small
    small.end()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def test_full_disk_is_said_before_and_while_they_run(small_disk: Local) -> None:
    filler = small_disk.paths.data_dir / "filler"
    fill(small_disk.paths.data_dir)
    with pytest.raises(Unavailable, match="is full"):
        small_disk.ensure()
    filler.unlink()
    notes = connect(small_disk.ensure())["notes"]
    notes.insert_one({"kept": True})

    # Whether mongod survives it depends on what it was writing; nothing may hang.
    fill(small_disk.paths.data_dir)
    with pytest.raises(PyMongoError):
        notes.insert_many({"much": os.urandom(4 << 20)} for _ in range(100))
    with suppress(Unavailable):
        small_disk.ensure()
    filler.unlink()
    assert {"kept": True}.items() <= small_disk.notes()[0].items()


def test_another_machine_s_services_are_named(local: Local) -> None:
    local.ensure()
    local.services.stop()
    import fcntl

    with local.paths.lock.open("r+") as lock:  # what a shared folder's lock looks like
        fcntl.flock(lock, fcntl.LOCK_EX)
        local.paths.state.write_text(json.dumps({"phase": "running", "host": "faraway"}))
        with pytest.raises(Unavailable, match="faraway"):
            local.ensure()


def test_frozen_mongod_does_not_hang_the_kernel(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omega_jupyter.local.services.HELLO_SECONDS", 0.2)
    local.ensure()
    local.mongod().send_signal(signal.SIGSTOP)
    assert local.services.peek() is None
    local.mongod().send_signal(signal.SIGCONT)
    assert local.services.peek() is not None


def test_settings_of_a_cluster_are_not_local() -> None:
    assert not OmegaConfig.load(mongo_url="mongodb://db.example/omega").is_local
