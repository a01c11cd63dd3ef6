"""With ten thousand tasks in the queue what a user asks for is found by an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId, Timestamp
from sklearn.linear_model import LinearRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.records import records
from omega_jupyter.store.database.connection import connect

MANY = 10_000


@pytest.fixture
def om(mongo_url: str) -> Iterator[Omega]:
    """Ten thousand tasks that nobody does, and half as many parts of searches."""
    om = Omega(mongo_url, queue="full")
    om.datasets.put(np.zeros((3, 2)), "X")
    om.models.put(LinearRegression().fit(np.zeros((3, 2)), np.zeros(3)), "m")
    with pytest.warns(UserWarning, match="No worker listens"):
        first = om.runtime.model("m").predict("X")
    database = connect(SecretUrl(mongo_url))
    record: Any = records(om.mongo_url).find_one({"_id": first.id})
    message: Any = database["omega_queue"].find_one({"task": first.id})
    begun = datetime.now(UTC) - timedelta(seconds=20)
    tasks, messages = [], []
    for number in range(MANY):
        task_id = f"{number:08x}".ljust(32, "0")
        at = begun + timedelta(milliseconds=number)
        part = {"parent": "gone"} if number % 3 == 0 else {}
        tasks.append({**record, "_id": task_id, "submitted": at, **part})
        message = {
            **message,
            "_id": ObjectId(),
            "task": task_id,
            "at": Timestamp(int(at.timestamp()), number + 1),
        }
        messages.append(message)
    records(om.mongo_url).insert_many(tasks)
    database["omega_queue"].insert_many(messages)
    yield om
    database.command("profile", 0)


def examined(om: Omega) -> list[dict[str, Any]]:
    """Return what each command since the last time looked at, and by which plan."""
    database = connect(om.mongo_url)
    database.command("profile", 0)
    found = list(database["system.profile"].find({"planSummary": {"$exists": True}}))
    database["system.profile"].drop()
    database.command("profile", 2)
    return found


def test_nothing_is_scanned(om: Omega) -> None:
    task_id = f"{MANY // 2:08x}".ljust(32, "0")
    calls = {
        "tasks": om.runtime.tasks,
        "tasks of a state": lambda: om.runtime.tasks(state="QUEUED"),
        "tasks of a model": lambda: om.runtime.tasks(model="m"),
        "tasks since": lambda: om.runtime.tasks(since=timedelta(seconds=60)),
        "last": lambda: om.runtime.task("last").state,
        "state": lambda: om.runtime.task(task_id).state,
        "prefix": lambda: om.runtime.task(task_id[:8]).state,
        "cancel": lambda: om.runtime.task(task_id).cancel(),
        "submit": lambda: om.runtime.model("m").predict("X"),
    }
    examined(om)

    for name, call in calls.items():
        call()
        commands = examined(om)
        # What a client knows already it need not look up to submit.
        assert commands or name == "submit", name
        for command in commands:
            # Of capped collections the last document is read, without an index.
            looked_at = command.get("docsExamined", 0) + command.get("keysExamined", 0)
            assert looked_at <= 200, (name, command)

    assert om.runtime.task(task_id).state == "CANCELLED"
    examined(om)
    (full,) = [queue for queue in om.runtime.queues() if queue.name == "full"]
    assert full.waiting == MANY + 2
    # They are counted, by an index; none is read.
    assert sum(command.get("docsExamined", 0) for command in examined(om)) <= 200
