"""The processes that tests start, and wait for."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.runtime.app import make_app

# From where a worker finds the tests' own estimators.
ROOT = Path(__file__).parents[1]


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, as a power cut would."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in children:
        with suppress(psutil.NoSuchProcess):  # it followed its parent
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


def start_worker(
    broker_url: str, folder: Path, *, processes: int = 2, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a worker process and wait until it answers; its log is `worker.log`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMEGA_")}
    clean["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [clean.get("PYTHONPATH")])])
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "omega_jupyter.worker", "--concurrency", str(processes)],
            env=clean | {"OMEGA_BROKER_URL": broker_url} | environment,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    app = make_app(OmegaConfig(), SecretUrl(broker_url))
    while not any(f"-{process.pid}@" in name for name in _answering(app)):
        if process.poll() is not None:
            pytest.fail(f"the worker ended:\n{(folder / 'worker.log').read_text()}")
    app.close()
    return process


def _answering(app: Any) -> list[str]:
    """Return the names of the workers that answer."""
    with app.connection_for_write() as connection:  # the pool's may be of a broker that was killed
        return [
            name for reply in app.control.ping(timeout=1, connection=connection) for name in reply
        ]
