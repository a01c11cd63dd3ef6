"""Whoever waits hears of the end at once, and asks little meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import NotFound, TaskCancelled
from omega_jupyter.omega import Omega
from omega_jupyter.runtime import waiting as pace
from omega_jupyter.runtime.endings import NOTICES, endings
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.database.connection import connect
from tests.mongo_server import wait_for

X, y = load_iris(return_X_y=True, as_frame=True)
# Beyond the first moments, in which the record is read again and again.
A_WHILE = 0.8


@pytest.fixture
def stored(mongo_url: str) -> Omega:
    """An Omega without a worker: the tests end the tasks."""
    om = Omega(mongo_url)
    om.datasets.put(X, "X")
    om.datasets.put(y, "y")
    om.models.put(LogisticRegression(max_iter=500), "m")
    return om


def waiting(om: Omega) -> OmegaTask:
    return om.runtime.model("m").fit("X", "y")


@contextmanager
def ended_after(task: OmegaTask, seconds: float) -> Iterator[Callable[[], float]]:
    """End the task in another thread; gives the seconds that have passed since."""
    ended: list[float] = []

    def end() -> None:
        time.sleep(seconds)
        ended.append(time.monotonic())
        Ledger(task._submitter.ledger.url).update(task.id, "CANCELLED", {})

    thread = threading.Thread(target=end)
    thread.start()
    yield lambda: time.monotonic() - ended[0]
    thread.join()


def listening() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "omega-endings"}


@pytest.fixture
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits learns of the end from its notice, or not in time."""
    monkeypatch.setattr(pace, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(pace, "SHOW_SECONDS", 60.0)


@pytest.mark.usefixtures("_no_looks")
@pytest.mark.parametrize("shown", [False, True])
def test_end_is_heard_of_within_50_ms(stored: Omega, shown: bool) -> None:
    late = [60.0]
    # The quickest of some: this machine may be busy with something else.
    while min(late) > 0.05 and len(late) <= 10:
        task = waiting(stored)
        with ended_after(task, A_WHILE) as passed:
            task.wait(30, (lambda task: None) if shown else None)
            late.append(passed())

    assert min(late) < 0.05


def test_waiting_asks_little(stored: Omega) -> None:
    task = waiting(stored)
    database = connect(stored.mongo_url)
    with ended_after(task, 3 * A_WHILE):
        one = threading.Thread(target=task.wait, args=(30,))
        one.start()
        wait_for(lambda: endings(stored.mongo_url)._thread)
        database.command("profile", 2)
        one.join()
    database.command("profile", 0)

    asked = {"ns": f"{database.name}.omega_tasks", "command.aggregate": {"$exists": True}}
    assert 0 < database["system.profile"].count_documents(asked) <= 5


def test_many_waits_share_one_thread_that_ends_with_them(stored: Omega) -> None:
    task = waiting(stored)
    others = listening()
    with ended_after(task, A_WHILE):
        waits = [threading.Thread(target=task.wait, args=(30,)) for _ in range(5)]
        for one in waits:
            one.start()
        for one in waits:
            one.join()

    assert len(listening() - others) == 1
    wait_for(lambda: endings(stored.mongo_url)._thread is None)


@pytest.mark.usefixtures("_no_looks")
def test_await_lets_the_event_loop_go_on(stored: Omega) -> None:
    task = waiting(stored)

    async def both() -> tuple[int, float]:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        counting = asyncio.create_task(count())
        with pytest.raises(TaskCancelled):
            await task
        late = passed()
        counting.cancel()
        return turns, late

    with ended_after(task, A_WHILE) as passed:
        turns, late = asyncio.run(both())

    assert turns > 20
    assert late < 5


def test_awaiting_an_unknown_task_says_so(stored: Omega) -> None:
    async def unknown() -> None:
        await OmegaTask("nosuch", stored.runtime._submitter)

    with pytest.raises(NotFound):
        asyncio.run(unknown())


def test_notices_that_are_dropped_delay_and_no_more(stored: Omega) -> None:
    task = waiting(stored)
    with ended_after(task, A_WHILE) as passed:
        wait_for(lambda: connect(stored.mongo_url).list_collection_names(filter={"name": NOTICES}))
        connect(stored.mongo_url)[NOTICES].drop()
        task.wait(30)

    assert passed() < 20


def test_callbacks_are_called_once_when_their_tasks_end(stored: Omega) -> None:
    called: list[tuple[str, str]] = []
    tasks = [waiting(stored) for _ in range(3)]
    for task in tasks:
        task.on_done(lambda ended: called.append((ended.id, ended.state)))

    tasks[0].cancel()
    wait_for(lambda: called)
    assert called == [(tasks[0].id, "CANCELLED")]
    tasks[1].cancel()
    tasks[2].cancel()

    wait_for(lambda: len(called) == 3)
    tasks[0].on_done(lambda ended: called.append((ended.id, "again")))
    wait_for(lambda: called[-1] == (tasks[0].id, "again"))
    assert len(called) == 4


def test_task_of_an_earlier_kernel_calls_back_by_its_id(stored: Omega, mongo_url: str) -> None:
    task_id = waiting(stored).id
    called: list[str] = []
    again = Omega(mongo_url).runtime.task(task_id)
    again.on_done(lambda ended: called.append(ended.state))

    stored.runtime.task(task_id).cancel()

    wait_for(lambda: called == ["CANCELLED"])


def test_callback_that_raises_is_told_of_and_harms_no_other(
    stored: Omega, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, told = threading.Event(), threading.Event()
    raised = []
    monkeypatch.setattr(
        threading, "excepthook", lambda it: (raised.append(it.exc_type), told.set())
    )
    task = waiting(stored)
    task.on_done(lambda ended: 1 / 0)
    task.on_done(lambda ended: called.set())

    task.cancel()

    assert called.wait(30)
    assert told.wait(30)
    assert raised == [ZeroDivisionError]
