"""Kills and freezes at moments that a seed decides, and a look at what became of each task.

By hand, for as long as one likes: `python -m tests.strikes rabbitmq --seconds 120`. Each
strike is printed with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from omega_jupyter.runtime import records
from omega_jupyter.runtime.task import OmegaTask
from tests import elsewhere
from tests.faults import Place
from tests.mongo_server import MongoServer, wait_for
from tests.processes import kill_tree
from tests.rabbit_server import RabbitServer
from tests.sleeper import Sleeper, publishes, runs

WHO = ("child", "worker", "mongod", "frozen worker", "frozen main", "frozen mongod", "rabbitmq")
WHEN = ("queued", "running", "publishing")


@dataclass
class Installation:
    """Workers on two machines, and what they work with."""

    place: Place
    mongod: MongoServer
    rabbitmq: RabbitServer | None
    moments: random.Random

    @classmethod
    @contextmanager
    def started(cls, folder: Path, broker: str, seed: int) -> Iterator[Installation]:
        """Start all of it; workers are given up after seconds instead of minutes."""
        lease, records.LEASE_SECONDS = records.LEASE_SECONDS, elsewhere.LEASE_SECONDS
        with ExitStack() as stack:
            mongod = stack.enter_context(MongoServer())
            rabbitmq = stack.enter_context(RabbitServer()) if broker == "rabbitmq" else None
            place = Place.at(folder, mongod.url(), rabbitmq and rabbitmq.url)
            stack.callback(place.close)
            one = cls(place, mongod, rabbitmq, random.Random(seed))
            one.start_worker()
            one.start_worker()
            try:
                yield one
            finally:
                records.LEASE_SECONDS = lease

    def start_worker(self) -> None:
        """Start a worker on a machine of its own."""
        self.place.start(module="tests.elsewhere", ELSEWHERE=f"host{len(self.place.workers)}")

    @property
    def alive(self) -> list[subprocess.Popen[bytes]]:
        """The workers that are there."""
        return [worker for worker in self.place.workers if worker.poll() is None]

    def strike(self, who: str) -> None:
        """Kill or freeze a part, and mend it."""
        worker = self.moments.choice(self.alive)
        pause = self.moments.uniform(0.0, 1.5)
        match who:
            case "child":
                with suppress(psutil.NoSuchProcess, IndexError):
                    self.moments.choice(psutil.Process(worker.pid).children()).kill()
            case "worker":
                kill_tree(worker)
                self.start_worker()
            case "mongod":
                self.mongod.kill()
                time.sleep(pause)
                self.mongod.start()
            case "rabbitmq":
                assert self.rabbitmq is not None
                self.rabbitmq.kill()
                time.sleep(pause)
                self.rabbitmq.start()
            case "frozen mongod":
                with frozen([self.mongod.process.pid]):
                    time.sleep(3 * pause)
            case "frozen worker" | "frozen main":
                pids = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
                with frozen([worker.pid, *(pids if who == "frozen worker" else ())]):
                    time.sleep(elsewhere.LEASE_SECONDS + 6 * pause)

    def round(self, who: str, when: str) -> list[OmegaTask]:
        """Submit some tasks, strike when the first one has come so far, see how all end."""
        number = len(self.place.om.models.list("*"))
        tasks = {}
        for name in (f"m{number + one}" for one in range(6)):
            tasks[name] = self._submitted(name)
        first = next(iter(tasks))
        log = self.place.folder / first
        reached: dict[str, Callable[[], bool]] = {
            "queued": lambda: True,
            "running": lambda: runs(log)[0] > 0,
            "publishing": lambda: publishes(log),
        }
        wait_for(reached[when])
        time.sleep(self.moments.uniform(0.0, 0.3))
        self.strike(who)
        wait_for(lambda: all(task.ready() for task in tasks.values()), 120)
        for name, task in tasks.items():
            ended_truly(self.place, task, name)
        return list(tasks.values())

    def _submitted(self, name: str) -> OmegaTask:
        seconds, publishing = (self.moments.uniform(0.05, 0.6) for _ in range(2))
        om = self.place.om
        om.models.put(Sleeper(seconds, str(self.place.folder / name), (), publishing), name)
        return om.runtime.model(name).fit("X")


@contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes for a while, as a virtual machine is, or behind a network that is cut."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def ended_truly(place: Place, task: OmegaTask, name: str) -> None:
    """One strike fails no task; what its state says is what is stored: one whole version."""
    models = place.om.models
    versions = [version.ref for version in models.versions(name)]
    assert task.successful(), task.record
    assert sorted(versions) == sorted([f"{name}@1", task.get().ref]), task.record
    assert models.get(name).fitted_
    assert task.attempts <= records.MAX_ATTEMPTS


def strike_at_random(folder: Path, broker: str, who: Sequence[str]) -> None:
    """Strike each of these once, at a moment that the printed seed decides.

    `STRIKES_SEED` repeats one.
    """
    seed = int(os.environ.get("STRIKES_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"STRIKES_SEED={seed}\n")
    with Installation.started(folder, broker, seed) as one:
        for part in one.moments.sample(who, len(who)):
            one.round(part, one.moments.choice(WHEN))
        assert one.place.om.store.check()


def main() -> int:
    """Strike for as long as was asked; return 1 where a task did not end truly."""
    parser = argparse.ArgumentParser(prog="python -m tests.strikes", description=__doc__)
    parser.add_argument("broker", choices=["mongodb", "rabbitmq"])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--who", default=",".join(WHO), help="comma separated")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    who = [one for one in given.who.split(",") if given.broker == "rabbitmq" or one != "rabbitmq"]
    end = time.monotonic() + given.seconds
    folder = Path(tempfile.mkdtemp(prefix="omega-strikes-"))
    with Installation.started(folder, given.broker, seed) as one:
        while time.monotonic() < end:
            struck, when = one.moments.choice(who), one.moments.choice(WHEN)
            began = time.monotonic()
            tasks = one.round(struck, when)
            took, again = time.monotonic() - began, sum(task.attempts - 1 for task in tasks)
            states = [task.state for task in tasks]
            sys.stdout.write(
                f"{given.broker} seed {seed}: {struck} while {when}: {took:.1f} s, "
                f"{states.count('SUCCESS')} of {len(states)}, {again} again\n"
            )
            sys.stdout.flush()
        report = one.place.om.store.check()
        assert report, report.problems
    return 0


if __name__ == "__main__":
    sys.exit(main())
