"""Remote calls against a raw Celery no-op on the same broker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.runner import run
from benchmarks.servers import mongod
from omega_jupyter.omega import Omega


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
    """Print the ratios."""
    with mongod() as server:
        url = f"{server}/omega"
        os.environ |= {"RAW_CELERY_URL": f"{server}/raw", "RAW_CELERY_RESULTS": server}
        from benchmarks.raw_celery import noop

        raw = ("celery", "-A", "benchmarks.raw_celery", "worker", "-c", "2", "-Q", "raw")
        ours = ("omega_jupyter.worker", "--concurrency", "2")
        with process(*raw), process(*ours, OMEGA_MONGO_URL=url):
            compare(Omega(url), lambda: noop.delay().get(interval=0.005, timeout=60))


def compare(om: Omega, noop: object) -> None:
    """Time the verbs in turn with the no-op."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    om.datasets.put(X.head(100), "X")
    om.datasets.put(y.head(100), "y")
    om.models.put(model, "m")
    remote = om.runtime.model("m")
    remote.fit("X", "y").get(60)
    fitted = om.runtime.model("m")
    frame = X.head(100)
    run(
        "one call at a time, 100 × 30, from submission to value",
        {
            "raw Celery no-op": noop,  # type: ignore[dict-item]
            "predict('X'), warm": lambda: fitted.predict("X").get(60),
            "predict(frame)": lambda: fitted.predict(frame).get(60),
            "score('X', 'y')": lambda: fitted.score("X", "y").get(60),
            "fit('X', 'y')": lambda: remote.fit("X", "y").get(60),
        },
        rounds=15,
        warmup=3,
        calls=5,
    )
