"""Ten thousand queued tasks: what stays quick, and what stays small."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import psutil
from sklearn.linear_model import LinearRegression

from benchmarks.bars import VERDICTS
from benchmarks.runner import shown
from benchmarks.runtime import process
from benchmarks.servers import mongod
from omega_jupyter.errors import QueueWarning
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.task import OmegaTask
from tests.rabbit_server import RabbitServer

FEW, EARLY, MANY = 100, 1_000, 10_000
# Of the time at MANY to that at FEW; of the memory at MANY to that at EARLY.
SLOWER, LARGER = 2.0, 1.1
# What waits is counted, by an index: half a microsecond for each on MongoDB. On RabbitMQ nobody
# knows how many workers are to answer.
QUEUES_SECONDS = 1.0


def main() -> None:
    """Print the ratios: where MongoDB carries the messages, and on RabbitMQ."""
    warnings.simplefilter("ignore", QueueWarning)  # that no worker is there yet is the point
    with mongod() as server:
        _on(f"{server}/local", None)
        with RabbitServer() as rabbitmq:
            _on(f"{server}/rabbit", rabbitmq.url)


def _on(url: str, broker: str | None) -> None:
    where = "RabbitMQ" if broker else "MongoDB"
    om = Omega(url, broker)
    om.datasets.put(np.zeros((3, 2)), "X")
    om.models.put(LinearRegression().fit(np.zeros((3, 2)), np.zeros(3)), "m")
    tasks: list[OmegaTask] = []
    at_few = _measured(om, tasks, FEW)
    before = psutil.Process().memory_info().rss
    at_many = _measured(om, tasks, MANY)
    held = psutil.Process().memory_info().rss - before
    print(f"\n{where:22}{f'{FEW:,} queued':>16}{f'{MANY:,} queued':>16}{'ratio':>8}")
    for name, few in at_few.items():
        many = at_many[name]
        what = f"{where}: {name} at {MANY:,} queued"
        if name == "queues()":
            bar = VERDICTS.judge(what, many, QUEUES_SECONDS, " s")
        else:
            bar = VERDICTS.judge(what, many / few, SLOWER)
        print(f"{name:22}{shown(few):>16}{shown(many):>16}{many / few:8.2f}  {bar}")
    print(f"client: {held / (MANY - FEW) / 1024:.1f} KiB a handle")
    ours = {"OMEGA_MONGO_URL": url} | ({"OMEGA_BROKER_URL": broker} if broker else {})
    with process("omega_jupyter.worker", "--concurrency", "2", **ours):
        _work(where, tasks)


def _measured(om: Omega, tasks: list[OmegaTask], count: int) -> dict[str, float]:
    """Submit up to so many tasks, and return the median seconds of what one asks of them."""
    submitted: list[float] = []
    model = om.runtime.model("m")
    while len(tasks) < count:
        began = time.perf_counter()
        tasks.append(model.predict("X"))
        submitted.append(time.perf_counter() - began)
    ids = [task.id for task in tasks]
    middle = iter(tasks[len(tasks) // 2 :])
    return {
        "submit": median(submitted[-FEW:]),
        "tasks()": _median(om.runtime.tasks),
        "tasks(state='QUEUED')": _median(lambda: om.runtime.tasks(state="QUEUED", limit=20)),
        "task(id).state": _median(lambda: om.runtime.task(ids[7]).state),
        "cancel": _median(lambda: next(middle).cancel()),
        "queues()": _median(om.runtime.queues),
    }


def _median(call: Callable[[], object], rounds: int = 9) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times)


def _work(where: str, tasks: Sequence[OmegaTask]) -> None:
    """Let the worker do all of them, and see what it keeps in memory."""
    began = time.monotonic()
    tasks[EARLY].wait(300)
    early = _resident()
    tasks[-1].wait(600)
    took, late = time.monotonic() - began, _resident()
    print(f"worker: {len(tasks) / took:.0f} tasks a second")
    for name, size in early.items():
        bar = VERDICTS.judge(f"{where}: memory of the {name}", late[name] / size, LARGER)
        sizes = f"{size / 1e6:.0f} MB after {EARLY:,}, {late[name] / 1e6:.0f} MB after {MANY:,}"
        print(f"  {name}: {sizes} tasks ({late[name] / size:.2f} {bar})")


def _resident() -> dict[str, float]:
    """Return the bytes that the worker has in memory: its main process, and one of its pool."""
    (worker,) = (
        child
        for child in psutil.Process().children()
        if "omega_jupyter.worker" in " ".join(child.cmdline())
    )
    pool = [child.memory_info().rss for child in worker.children()]
    return {"main process": worker.memory_info().rss, "pool": sum(pool) / len(pool)}
