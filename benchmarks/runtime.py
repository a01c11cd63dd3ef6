"""Remote calls against a raw Celery no-op on the same broker, in the same run.

The peer keeps its results in MongoDB, as we do, and waits with the interval that serves it
best; of RabbitMQ's own results (``rpc://``), which no other process can ask for and no
restart survives, the time is printed beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from benchmarks.bars import RUNTIME, VERDICTS
from benchmarks.raw_celery import make_raw, noop_of
from benchmarks.runner import run
from benchmarks.servers import mongod
from omega_jupyter.errors import Unavailable
from omega_jupyter.omega import Omega
from tests.rabbit_server import RabbitServer

Call = Callable[[], object]

# Of 0.5 to 5 ms the one with the quickest round trips.
INTERVAL_SECONDS = 0.002
IN_FLIGHT = 200


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[None]:
    """Run a Python process for the time of the block."""
    folder = tempfile.mkdtemp(prefix="omega-bench-")
    with Path(folder, "log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        started.terminate()
        started.wait(30)


def main() -> None:
    """Print the ratios: on RabbitMQ, and where MongoDB carries the messages too."""
    with mongod() as server:
        with RabbitServer() as rabbitmq:
            _on(f"{server}/rabbit", rabbitmq.url, server, judge=True)
        _on(f"{server}/alone", None, server, judge=False)


def _on(url: str, broker: str | None, server: str, *, judge: bool) -> None:
    raw_broker = broker or f"{server}/raw"
    peers = {"raw Celery no-op": server} | ({"the same with rpc://": "rpc://"} if broker else {})
    ours = {"OMEGA_MONGO_URL": url} | ({"OMEGA_BROKER_URL": broker} if broker else {})
    with ExitStack() as stack:
        noops: dict[str, Call] = {}
        for name, results in peers.items():
            raw = {"RAW_BROKER": raw_broker, "RAW_RESULTS": results}
            stack.enter_context(process("benchmarks.raw_celery", **raw))
            noops[name] = noop_of(make_raw(raw_broker, results))
        stack.enter_context(process("omega_jupyter.worker", "--concurrency", "2", **ours))
        om = Omega(url, broker)
        wait_for_worker(om)
        where = "RabbitMQ and MongoDB" if broker else "MongoDB alone"
        _one_at_a_time(om, noops, where, judge=judge)
        _in_flight(om, noops["raw Celery no-op"], where, judge=judge)


def wait_for_worker(om: Omega) -> None:
    """Return when a worker answers."""
    while True:
        try:
            om.runtime.ping()
        except Unavailable:
            continue
        return


def _one_at_a_time(om: Omega, noops: dict[str, Call], where: str, *, judge: bool) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    # An estimator that takes no time: what is measured is the way there and back.
    om.models.put(GaussianNB().fit(X, y), "fitted")
    om.models.put(GaussianNB(), "m")
    fitted, remote = om.runtime.model("fitted"), om.runtime.model("m")
    medians = run(
        f"{where}: one call at a time, 150 × 4, from submission to value",
        {
            **{name: lambda noop=noop: _got(noop()) for name, noop in noops.items()},  # type: ignore[misc]  # a lambda's default
            "ping": om.runtime.ping,
            "predict('X'), warm": lambda: fitted.predict("X").get(60),
            "predict(df)": lambda: fitted.predict(X).get(60),
            "score('X', 'y')": lambda: fitted.score("X", "y").get(60),
            "fit('X', 'y')": lambda: remote.fit("X", "y").get(60),
        },
        rounds=25,
        warmup=3,
        calls=5,
    )
    reference = medians["raw Celery no-op"]
    for name, bar in RUNTIME.items():
        if judge and name in medians:
            print(f"  {name}: {VERDICTS.judge(f'{where}: {name}', medians[name] / reference, bar)}")


def _got(sent: object) -> object:
    return sent.get(interval=INTERVAL_SECONDS, timeout=60)  # type: ignore[attr-defined]  # Celery has no types


def _in_flight(om: Omega, noop: Call, where: str, *, judge: bool) -> None:
    fitted = om.runtime.model("fitted")
    medians = run(
        f"{where}: {IN_FLIGHT} in flight",
        {
            "raw Celery no-ops": lambda: [_got(sent) for sent in [noop() for _ in _many()]],
            "predict('X')": lambda: [
                task.get(60) for task in [fitted.predict("X") for _ in _many()]
            ],
        },
        rounds=5,
    )
    raw, ours = medians.values()
    if judge:
        bar = RUNTIME["in flight"]
        print(f"  {VERDICTS.judge(f'{where}: {IN_FLIGHT} in flight', ours / raw, bar)}")


def _many() -> range:
    return range(IN_FLIGHT)


if __name__ == "__main__":
    main()
