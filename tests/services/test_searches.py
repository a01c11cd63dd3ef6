"""Searches on RabbitMQ, with two workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from omega_jupyter.errors import TaskCancelled
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.rabbit_server import SERVER, RabbitServer

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)


@pytest.fixture(scope="module")
def started(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with RabbitServer() as rabbitmq:
        folder = tmp_path_factory.mktemp("searches")
        place = Place.at(folder, f"{mongod}/rabbit_searches", rabbitmq.url)
        place.start(processes=1)
        place.start(processes=1)
        yield place
        place.close()


@pytest.fixture
def place(started: Place, tmp_path: Path) -> Place:
    """The same workers, and notes of its own."""
    return replace(started, folder=tmp_path)


def test_search_is_spread_and_outlives_its_processes(place: Place) -> None:
    task = place.search(6, {2: "kill", 4: "kill once"}, seconds=0.5, error_score=-1.0)

    found = task.get(60)

    assert list(found.cv_results_["mean_test_score"]) == [1, -1, 3, 4, 5, 6]
    assert found.model.task == task.id
    parts = place.om.runtime.tasks(100, parent=task)
    wait_for(lambda: all(part.ready() for part in parts))
    assert {part.state for part in parts} == {"SUCCESS"}
    assert len({part.worker for part in parts}) == 2


def test_cancelled_search_ends_with_all_its_parts(place: Place) -> None:
    task = place.search(40, seconds=0.4)
    wait_for(lambda: bool(task.refresh().get("spread")))

    assert task.cancel() == "stopped"

    with pytest.raises(TaskCancelled):
        task.get(1)
    parts = place.om.runtime.tasks(100, parent=task)
    wait_for(lambda: all(part.ready() for part in parts))
    assert {part.state for part in parts} <= {"SUCCESS", "CANCELLED"}
    assert place.om.models.metadata("search").task is None
    # The workers are fit for the next one at once.
    assert place.search(2, seconds=0.01).get(30).best_params_ == {"value": 2}
