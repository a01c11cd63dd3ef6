"""How many commands MongoDB gets for a call: each costs the way there and back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import mode
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect
from tests.processes import OperatorKeys, start_worker

X, y = load_iris(return_X_y=True, as_frame=True)
CALLS = 9


@pytest.fixture
def alone(mongod: str, mongo_url: str, tmp_path: Path) -> Any:
    """An Omega whose worker has one process, and so one cache; messages in another database."""
    keys = OperatorKeys(tmp_path)
    broker = f"{mongod}/broker_of_one"
    process = start_worker(broker, tmp_path, processes=1, **keys.of_workers)
    yield Omega(mongo_url, broker, **keys.of_clients)
    process.terminate()
    process.wait(30)


def commands_of(om: Omega, call: Any) -> Counter[str]:
    """Return what the server got for most of several calls: from this process, and from workers.

    The reads of the record by who waits for it are left out: there are as many as it takes
    time. So is the broker, which has a database of its own.
    """
    database = connect(om.mongo_url)
    seen = []
    for _ in range(CALLS):
        database.command("profile", 2)
        call()
        database.command("profile", 0)
        entries = list(database["system.profile"].find())
        database["system.profile"].drop()
        seen.append(tuple(sorted(filter(None, map(_shown, entries)))))
    return Counter(mode(seen))


def _shown(entry: dict[str, Any]) -> str | None:
    collection = entry["ns"].partition(".")[2]
    command = next(iter(entry["command"]), "")
    if command == "profile" or (collection == "omega_tasks" and command == "aggregate"):
        return None
    kind = {"update": "update", "remove": "delete"}.get(entry["op"], command)
    return f"{kind} {collection}"


def test_warm_prediction_takes_three_commands(alone: Omega) -> None:
    alone.datasets.put(X, "X")
    alone.models.put(GaussianNB().fit(X, y), "m")
    model = alone.runtime.model("m")
    for _ in range(3):
        model.predict("X").get(60)

    assert commands_of(alone, lambda: model.predict("X").get(60)) == {
        # Writes the record, if the names still stand for the same versions.
        "aggregate $cmd.aggregate": 1,
        # The worker's: it begins, and it leaves the result.
        "findAndModify omega_tasks": 1,
        "update omega_tasks": 1,
    }


def test_small_object_takes_none_more(alone: Omega) -> None:
    alone.models.put(GaussianNB().fit(X, y), "m")
    model = alone.runtime.model("m")
    for _ in range(3):
        model.predict(X).get(60)

    assert commands_of(alone, lambda: model.predict(X).get(60)) == {
        "aggregate $cmd.aggregate": 1,
        "findAndModify omega_tasks": 1,
        "update omega_tasks": 1,
    }


def test_small_fit_after_another_takes_seven_commands(alone: Omega) -> None:
    alone.datasets.put(X, "X")
    alone.datasets.put(y, "y")
    alone.models.put(GaussianNB(), "m")
    model = alone.runtime.model("m")
    for _ in range(3):
        model.fit("X", "y").get(60)

    assert commands_of(alone, lambda: model.fit("X", "y").get(60)) == {
        "aggregate $cmd.aggregate": 1,
        "findAndModify omega_tasks": 1,
        # The worker's: what the model is called now, that it may publish, the version.
        "aggregate omega_versions": 2,
        "update omega_tasks": 2,
        "insert omega_versions": 1,
        # One of the two aggregations is the client's, which asks for the new version.
    }


def test_second_prediction_of_a_model_of_200_mb_reads_no_chunk(alone: Omega) -> None:
    rng = np.random.default_rng(0)
    large = LogisticRegression()
    large.coef_, large.intercept_ = rng.random((100, 250_000)), np.zeros(100)
    large.classes_, large.n_features_in_ = np.arange(100), 250_000
    assert large.coef_.nbytes == 200_000_000
    rows = rng.random((5, 250_000))
    alone.datasets.put(rows, "X")
    alone.models.put(large, "large")
    model = alone.runtime.model("large")
    database = connect(alone.mongo_url)

    def chunks_read() -> int:
        database.command("profile", 2)
        model.predict("X").get(60)
        database.command("profile", 0)
        reads = database["system.profile"].count_documents(
            {"ns": f"{database.name}.omega_chunks", "op": {"$in": ["query", "command"]}}
        )
        database["system.profile"].drop()
        return reads

    assert chunks_read() > 0
    # Now and then a worker looks for garbage there.
    assert min(chunks_read() for _ in range(3)) == 0
    # A new version is another one, whatever is kept.
    before = model.predict("X").get(60)
    np.testing.assert_array_equal(before, large.predict(rows))
    large.coef_ = large.coef_[::-1]
    alone.models.put(large, "large")
    assert chunks_read() > 0
    np.testing.assert_array_equal(model.predict("X").get(60), 99 - before)
    np.testing.assert_array_equal(alone.runtime.model("large@1").predict("X").get(60), before)
