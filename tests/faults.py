"""A user with workers of his own, which a test may kill."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omega_jupyter.omega import Omega
from omega_jupyter.runtime.task import OmegaTask
from tests.mongo_server import wait_for
from tests.processes import kill_tree, start_worker
from tests.sleeper import TRUSTED, TRUSTED_CANDIDATE, Candidate, Sleeper, process_of, runs


@dataclass
class Place:
    """An Omega and its workers; what they fit notes its runs in the folder."""

    om: Omega
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path, mongo_url: str, broker_url: str | None = None) -> Place:
        """Return a place with a data set `X`, and its own queue."""
        om = Omega(
            mongo_url, broker_url, queue=f"q-{mongo_url[-8:]}", trusted=(TRUSTED, TRUSTED_CANDIDATE)
        )
        om.datasets.put(np.zeros((3, 2)), "X")
        return cls(om, folder)

    def start(
        self, processes: int = 2, *, module: str = "omega_jupyter.worker", **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker."""
        folder = self.folder / f"worker{len(self.workers)}"
        folder.mkdir()
        settings = {
            "OMEGA_MONGO_URL": self.om.mongo_url.reveal(),
            "OMEGA_QUEUE": self.om.config.queue,
            "OMEGA_TRUSTED": f"{TRUSTED},{TRUSTED_CANDIDATE}",
        }
        worker = start_worker(
            self.om.broker_url.reveal(),
            folder,
            processes=processes,
            module=module,
            **settings | environment,
        )
        self.workers.append(worker)
        return worker

    def worker_of(self, task: OmegaTask) -> subprocess.Popen[bytes]:
        """Return the worker that runs a task, or ran it last."""
        return next(one for one in self.workers if f"-{one.pid}@" in str(task.worker))

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        """Return what a worker has logged."""
        return self.log(self.workers.index(worker))

    def log(self, worker: int) -> str:
        """Return what the worker of that number has logged."""
        return (self.folder / f"worker{worker}" / "worker.log").read_text()

    def fit(self, seconds: float, name: str = "m") -> OmegaTask:
        """Submit a fit that takes so long."""
        self.om.models.put(Sleeper(seconds, str(self.folder / name)), name)
        return self.om.runtime.model(name).fit("X")

    def search(
        self,
        values: int,
        deeds: dict[int, str] | None = None,
        *,
        seconds: float = 0.1,
        **options: Any,
    ) -> OmegaTask:
        """Submit a search for the best of so many values, in two folds."""
        told = {str(value): deed for value, deed in (deeds or {}).items()}
        self.om.models.put(Candidate(0, told, seconds, str(self.folder)), "search")
        grid = {"value": list(range(1, values + 1))}
        return self.om.runtime.model("search").grid_search("X", param_grid=grid, cv=2, **options)

    def runs(self, name: str = "m") -> tuple[int, int]:
        """Return how many fits of the model began and ended."""
        return runs(self.folder / name)

    def begun(self, began: int = 1, ended: int = 0, *, name: str = "m") -> None:
        """Wait until so many fits of the model have begun and ended, or more."""
        wait_for(lambda: self.runs(name)[0] >= began and self.runs(name)[1] >= ended)

    def process(self, name: str = "m") -> int:
        """Return the process that began the last fit of the model."""
        return process_of(self.folder / name)

    def close(self) -> None:
        """Kill the workers."""
        for worker in self.workers:
            if worker.poll() is None:
                kill_tree(worker)
