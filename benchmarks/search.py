"""A search on workers of one and of two processes against scikit-learn's own with one job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from benchmarks.bars import VERDICTS
from benchmarks.runner import run
from benchmarks.runtime import process
from benchmarks.servers import mongod
from omega_jupyter.omega import Omega

# 24 fits of some 0.3 s or more, and 12 of some 5 ms.
LONG = RandomForestClassifier(300, random_state=0), {"max_depth": [2, 4, 6, 8, 10, 12]}, 4
SHORT = DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3, 4, 5]}, 3
SPEED_UP = 1.8
OVERHEAD_SECONDS = 0.15

X, y = load_breast_cancer(return_X_y=True, as_frame=True)


def main() -> None:
    """Print the ratios."""
    with mongod() as server:
        url = f"{server}/omega"
        om = Omega(url)
        om.datasets.put(X, "X")
        om.datasets.put(y, "y")
        om.models.put(LONG[0], "long")
        om.models.put(SHORT[0], "short")
        worker = ("omega_jupyter.worker", "--concurrency")
        one = process(*worker, "1", "--queues", "one", OMEGA_MONGO_URL=url)
        two = process(*worker, "2", "--queues", "two", OMEGA_MONGO_URL=url)
        with one, two:
            long = run("24 fits of some 0.3 s", _peers(om, "long", *LONG), rounds=3, warmup=0)
            short = run("12 fits of some 5 ms", _peers(om, "short", *SHORT), rounds=9, warmup=3)
    single, double = (long[f"workers: {count}"] for count in (1, 2))
    missed_by = VERDICTS.judge("2 processes to 1", double / single, 1 / SPEED_UP)
    print(f"  speed-up by a second process: {single / double:.2f} ({missed_by})")
    overhead = short["workers: 2"] - short["scikit-learn, n_jobs=1"]
    bar = VERDICTS.judge("overhead of a short search", overhead, OVERHEAD_SECONDS, " s")
    print(f"  overhead of a short search: {overhead * 1000:.0f} ms ({bar})")


def _peers(
    om: Omega, name: str, model: Any, grid: dict[str, Any], cv: int
) -> dict[str, Callable[[], object]]:
    def remote(queue: str) -> object:
        proxy = om.runtime.require(queue).model(f"{name}@1")
        return proxy.grid_search("X", "y", param_grid=grid, cv=cv).get(120)

    return {
        "scikit-learn, n_jobs=1": lambda: GridSearchCV(model, grid, cv=cv, n_jobs=1).fit(X, y),
        "workers: 1": lambda: remote("one"),
        "workers: 2": lambda: remote("two"),
    }
