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
from omega_jupyter.runtime.asking import Answers, ask, connected
from omega_jupyter.runtime.keypair import KeyPair, write_key_file

# From where a worker finds the tests' own estimators.
ROOT = Path(__file__).parents[1]
# How long a worker gets to answer before it is asked once more: it may not have heard.
ANSWER_SECONDS = 0.5


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, as a power cut would."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in children:
        with suppress(psutil.NoSuchProcess):  # it followed its parent
            child.kill()
    process.wait(30)
    psutil.wait_procs(children, 30)


def tree(pid: int) -> list[int]:
    """Return a process and those of its pool."""
    return [pid, *(child.pid for child in psutil.Process(pid).children())]


class OperatorKeys:
    """Keys in files, as an operator makes them for workers that several users share."""

    def __init__(self, folder: Path) -> None:
        self.worker_key, self.senders = folder / "worker.key", folder / "senders"
        self.sender_key = folder / "sender.key"
        worker, sender = KeyPair.new("worker"), KeyPair.new("sender")
        write_key_file(self.worker_key, [worker], new=True)
        write_key_file(self.sender_key, [sender], new=True)
        self.senders.write_text(f"tests {sender.public_text}\n")
        self.public_key = worker.public_text

    @property
    def of_workers(self) -> dict[str, str]:
        return {"OMEGA_WORKER_KEY": str(self.worker_key), "OMEGA_SENDERS": str(self.senders)}

    @property
    def of_clients(self) -> dict[str, Any]:
        return {"worker_public_key": self.public_key, "sender_key": str(self.sender_key)}

    @property
    def of_clients_environment(self) -> dict[str, str]:
        return {f"OMEGA_{name.upper()}": value for name, value in self.of_clients.items()}


@dataclass(frozen=True)
class Worker:
    """A real worker process that serves every database of the tests."""

    broker_url: str
    keys: OperatorKeys
    log: Path
    pid: int


def start_worker(
    broker_url: str,
    folder: Path,
    *,
    processes: int = 2,
    module: str = "omega_jupyter.worker",
    log_level: str = "INFO",
    asking: str | None = None,
    **environment: str,
) -> subprocess.Popen[bytes]:
    """Start a worker process and wait until it answers; its log is `worker.log`.

    `asking` is a URL with the right to ask workers, where `broker_url` has none.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMEGA_")}
    clean["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [clean.get("PYTHONPATH")])])
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--concurrency", str(processes)]
            + ["--log-level", log_level],
            env=clean | {"OMEGA_BROKER_URL": broker_url} | environment,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    app = make_app(OmegaConfig(), SecretUrl(asking or broker_url))
    while not _answers(app, process.pid):
        if process.poll() is not None:
            pytest.fail(f"the worker ended:\n{(folder / 'worker.log').read_text()}")
    app.close()
    return process


def _answers(app: Any, pid: int) -> bool:
    """Tell whether the worker of this process answers."""

    def is_there(answers: Answers) -> bool:
        return any(f"-{pid}@" in name for name in answers)

    with connected(app) as connection:
        return is_there(ask(app, connection, "ping", timeout=ANSWER_SECONDS, enough=is_there))
