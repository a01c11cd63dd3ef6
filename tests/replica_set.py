"""A real replica set on loopback, whose members a test can kill and start again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from omega_jupyter.local.mongod import find_mongod
from tests.mongo_server import await_mongod, wait_for
from tests.rabbit_server import free_port

NAME = "omega"


class ReplicaSet(AbstractContextManager["ReplicaSet"]):
    """Some members, each with its data in a folder.

    Parameters
    ----------
    members : int
    """

    def __init__(self, members: int = 1) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="omega-set-"))
        self.ports = [free_port() for _ in range(members)]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        for port in self.ports:
            (self.folder / str(port)).mkdir()
            self.start(port)
        hosts = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(self.ports)]
        # By default ten seconds pass before another primary is elected.
        settings = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500}
        config = {"_id": NAME, "members": hosts, "settings": settings}
        with self.member(self.ports[0]) as client:
            client.admin.command("replSetInitiate", config)
        self.primary()

    def start(self, port: int) -> None:
        """Start a member, as at the first time or after a kill."""
        folder = self.folder / str(port)
        command = [find_mongod(), "--dbpath", folder, "--port", str(port), "--replSet", NAME]
        command += ["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"]
        with (folder / "mongod.log").open("ab") as log:
            self.processes[port] = subprocess.Popen(
                [*command, "--oplogSize", "50"], stdout=log, stderr=log
            )
        await_mongod(self._url(port))

    def member(self, port: int) -> MongoClient[dict[str, object]]:
        """Return a client of this member alone."""
        return MongoClient(self._url(port))

    def primary(self) -> int:
        """Return the port of the primary, as soon as there is one."""
        return wait_for(lambda: next(filter(self._is_primary, self.ports), 0))

    def kill(self, port: int) -> None:
        """As when the power goes."""
        self.processes[port].send_signal(signal.SIGKILL)
        self.processes[port].wait(10)

    def step_down(self, seconds: int) -> None:
        """Have the primary be none for so long."""
        with self.member(self.primary()) as client:
            client.admin.command("replSetStepDown", seconds, force=True)

    def url(self, database: str = "omega") -> str:
        """Return the URL of the set."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/{database}?replicaSet={NAME}"

    def _url(self, port: int) -> str:
        return f"mongodb://127.0.0.1:{port}/?directConnection=true"

    def _is_primary(self, port: int) -> bool:
        if self.processes[port].poll() is not None:
            return False
        try:
            with self.member(port) as client:
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False

    def __exit__(self, *error: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
