"""A task that takes too much fails with that reason, and its worker runs the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.ensemble import RandomForestClassifier

from omega_jupyter.cli import main
from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import Invalid, TaskFailed
from omega_jupyter.omega import Omega
from omega_jupyter.worker.cores import SharedThreads, share_cores
from tests.processes import kill_tree, start_worker
from tests.rabbit_server import SERVER, RabbitServer
from tests.sleeper import TRUSTED, TRUSTED_TOO, Hoarder, Sleeper

MEMORY = "1GB"


@contextmanager
def served(mongo_url: str, folder: Path, broker_url: str | None = None) -> Iterator[Omega]:
    """An Omega with a worker of one process, which limits its memory and, to 20 s, its time."""
    om = Omega(mongo_url, broker_url, queue=f"q-{mongo_url[-8:]}", trusted=(TRUSTED, TRUSTED_TOO))
    om.datasets.put(np.zeros((3, 2)), "X")
    worker = start_worker(
        om.broker_url.reveal(),
        folder,
        processes=1,
        OMEGA_MONGO_URL=mongo_url,
        OMEGA_QUEUE=om.config.queue,
        OMEGA_TRUSTED=f"{TRUSTED},{TRUSTED_TOO}",
        OMEGA_MEMORY_LIMIT=MEMORY,
        OMEGA_TIME_LIMIT="20",
    )
    try:
        yield om
        assert worker.poll() is None
    finally:
        kill_tree(worker)


def keeps_to_the_limits(om: Omega) -> None:
    om.models.put(Sleeper(60), "slow")
    om.models.put(Hoarder(1_500), "hungry")
    om.models.put(Sleeper(0), "quick")

    slow = om.runtime.model("slow").fit("X", time_limit=1)
    with pytest.raises(TaskFailed, match="ran longer than its time limit of 1 s") as caught:
        slow.get(60)
    assert caught.value.code == "task_failed"
    assert f"%omega retry {slow.id[:8]} runs it again" in str(caught.value)
    assert (slow.state, slow.attempts) == ("FAILURE", 1)
    assert om.runtime.model("quick").fit("X", time_limit=60).get(30).ref == "quick@2"

    hungry = om.runtime.model("hungry").fit("X", time_limit=60)
    with pytest.raises(TaskFailed, match="used more than 1 GB of memory"):
        hungry.get(30)
    assert hungry.attempts == 1
    assert om.runtime.model("quick").fit("X").get(30).ref == "quick@3"
    assert [len(om.models.versions(name)) for name in ("slow", "hungry")] == [1, 1]

    again = slow.retry()
    with pytest.raises(TaskFailed, match="time limit of 1 s"):
        again.get(60)


def test_limits_on_mongodb(mongo_url: str, tmp_path: Path) -> None:
    with served(mongo_url, tmp_path) as om:
        keeps_to_the_limits(om)


@pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)
def test_limits_on_rabbitmq(mongo_url: str, tmp_path: Path) -> None:
    with RabbitServer() as rabbitmq, served(mongo_url, tmp_path, rabbitmq.url) as om:
        keeps_to_the_limits(om)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "1", True])
def test_time_limit_that_is_none_is_refused(om: Omega, seconds: object) -> None:
    with pytest.raises(Invalid, match="time_limit"):
        om.runtime.model("m").fit("X", time_limit=seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), ("512 MiB", 512 << 20), ("1.5g", None), ("1000", 1000)]
)
def test_size_is_read_or_refused(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(Invalid, match="memory_limit"):
            OmegaConfig.load(memory_limit=text)
    else:
        assert OmegaConfig.load(memory_limit=text).memory_limit == size


def test_worker_refuses_a_queue_that_can_t_be(
    mongo_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", mongo_url)
    assert main(["worker", "--queues", "amq.gpu"]) == 1
    assert "can't be the name of a queue" in capsys.readouterr().err


def test_jobs_keep_to_their_share_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    cores = len(psutil.Process().cpu_affinity())

    def inner(n_jobs: int) -> int:
        return int(effective_n_jobs(n_jobs))

    share_cores(1)
    with parallel_config(backend=SharedThreads()):
        assert [inner(n) for n in (-1, cores + 9, 1)] == [cores, cores, 1]
        assert Parallel(n_jobs=2)(delayed(inner)(-1) for _ in range(2)) == [1, 1]
    share_cores(10_000)
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    forest = RandomForestClassifier(8, n_jobs=-1, random_state=0)
    with parallel_config(backend=SharedThreads()):
        assert (inner(-1), inner(8)) == (1, 1)
        there = forest.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(there, forest.fit(X, y).predict_proba(X))
