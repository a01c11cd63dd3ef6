"""The processes that tests start, and wait for."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.runtime.app import make_app


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, as a power cut would."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in children:
        child.kill()
    process.wait(30)
    psutil.wait_procs(children, 30)


@dataclass(frozen=True)
class Worker:
    """A real worker process that serves every database of the tests."""

    broker_url: str
    public_key: str
    log: Path
    pid: int


def start_worker(broker_url: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a worker process and wait until it answers; its log is `worker.log`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMEGA_")}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "omega_jupyter.worker", "--concurrency", "2"],
            env=clean | {"OMEGA_BROKER_URL": broker_url} | environment,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    app = make_app(OmegaConfig(), SecretUrl(broker_url))
    while not app.control.ping(timeout=1, limit=1):
        if process.poll() is not None:
            pytest.fail(f"the worker ended:\n{(folder / 'worker.log').read_text()}")
    app.close()
    return process
