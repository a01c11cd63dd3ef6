"""What a task prints and logs is there for whoever asks, while it runs and afterwards."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.attempt import Attempt
from omega_jupyter.runtime.task_log import MAX_BYTES, MAX_LINES, read
from omega_jupyter.worker.logs import TaskLog
from tests.mongo_server import wait_for
from tests.processes import Worker, kill_tree, start_worker
from tests.sleeper import TRUSTED, Sleeper, process_of, runs

URL = SecretUrl("mongodb://alice:wonder%2Fland@db.example/omega_alice")


@pytest.fixture
def log(mongo_url: str) -> TaskLog:
    attempt = Attempt(SecretUrl(mongo_url), "t1", 1, {"worker": "w@here"})
    return TaskLog(attempt, [URL])


def written(log: TaskLog, after: int = 0) -> tuple[str, ...]:
    return read(log._attempt.url, "t1", after).lines


def test_everything_that_is_printed_or_logged_is_caught(
    log: TaskLog, capfd: pytest.CaptureFixture[str]
) -> None:
    libc = ctypes.CDLL(None)
    with log.captured():
        sys.stdout.write("by Python\n")
        sys.stderr.write("to stderr\n")
        logging.getLogger("some.library").warning("logged %d", 7)
        logging.getLogger("celery.task").warning("by the worker")
        thread = threading.Thread(target=lambda: sys.stdout.write("in a thread\n"))
        thread.start()
        thread.join()
        libc.puts(b"by C")
        os.write(2, b"to descriptor 2\n")
    sys.stdout.write("afterwards\n")
    log.close()

    lines = written(log)
    assert {"by Python", "to stderr", "in a thread", "by C", "to descriptor 2"} <= set(lines)
    assert "WARNING some.library: logged 7" in lines
    assert "WARNING celery.task: by the worker" in lines
    assert "afterwards" not in lines
    # The worker's own log has it too.
    shown = "".join(capfd.readouterr())
    assert "by C" in shown
    assert "by Python" in shown


def test_secrets_are_masked_however_they_are_written(log: TaskLog) -> None:
    log.write(f"connecting to {URL.reveal()}\n")
    log.write("password: wonder/")
    log.flush()
    log.write("land, user: alice")
    log.close()

    assert written(log) == (
        "connecting to mongodb://alice:***@db.example/omega_alice",
        "password: ***, user: alice",
    )


def test_lines_are_whole_and_progress_bars_end_as_they_look(log: TaskLog) -> None:
    log.write("one\ntw")
    log.write("o\n 10%\r 50%")
    log.write("\r100%\nlast, without an end")
    log.close()

    assert written(log) == ("one", "two", "100%", "last, without an end")


def test_next_attempt_keeps_what_the_one_before_has_written(log: TaskLog) -> None:
    log.write("before it was killed\n")
    log.close()
    attempt = Attempt(log._attempt.url, "t1", 2, {"worker": "w@there"})
    again = TaskLog(attempt, [URL])
    again.write("once more\n")
    again.flush()
    again.write("and on\n")
    again.close()

    kept = ("before it was killed", "--- attempt 2 on w@there ---", "once more", "and on")
    assert written(log) == kept

    third = TaskLog(Attempt(log._attempt.url, "t1", 3, {"worker": "w@there"}), [URL])
    for number in range(MAX_LINES - 2):
        third.write(f"line {number}\n")
    third.close()

    found = read(log._attempt.url, "t1")
    assert found.lines[:2] == ("and on", "--- attempt 3 on w@there ---")
    assert (len(found.lines), found.total) == (MAX_LINES, MAX_LINES + 3)


def test_the_end_of_much_output_is_kept(log: TaskLog) -> None:
    for number in range(3 * MAX_LINES):
        log.write(f"line {number}\n")
        if number % 700 == 0:
            log.flush()
    log.close()

    found = read(log._attempt.url, "t1")
    assert found.total == 3 * MAX_LINES
    assert found.lines[-1] == f"line {3 * MAX_LINES - 1}"
    assert found.first + len(found.lines) == found.total
    assert len(found.lines) == MAX_LINES
    assert found.lines[0] == f"line {found.first}"


def test_long_lines_are_cut_and_bounded_together(log: TaskLog) -> None:
    for _ in range(200):
        log.write("x" * 5_000 + "\n")
    log.close()

    lines = written(log)
    assert lines[-1].endswith("x …")
    assert sum(map(len, lines)) <= MAX_BYTES


def test_later_lines_are_read_alone(log: TaskLog) -> None:
    log.write("one\ntwo\n")
    log.flush()
    log.write("three\n")
    log.flush()

    assert written(log, after=2) == ("three",)
    assert written(log, after=3) == ()


def test_output_of_an_estimator_is_there_and_the_worker_s_log_has_it(
    om: Omega, worker: Worker
) -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    om.datasets.put(X, "X")
    om.datasets.put(X[:, 0] > 0, "y")
    om.models.put(SVC(verbose=True), "in_c")
    om.models.put(LogisticRegression(max_iter=1), "warns")

    fitted = {name: om.runtime.model(name).fit("X", "y") for name in ("in_c", "warns")}
    for task in fitted.values():
        task.get(60)
    quiet = om.runtime.model("in_c").predict("X")
    quiet.get(60)

    assert "optimization finished" in fitted["in_c"].logs()
    assert "optimization finished" in worker.log.read_text()
    assert "ConvergenceWarning" in fitted["warns"].logs()
    assert quiet.logs() == ""
    assert repr(quiet.logs()) == "nothing was printed"


@pytest.fixture
def sleeping(mongo_url: str, tmp_path: Path) -> Iterator[Omega]:
    """An Omega with a worker that trusts the tests' own estimator."""
    om = Omega(mongo_url, trusted=(TRUSTED,))
    om.datasets.put(np.zeros((3, 2)), "X")
    worker = start_worker(mongo_url, tmp_path, OMEGA_MONGO_URL=mongo_url, OMEGA_TRUSTED=TRUSTED)
    yield om
    kill_tree(worker)


def test_output_can_be_followed_and_outlives_a_killed_process(
    sleeping: Omega, tmp_path: Path
) -> None:
    sleeping.models.put(Sleeper(4, prints=("one", "two", "three")), "m")
    task = sleeping.runtime.model("m").fit("X")

    seen = []
    for line in task.follow():
        seen.append((line, task.state))

    assert [line for line, _ in seen] == ["one", "two", "three"]
    assert seen[0][1] == "STARTED"  # it came while the task was running
    assert task.logs() == "one\ntwo\nthree"

    sleeping.models.put(Sleeper(60, str(tmp_path / "log"), ("before",) + ("",) * 200), "m")
    killed = sleeping.runtime.model("m").fit("X")
    wait_for(lambda: runs(tmp_path / "log") == (1, 0))
    wait_for(lambda: killed.logs().startswith("before"))
    os.kill(process_of(tmp_path / "log"), 9)
    wait_for(lambda: runs(tmp_path / "log") == (2, 0))
    assert killed.logs().startswith("before")
    killed.cancel(grace=0)
    assert killed.logs().startswith("before")
