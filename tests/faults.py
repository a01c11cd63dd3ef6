"""A user with workers of his own, which a test may kill."""

from __future__ import annotations

import random
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from omega_jupyter.omega import Omega
from omega_jupyter.runtime.task import OmegaTask
from tests.mongo_server import MongoServer, wait_for
from tests.processes import kill_tree, start_worker
from tests.rabbit_server import RabbitServer
from tests.sleeper import TRUSTED, Sleeper, process_of, runs


@dataclass
class Place:
    """An Omega and its workers; what they fit notes its runs in the folder."""

    om: Omega
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path, mongo_url: str, broker_url: str | None = None) -> Place:
        """Return a place with a data set `X`, and its own queue."""
        om = Omega(mongo_url, broker_url, queue=f"q-{mongo_url[-8:]}", trusted=(TRUSTED,))
        om.datasets.put(np.zeros((3, 2)), "X")
        return cls(om, folder)

    def start(self, processes: int = 2) -> subprocess.Popen[bytes]:
        """Start a worker."""
        folder = self.folder / f"worker{len(self.workers)}"
        folder.mkdir()
        worker = start_worker(
            self.om.broker_url.reveal(),
            folder,
            processes=processes,
            OMEGA_MONGO_URL=self.om.mongo_url.reveal(),
            OMEGA_QUEUE=self.om.config.queue,
            OMEGA_TRUSTED=TRUSTED,
        )
        self.workers.append(worker)
        return worker

    def log(self, worker: int) -> str:
        """Return what the worker of that number has logged."""
        return (self.folder / f"worker{worker}" / "worker.log").read_text()

    def fit(self, seconds: float, name: str = "m") -> OmegaTask:
        """Submit a fit that takes so long."""
        self.om.models.put(Sleeper(seconds, str(self.folder / name)), name)
        return self.om.runtime.model(name).fit("X")

    def runs(self, name: str = "m") -> tuple[int, int]:
        """Return how many fits of the model began and ended."""
        return runs(self.folder / name)

    def begun(self, began: int = 1, ended: int = 0, *, name: str = "m") -> None:
        """Wait until so many fits of the model have begun and ended."""
        wait_for(lambda: self.runs(name) == (began, ended))

    def process(self, name: str = "m") -> int:
        """Return the process that began the last fit of the model."""
        return process_of(self.folder / name)

    def close(self) -> None:
        """Kill the workers."""
        for worker in self.workers:
            if worker.poll() is None:
                kill_tree(worker)


def kill_at_random(
    place: Place, server: MongoServer, rabbitmq: RabbitServer | None, what: list[str], seed: int
) -> None:
    """Submit tasks, kill parts of the installation meanwhile, and see how each task ends.

    Parameters
    ----------
    place : Place
        With a worker.
    server, rabbitmq
        Where its data and messages are.
    what : list of str
        `child`, `worker`, `mongod`, `rabbitmq`, in any order.
    seed : int
        Of the moments.
    """
    moments = random.Random(seed)
    tasks = [place.fit(moments.uniform(0, 0.8), f"m{number}") for number in range(16)]
    for part in moments.sample(what, len(what)):
        time.sleep(moments.uniform(0, 1.5))
        match part:
            case "child":
                children = psutil.Process(place.workers[-1].pid).children()
                with suppress(psutil.NoSuchProcess, IndexError):
                    moments.choice(children).kill()
            case "worker":
                kill_tree(place.workers[-1])
                place.start()
            case "mongod":
                server.kill()
                server.start()
            case "rabbitmq":
                assert rabbitmq is not None
                rabbitmq.kill()
                rabbitmq.start()

    wait_for(lambda: all(task.ready() for task in tasks), 120)
    for number, task in enumerate(tasks):
        _ended_truly(place, task, f"m{number}")
    # Only what was killed itself may have failed.
    assert sum(task.successful() for task in tasks) >= len(tasks) - what.count("child")


def _ended_truly(place: Place, task: OmegaTask, name: str) -> None:
    """What its state says is what is stored: one whole version, or none."""
    models = place.om.models
    published = [version for version in models.versions(name) if version.task == task.id]
    if task.successful():
        assert [version.ref for version in published] == [task.get().ref]
        assert models.get(name).fitted_
    else:
        assert task.state == "FAILURE", task.record
        assert "killed" in task.record["error"]["message"]
        assert published == []
    assert task.attempts <= 3
