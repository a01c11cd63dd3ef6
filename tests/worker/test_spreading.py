"""The fits of a search are spread over workers; each is done or has failed, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from omega_jupyter.errors import TaskFailed, TaskLost
from omega_jupyter.runtime import inquiry
from omega_jupyter.runtime.records import records
from omega_jupyter.runtime.search_result import SearchResult
from omega_jupyter.runtime.task import OmegaTask
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import kill_tree


@pytest.fixture(scope="module")
def started(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with two workers that no test kills."""
    place = Place.at(tmp_path_factory.mktemp("shared"), f"{mongod}/spread_shared")
    place.start(processes=1)
    place.start(processes=1)
    yield place
    place.close()


@pytest.fixture
def shared(started: Place, tmp_path: Path) -> Place:
    """The same, with notes of its own."""
    return replace(started, folder=tmp_path)


@pytest.fixture
def place(mongo_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place.at(tmp_path, mongo_url)
    yield place
    place.close()


def scores(found: SearchResult) -> list[float]:
    return [float(score) for score in found.cv_results_["mean_test_score"]]


def parts_of(place: Place, task: OmegaTask) -> list[OmegaTask]:
    """Return the parts, once they have all ended."""
    parts = place.om.runtime.tasks(200, parent=task)
    wait_for(lambda: all(part.ready() for part in parts))
    return parts


def test_short_fits_stay_where_they_are(shared: Place) -> None:
    task = shared.search(6, seconds=0.01)

    assert scores(task.get(60)) == [1, 2, 3, 4, 5, 6]
    assert parts_of(shared, task) == []


def test_long_fits_are_spread_while_the_first_one_runs(shared: Place) -> None:
    task = shared.search(4, seconds=1.0)

    assert scores(task.get(60)) == [1, 2, 3, 4]
    parts = parts_of(shared, task)
    assert len(parts) == 7  # one for each of the others
    assert len({part.worker for part in parts}) == 2
    assert task.elapsed < 6  # of nine seconds
    assert [shared.runs(f"{value}.log") for value in (1, 2, 3)] == [(2, 2)] * 3


def test_shorter_fits_share_their_parts(shared: Place) -> None:
    task = shared.search(20, seconds=0.05)

    assert scores(task.get(60)) == list(range(1, 21))
    parts = parts_of(shared, task)
    assert 1 < len(parts) <= 5
    assert {part.state for part in parts} == {"SUCCESS"}


def test_parts_have_what_was_passed_to_their_search(shared: Place) -> None:
    shared.search(2, seconds=0.01).get(60)
    model, grid = shared.om.runtime.model("search@1"), {"value": [0], "seconds": [0.05] * 20}

    task = model.grid_search(np.zeros((10, 1)), param_grid=grid, cv=2)

    assert len(scores(task.get(60))) == 20
    assert {part.state for part in parts_of(shared, task)} == {"SUCCESS"}


@pytest.mark.parametrize("first", [True, False])
def test_fit_that_kills_its_process_again_and_again_has_the_error_score(
    shared: Place, first: bool
) -> None:
    deadly = 1 if first else 4
    task = shared.search(6, {deadly: "kill", 2: "raise"}, error_score=-1.0)

    found = task.get(60)

    assert scores(found) == [-1 if value in (deadly, 2) else value for value in range(1, 7)]
    assert found.best_params_ == {"value": 6}
    assert "4 fits failed out of a total of 12" in str(task.logs())
    assert "killed (out of memory?)" in str(task.logs())
    assert all(worker.poll() is None for worker in shared.workers)
    # Two fits, each tried twice; the first time nobody knows which one it was.
    assert 4 <= shared.runs(f"{deadly}.log")[0] <= 6
    assert shared.om.models.metadata("search").task == task.id


def test_fit_whose_process_is_killed_once_counts(shared: Place) -> None:
    task = shared.search(6, {5: "kill once"})

    assert scores(task.get(60)) == [1, 2, 3, 4, 5, 6]
    assert shared.runs("5.log") == (3, 2)


def test_search_that_raises_fails_with_the_reason_and_all_its_parts(shared: Place) -> None:
    task = shared.search(30, {20: "kill"}, error_score="raise")

    with pytest.raises(TaskFailed, match=r"killed \(out of memory\?\)"):
        task.get(60)
    assert all(part.ready() for part in parts_of(shared, task))
    assert shared.om.models.metadata("search").task is None


def test_refit_that_kills_its_process_fails_the_search(shared: Place) -> None:
    """Also after two deaths before it: it has attempts of its own."""
    task = shared.search(1, seconds=0.4)
    wait_for(lambda: shared.runs("1.log")[0] > 0)
    psutil.Process(shared.process("1.log")).kill()
    wait_for(lambda: task.refresh().get("fits") is not None)

    found = task.get(60)
    assert scores(found) == [1]

    lost = shared.search(3, {3: "kill"}, seconds=0.2, error_score=9.0)
    with pytest.raises(TaskFailed, match="killed"):
        lost.get(60)
    assert shared.om.models.metadata("search").task is None


def test_time_limit_is_that_of_the_whole_search(shared: Place) -> None:
    task = shared.search(100, seconds=0.3, time_limit=2.0)
    stuck = shared.search(6, {3: "sleep"}, seconds=0.3, time_limit=2.0)

    for one in (task, stuck):
        with pytest.raises(TaskFailed, match="ran longer than its time limit of 2 s"):
            one.get(30)
        assert 1.5 < one.elapsed < 15
        assert all(part.ready() for part in parts_of(shared, one))
    assert scores(shared.search(2, seconds=0.01).get(30)) == [1, 2]


def test_fit_over_the_limit_of_its_worker_has_failed(place: Place) -> None:
    place.start(OMEGA_TIME_LIMIT="4")
    task = place.search(4, {2: "sleep"}, seconds=0.3)

    found = task.get(60)
    np.testing.assert_array_equal(scores(found), [1, np.nan, 3, 4])
    assert "ran longer than its time limit of 4 s" in str(task.logs())


def test_fit_over_the_memory_of_its_worker_has_failed(place: Place) -> None:
    place.start(OMEGA_MEMORY_LIMIT="700MB")
    reason = "used more than 700 MB of memory"
    task = place.search(4, {2: "hoard"}, seconds=0.3)

    found = task.get(60)
    np.testing.assert_array_equal(scores(found), [1, np.nan, 3, 4])
    assert reason in str(task.logs())

    strict = place.search(4, {2: "hoard"}, seconds=0.3, error_score="raise")
    with pytest.raises(TaskFailed, match=reason):
        strict.get(60)
    assert all(part.ready() for part in parts_of(place, strict))
    assert place.workers[0].poll() is None
    assert scores(place.search(2, seconds=0.01).get(30)) == [1, 2]
    # The searches that ended well are published, and no more.
    assert len(place.om.models.versions("search")) == 5


def test_search_outlives_all_its_workers_and_does_no_more_than_it_must_again(place: Place) -> None:
    first = place.start(processes=1)
    task = place.search(12, seconds=0.3)
    wait_for(lambda: place.runs("4.log")[1] > 0)
    kill_tree(first)
    second = place.start()
    wait_for(lambda: place.runs("9.log")[1] > 0)
    kill_tree(second)
    place.start()

    assert scores(task.get(120)) == list(range(1, 13))
    assert sum(task.record["fits"]["done"].values()) == 24
    began = [place.runs(f"{value}.log")[0] for value in range(1, 13)]
    assert sum(began) <= 24 + 1 + 6  # the refit, and what ran or was not yet kept at a kill
    assert len(place.om.models.versions("search")) == 2


def test_part_whose_message_is_gone_is_sent_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUEUED_SECONDS", "ASK_AGAIN_SECONDS"):
        monkeypatch.setattr(inquiry, name, 0.0)
    place.start(processes=1)
    task = place.search(12, seconds=0.4)
    wait_for(lambda: bool(task.refresh().get("spread")))
    lose(place, last_part(place, task))

    assert scores(task.get(60)) == list(range(1, 13))
    assert [place.runs(f"{value}.log")[0] for value in range(1, 12)] == [2] * 11


def test_search_whose_part_is_lost_again_and_again_is_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "ASK_AGAIN_SECONDS", 0.0)
    place.start(processes=1)
    task = place.search(12, seconds=0.6)
    wait_for(lambda: bool(task.refresh().get("spread")))
    gone = last_part(place, task)
    lose(place, gone)
    monkeypatch.setattr(inquiry, "QUEUED_SECONDS", 0.0)
    for _ in range(3):
        assert task.state == "PROGRESS"
        lose(place, gone)

    with pytest.raises(TaskLost, match="is gone from the queue"):
        task.get(30)
    assert {part.state for part in parts_of(place, task)} <= {"LOST", "CANCELLED", "SUCCESS"}


def last_part(place: Place, task: OmegaTask) -> str:
    return max(part.id for part in place.om.runtime.tasks(100, parent=task))


def lose(place: Place, task_id: str) -> None:
    """Remove the message of a task from the broker."""
    queue = records(place.om.mongo_url).database["omega_queue"]
    assert queue.delete_one({"task": task_id}).deleted_count == 1
