"""The task ledger: one document per task, written before its message is sent.

So a task that waits shows before any worker runs, one that nobody knows is told
from one that waits, and history survives restarts. The document is also where
the Celery result backend keeps state and result: there is one truth.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.connection import Document, connect, mongo_errors

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from omega_jupyter.config import SecretUrl

__all__ = ["FINAL", "STATES", "Ledger"]

TASKS = "omega_tasks"

STATES = ("QUEUED", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "CANCELLED", "LOST")
FINAL = ("SUCCESS", "FAILURE", "CANCELLED", "LOST")

KEPT_FOR = timedelta(days=90)

_indexed: set[tuple[int, SecretUrl]] = set()


class Ledger:
    """The records of one user's tasks.

    Parameters
    ----------
    url : SecretUrl
        The database that holds them.
    """

    def __init__(self, url: SecretUrl) -> None:
        self.url = url

    def submit(self, record: Mapping[str, Any]) -> None:
        """Write a new record in state QUEUED.

        Parameters
        ----------
        record : mapping
            With ``_id`` (the task id), ``verb``, ``model``, ``arguments``,
            ``queue``, ``user``, ``host``.
        """
        now = datetime.now(UTC)
        with mongo_errors(self.url):
            self._durable().insert_one(
                {
                    **record,
                    "state": "QUEUED",
                    "times": {"QUEUED": now},
                    "submitted": now,
                    "attempts": 0,
                }
            )

    def withdraw(self, task_id: str) -> None:
        """Remove the record of a task whose message could not be sent."""
        with mongo_errors(self.url):
            self._collection().delete_one({"_id": task_id, "state": "QUEUED", "attempts": 0})

    def claim(self, task_id: str, worker: str) -> Document | None:
        """Note that a worker begins with the task.

        Returns
        -------
        dict or None
            The record, or None where the task has ended already or was never
            submitted here: then it must not run.
        """
        now = datetime.now(UTC)
        with mongo_errors(self.url):
            return self._collection().find_one_and_update(
                {"_id": task_id, "state": {"$nin": list(FINAL)}},
                {
                    "$set": {
                        "state": "STARTED",
                        "worker": worker,
                        "started": now,
                        "times.STARTED": now,
                    },
                    "$unset": {"progress": ""},
                    "$inc": {"attempts": 1},
                },
                return_document=True,
            )

    def update(self, task_id: str, state: str, fields: Mapping[str, Any]) -> bool:
        """Move the task to a state, unless it has ended already.

        Returns
        -------
        bool
            Whether the record was there and not final.
        """
        now = datetime.now(UTC)
        changes = {"state": state, f"times.{state}": now, **fields}
        if state in FINAL:
            changes |= {"finished": now, "expires": now + KEPT_FOR}
        collection = self._durable() if state in FINAL else self._collection()
        with mongo_errors(self.url):
            updated = collection.update_one(
                {"_id": task_id, "state": {"$nin": list(FINAL)}}, {"$set": changes}
            )
        return bool(updated.matched_count)

    def find(self, task_id: str, fields: Iterable[str] | None = None) -> Document | None:
        """Return the record of a task, or None; ``fields`` are all it has then."""
        with mongo_errors(self.url):
            return self._collection().find_one(
                {"_id": task_id}, list(fields) if fields is not None else None
            )

    def complete(self, prefix: str) -> str:
        """Return the one task id that begins with the prefix; ``last`` is the newest.

        Raises
        ------
        NotFound
            There is none.
        Invalid
            There are several.
        """
        from re import escape

        query = {} if prefix == "last" else {"_id": {"$regex": f"^{escape(prefix)}"}}
        with mongo_errors(self.url):
            found = list(self._collection().find(query, ["_id"]).sort("submitted", -1).limit(2))
        if not found:
            raise NotFound(f"No task {prefix!r}", hint="%omega tasks lists what is known")
        if prefix != "last" and len(found) > 1:
            raise Invalid(f"Several tasks begin with {prefix!r}", hint="give more of the id")
        return str(found[0]["_id"])

    def newest(
        self, limit: int = 20, *, state: str | None = None, model: str | None = None
    ) -> list[Document]:
        """Return the newest records, without their results.

        Parameters
        ----------
        limit : int
            At most so many.
        state : str, optional
            Only those in this state, one of :data:`STATES`.
        model : str, optional
            Only those of this model (name without version).

        Raises
        ------
        Invalid
            No such state.
        """
        if state is not None and state not in STATES:
            raise Invalid(f"No task state {state!r}", hint=f"states are: {', '.join(STATES)}")
        query = {k: v for k, v in {"state": state, "model_name": model}.items() if v is not None}
        with mongo_errors(self.url):
            cursor = self._collection().find(query, {"result": 0})
            return list(cursor.sort("submitted", -1).limit(limit))

    def _durable(self) -> Collection[Document]:
        """Return the collection for what must survive a crash of the server.

        The message is acknowledged after the result was written: a crash that
        forgot the result would leave a task that nobody runs again.
        """
        from pymongo import WriteConcern

        collection = self._collection()
        concern = WriteConcern(**{**collection.write_concern.document, "j": True})
        return collection.with_options(write_concern=concern)

    def _collection(self) -> Collection[Document]:
        collection = connect(self.url)[TASKS]
        key = (os.getpid(), self.url)
        if key not in _indexed:
            collection.create_index([("submitted", -1)])
            collection.create_index([("state", 1), ("submitted", -1)])
            collection.create_index([("model_name", 1), ("submitted", -1)])
            collection.create_index("expires", expireAfterSeconds=0)
            _indexed.add(key)
        return collection
