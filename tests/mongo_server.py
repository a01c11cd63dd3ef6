"""A real mongod that a test can kill and start again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pymongo import MongoClient

from omega_jupyter.local.mongod import find_mongod

T = TypeVar("T")
START_MS = 120_000


def wait_for(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """Return the condition's first true value; fail after some seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"it did not happen within {seconds} s")
        time.sleep(0.01)
    return value


def await_mongod(url: str) -> None:
    """Wait until a mongod that was just started answers, also on a machine that is busy."""
    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=START_MS) as client:
        client.admin.command("ping")


class MongoServer(AbstractContextManager["MongoServer"]):
    """A mongod on a unix socket in a folder of its own; `auth` adds the user `alice`.

    Alice may read and write the database `omega_alice`, in which she is defined.
    """

    PASSWORD = "wonder/land+%s"  # needs quoting in a URL

    def __init__(self, *, auth: bool = False) -> None:
        # Not pytest's own folder: a unix socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="omega-test-"))
        self.socket = self.folder / "mongod.sock"
        self.address = quote(str(self.socket), safe="")
        self._options = ["--auth"] if auth else []
        self.start()
        if auth:
            with MongoClient(f"mongodb://{self.address}") as client:
                root = {"pwd": "root", "roles": ["root"]}
                client["admin"].command("createUser", "root", **root)
            with MongoClient(f"mongodb://root:root@{self.address}/admin") as client:
                alice = {"pwd": self.PASSWORD, "roles": ["readWrite"]}
                client["omega_alice"].command("createUser", "alice", **alice)

    def url(self, database: str = "omega") -> str:
        return f"mongodb://{self.address}/{database}"

    def alices_url(self, password: str = PASSWORD) -> str:
        return f"mongodb://alice:{quote(password, safe='')}@{self.address}/omega_alice"

    def restrict_alice(self, *actions: str) -> None:
        """Let alice do only this in her database."""
        with MongoClient(f"mongodb://root:root@{self.address}/admin") as client:
            database = client["omega_alice"]
            own = {"db": database.name, "collection": ""}
            rights = [{"resource": own, "actions": list(actions)}]
            database.command("createRole", "restricted", privileges=rights, roles=[])
            database.command("updateUser", "alice", roles=["restricted"])

    def start(self) -> None:
        command = [find_mongod(), "--dbpath", self.folder, "--bind_ip", self.socket]
        command += ["--unixSocketPrefix", self.folder, "--wiredTigerCacheSizeGB", "1"]
        with (self.folder / "mongod.log").open("ab") as log:
            self.process = subprocess.Popen(command + self._options, stdout=log, stderr=log)
        await_mongod(f"mongodb://{self.address}")

    def kill(self) -> None:
        """As when the power goes."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
