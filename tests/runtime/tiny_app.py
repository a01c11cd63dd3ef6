"""A Celery application for tests of the transport alone: settings from the environment."""

from __future__ import annotations

import os
import time
from typing import Any

from bson import ObjectId
from celery import Celery
from pymongo import WriteConcern
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import connect


def make_app(broker_url: str, **settings: Any) -> Celery:
    app = Celery("tiny", broker=broker_url, fixups=[], set_as_current=False)
    app.conf.update(
        broker_transport="omega_jupyter.runtime.transport:Transport",
        broker_transport_options={"lease": 1.0},
        broker_connection_retry_on_startup=True,
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        **settings,
    )
    return app


app = make_app(
    os.environ.get("TINY_BROKER", "mongodb://nowhere/tiny"),
    worker_max_tasks_per_child=int(os.environ.get("TINY_TASKS_PER_CHILD", "100")),
)


def write(note: dict[str, Any]) -> None:
    """Write a note for good, however long MongoDB is away."""
    note["_id"] = ObjectId()
    while True:
        database = connect(SecretUrl(os.environ["TINY_BROKER"]))
        journaled = WriteConcern(w=1, j=True)
        try:
            database.get_collection("ran", write_concern=journaled).insert_one(note)
        except DuplicateKeyError:
            return
        except ConnectionFailure:
            continue
        return


@app.task(name="note", bind=True)
def note(self: Any, text: str, seconds: float = 0.0) -> None:
    """Note in the broker's database that the task began and that it ended."""
    ids = {"task": self.request.id, "text": text}
    delivery = {
        "pid": os.getpid(),
        "main": os.getppid(),
        "redelivered": bool(self.request.delivery_info.get("redelivered")),
        "count": self.request.get("x-delivery-count"),
    }
    write(ids | delivery | {"event": "began"})
    time.sleep(seconds)
    write(ids | {"event": "ended"})
