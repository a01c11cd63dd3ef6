"""A call that uses names again is pinned to what they stand for now, whoever has changed them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import NotFound
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.names import recall
from tests.mongo_server import MongoServer

X, y = load_iris(return_X_y=True, as_frame=True)


def stored(url: str) -> Omega:
    """An Omega without a worker: what matters is the record."""
    om = Omega(url)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.datasets.tag("X@1", "prod")
    om.models.put(LogisticRegression(), "m")
    return om


@pytest.fixture
def om(mongo_url: str) -> Omega:
    return stored(mongo_url)


def fit(om: Omega, X: object = "X", y: object = "y") -> OmegaTask:
    return om.runtime.model("m").fit(X, y)


def pinned(task: OmegaTask, role: str = "X") -> str:
    assert (task.state, task.submitted is not None) == ("QUEUED", True)
    return str(task.record["arguments"][role])


def test_new_version_is_used_at_once(om: Omega) -> None:
    others = DatasetStore(om.mongo_url)
    for version in (1, 2, 3):
        assert [pinned(fit(om)) for _ in range(3)] == [f"X@{version}"] * 3
        others.put(X, "X")


def test_tag_that_was_moved_is_followed_at_once(om: Omega) -> None:
    om.datasets.put(X, "X")
    assert [pinned(fit(om, "X@prod")) for _ in range(2)] == ["X@1"] * 2

    om.datasets.tag("X@2", "prod")

    assert pinned(fit(om, "X@prod")) == "X@2"


def test_new_version_of_the_model_is_used_at_once(om: Omega) -> None:
    assert [pinned(fit(om), "model") for _ in range(2)] == ["m@1"] * 2

    om.models.put(LogisticRegression(C=2), "m")

    assert pinned(fit(om), "model") == "m@2"


def test_what_is_gone_is_not_found(om: Omega) -> None:
    fit(om)
    om.datasets.drop("X")

    with pytest.raises(NotFound, match="X"):
        fit(om)

    assert len(om.runtime.tasks()) == 1


def test_renamed_object_is_named_by_its_new_name(om: Omega) -> None:
    task = fit(om, "X@1")
    om.datasets.rename("X", "Z")

    assert pinned(task) == "X@1"
    assert [pinned(fit(om, "X@1")) for _ in range(2)] == ["Z@1"] * 2


def test_lengths_are_those_of_now(om: Omega) -> None:
    fit(om)
    om.datasets.put(X.head(100), "X")
    om.datasets.put(y.head(100), "y")

    assert pinned(fit(om)) == "X@2"


def test_object_is_staged_once_where_a_name_has_changed(om: Omega) -> None:
    large = np.zeros((150, 100))
    fit(om, large)
    om.datasets.put(y, "y")

    task = fit(om, large)

    assert pinned(task, "y") == "y@2"
    # The first try's id names it, which is not the task's.
    assert pinned(task).endswith("/X@1")
    staged = {"name": {"$regex": "^[.]staged/"}}
    assert versions(om.mongo_url).count_documents(staged) == 2


def test_name_is_followed_where_a_fit_has_published_what_is_the_latest_no_more(om: Omega) -> None:
    fit(om)
    second = om.models.put(LogisticRegression(C=2), "m")
    om.models.put(LogisticRegression(C=3), "m")

    recall.note_newer(om.mongo_url, om.models.metadata(second.ref))

    assert pinned(fit(om), "model") == "m@3"
    om.models.drop("m@3")
    recall.note_newer(om.mongo_url, om.models.metadata(second.ref))
    assert pinned(fit(om), "model") == "m@2"


def test_columns_are_the_call_s_own(om: Omega) -> None:
    fit(om)

    assert pinned(fit(om, "X[^petal width (cm)]")) == "X[^petal width (cm)]@1"


def test_memory_is_bounded(om: Omega, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "REMEMBERED", 2)
    for number in range(5):
        om.datasets.put(X, f"X{number}")
        assert pinned(fit(om, f"X{number}")) == f"X{number}@1"

    assert len(recall._known) == 2
    assert pinned(fit(om, "X0")) == "X0@1"


def test_lost_connection_costs_a_look_and_no_more() -> None:
    with MongoServer() as server:
        om = stored(server.url())
        fit(om)
        server.kill()
        server.start()

        assert pinned(fit(om)) == "X@1"
