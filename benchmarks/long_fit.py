"""A fit of more than ten seconds on a worker against the same fit at home.

Both have one thread: a worker of two processes has one core for each on two cores.
"""

from __future__ import annotations

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from benchmarks.bars import LONG_FIT, VERDICTS
from benchmarks.runner import run
from benchmarks.runtime import process, wait_for_worker
from benchmarks.servers import mongod
from omega_jupyter.omega import Omega
from tests.rabbit_server import RabbitServer

__all__ = ["main"]


def main() -> None:
    """Print the ratio."""
    X, y = make_classification(20_000, 30, n_informative=10, random_state=0)
    forest = RandomForestClassifier(140, random_state=0)
    with mongod() as server, RabbitServer() as rabbitmq:
        url = f"{server}/omega"
        both = {"OMEGA_MONGO_URL": url, "OMEGA_BROKER_URL": rabbitmq.url}
        with process("omega_jupyter.worker", "--concurrency", "2", **both):
            om = Omega(url, rabbitmq.url)
            wait_for_worker(om)
            om.datasets.put(X, "X")
            om.datasets.put(y, "y")
            om.models.put(forest, "forest")
            model = om.runtime.model("forest@1")
            medians = run(
                "a long fit: random forest, 20,000 × 30, one thread",
                {
                    "at home": lambda: forest.fit(X, y),
                    "on a worker": lambda: model.fit("X", "y").get(600),
                },
                rounds=5,
                warmup=0,
            )
    home, remote = medians.values()
    print(f"  {VERDICTS.judge('a fit of ten seconds', remote / home, LONG_FIT)}")


if __name__ == "__main__":
    main()
