"""A call goes to the queue that it is meant for, and who listens there is known."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from omega_jupyter.cli import main
from omega_jupyter.errors import Invalid, QueueWarning, Unavailable
from omega_jupyter.omega import Omega
from tests.faults import Place
from tests.mongo_server import wait_for
from tests.processes import Worker, kill_tree


@pytest.fixture
def stored(om: Omega) -> Omega:
    om.datasets.put(np.arange(6.0).reshape(3, 2), "X")
    om.datasets.put(np.arange(3.0), "y")
    om.models.put(LinearRegression(), "m")
    return om


def test_bound_runtime_changes_nothing_else(stored: Omega) -> None:
    runtime = stored.runtime
    task = runtime.require("user.alice").model("m").fit("X", "y")

    assert task.queue == "user.alice"
    assert runtime.model("m").fit("X", "y").get(60).ref == "m@2"
    assert task.cancel() == "never started"


@pytest.mark.parametrize("name", ["", " ", "a,b", "gpu ", "amq.gen", "x" * 256, "a\nb", 3, None])
def test_name_that_no_queue_can_have_is_refused(stored: Omega, name: Any) -> None:
    with pytest.raises(Invalid, match="queue"):
        stored.runtime.require(name)


def test_queue_that_nobody_listens_to_is_warned_of_once(stored: Omega) -> None:
    nobody = stored.runtime.require("nobody-here").model("m")
    with pytest.warns(QueueWarning, match="'nobody-here'.*--queues nobody-here"):
        task = nobody.fit("X", "y")
    with warnings.catch_warnings():
        warnings.simplefilter("error", QueueWarning)
        again = nobody.fit("X", "y")
        stored.runtime.model("m").fit("X", "y").get(60)

    assert [one.cancel() for one in (task, again)] == ["never started"] * 2


def test_workers_tell_about_themselves(stored: Omega, worker: Worker) -> None:
    began = time.monotonic()
    [found] = stored.runtime.workers(60)
    assert time.monotonic() - began < 30  # nobody waits for workers that are not there

    assert found.name.startswith(f"omega-{worker.pid}@")
    assert found.name.endswith(found.host)
    assert (found.queues, found.concurrency) == (("omega",), 2)
    assert {"omega-jupyter", "python", "scikit-learn"} <= found.versions.keys()
    shown = repr(stored.runtime.workers(10))
    assert found.name in shown
    assert "running" in shown
    assert f"omega-jupyter {found.versions['omega-jupyter']}" in shown
    assert found.name in stored.runtime.workers(10)._repr_html_()


def test_queues_tell_what_waits(stored: Omega) -> None:
    waiting = [stored.runtime.require("later").model("m").fit("X", "y") for _ in range(2)]

    def told() -> dict[str, tuple[int | None, int]]:
        return {queue.name: (queue.waiting, queue.workers) for queue in stored.runtime.queues()}

    # Who is busy may answer too late, once.
    wait_for(lambda: told().items() >= {"later": (2, 0), "omega": (0, 1)}.items())
    assert [task.cancel() for task in waiting] == ["never started"] * 2


def test_verbs_show_workers_and_queues(
    stored: Omega, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", stored.mongo_url.reveal())
    monkeypatch.setenv("OMEGA_BROKER_URL", stored.broker_url.reveal())

    assert main(["workers", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["queues"] == ["omega"]
    assert main(["queues"]) == 0
    assert capsys.readouterr().out.startswith("name ")


def test_warning_names_the_shell_s_verbs_in_a_shell(
    stored: Omega,
    worker: Worker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", stored.mongo_url.reveal())
    monkeypatch.setenv("OMEGA_BROKER_URL", stored.broker_url.reveal())
    for name, value in worker.keys.of_clients_environment.items():
        monkeypatch.setenv(name, value)

    assert main(["fit", "m", "X", "y", "--queue", "nobody-in-the-shell", "-b"]) == 0

    assert "; omega workers lists those there are)" in capsys.readouterr().err
    assert stored.runtime.task("last").cancel() == "never started"


def test_ping_takes_no_longer_than_the_answer(stored: Omega) -> None:
    assert 0 < stored.runtime.ping(10) < 5
    with pytest.raises(Unavailable, match="'nobody'") as caught:
        stored.runtime.require("nobody").ping()
    assert caught.value.hop == "worker"


def test_killed_worker_is_not_listed(mongo_url: str, tmp_path: Path) -> None:
    place = Place.at(tmp_path, mongo_url)
    worker = place.start(1)
    assert len(place.om.runtime.workers(10)) == 1

    kill_tree(worker)

    assert place.om.runtime.workers() == []
    assert "omega worker" in repr(place.om.runtime.workers())
    with pytest.raises(Unavailable, match="No worker"):
        place.om.runtime.ping()
