"""Models against joblib on the local disk, and a prediction of a large one that a worker has."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.bars import LARGE_MODEL_SECONDS, VERDICTS
from benchmarks.runner import run
from benchmarks.runtime import process, wait_for_worker
from benchmarks.servers import mongod
from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.store.models import ModelStore


def models() -> dict[str, Any]:
    """Return fitted models: usual ones, a forest, and one with 200 MB of coefficients."""
    X, y = make_classification(10_000, 20, random_state=0)
    large = LogisticRegression().fit(X, y)
    large.coef_ = np.random.default_rng(0).random((100, 250_000))
    large.intercept_ = np.zeros(100)
    large.classes_ = np.arange(100)
    large.n_features_in_ = 250_000
    return {
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        "gradient boosting, 100 iterations": HistGradientBoostingClassifier().fit(X, y),
        "forest of 100 trees": RandomForestClassifier(100, random_state=0).fit(X, y),
        "logistic regression, 200 MB": large,
    }


def main() -> None:
    """Print the ratios."""
    with mongod() as url, tempfile.TemporaryDirectory(prefix="omega-bench-") as folder:
        store = ModelStore(SecretUrl(f"{url}/models"))
        path = Path(folder, "model.joblib")
        for number, (name, model) in enumerate(models().items()):
            stored = f"m{number}"
            run(
                f"{name}: put",
                {
                    "joblib on disk": lambda model=model: joblib.dump(model, path),
                    "ours": lambda model=model, stored=stored: store.put(model, stored),
                },
                rounds=5,
            )
            run(
                f"{name}: get",
                {
                    "joblib on disk": lambda: joblib.load(path),
                    "ours": lambda stored=stored: store.get(stored),
                },
                rounds=5,
            )
        _warm(f"{url}/models", stored, model)


def _warm(url: str, stored: str, model: Any) -> None:
    """Print what a prediction takes that a worker has done before, beside that at home."""
    om = Omega(url)
    rows = np.random.default_rng(0).random((1, model.n_features_in_))
    om.datasets.put(rows, "X")
    with process("omega_jupyter.worker", "--concurrency", "1", OMEGA_MONGO_URL=url):
        wait_for_worker(om)
        remote = om.runtime.model(stored)
        medians = run(
            "a prediction for one row with the model of 200 MB",
            {
                "at home": lambda: model.predict(rows),
                "on a worker that has it": lambda: remote.predict("X").get(60),
            },
            rounds=25,
            warmup=3,
        )
    home, there = medians.values()
    bar = VERDICTS.judge("model of 200 MB, warm", there - home, LARGE_MODEL_SECONDS, " s")
    print(f"  over the prediction itself: {(there - home) * 1000:.1f} ms ({bar})")


if __name__ == "__main__":
    main()
