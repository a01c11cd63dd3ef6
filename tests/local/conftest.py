"""Local services of a test, which are gone afterwards whatever it did to them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.services import LocalServices
from omega_jupyter.store.database.connection import Document, connect, forget
from tests.mongo_server import wait_for

KERNEL = """
import sys
from omega_jupyter.config import OmegaConfig
from omega_jupyter.local.services import LocalServices
print(LocalServices(OmegaConfig.load()).ensure(print).reveal(), flush=True)
"""


class Local:
    """Local services in a folder of their own."""

    def __init__(self, data_dir: Path) -> None:
        self.config = OmegaConfig(data_dir=data_dir, concurrency=1)
        self.paths = LocalPaths(data_dir)
        self.said: list[str] = []

    @property
    def services(self) -> LocalServices:
        return LocalServices(self.config)

    def set(self, **settings: object) -> None:
        self.config = replace(self.config, **settings)  # type: ignore[arg-type]  # test only

    def ensure(self) -> SecretUrl:
        return self.services.ensure(self.said.append)

    def supervisor(self) -> psutil.Process:
        return psutil.Process(wait_for(lambda: self.services.status().supervisor))

    def mongod(self) -> psutil.Process:
        return psutil.Process(wait_for(lambda: self.services.status().mongod))

    def worker(self) -> psutil.Process:
        return psutil.Process(wait_for(lambda: self.services.status().worker))

    def notes(self) -> list[Document]:
        return list(connect(self.ensure())["notes"].find())

    def kernel(self) -> subprocess.Popen[str]:
        """Another kernel that needs the services, and ends then."""
        return subprocess.Popen(
            [sys.executable, "-c", KERNEL],
            env=os.environ | {"OMEGA_DATA_DIR": str(self.paths.data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[psutil.Process]:
        """All processes that have to do with the folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and str(self.paths.root) in (
                    *process.cmdline(),
                    process.cwd(),
                    process.environ().get("OMEGA_DATA_DIR", "") + "/local",
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def end(self) -> None:
        """Kill everything at once, as when the power goes."""
        forget(self.paths.url)
        for process in self.processes():
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        wait_for(lambda: not self.processes())
        assert self.services.peek() is None


@pytest.fixture
def local() -> Iterator[Local]:
    # Not pytest's own folder: a unix socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="omega-test-"))
    local = Local(folder)
    yield local
    local.end()
    shutil.rmtree(folder, ignore_errors=True)
