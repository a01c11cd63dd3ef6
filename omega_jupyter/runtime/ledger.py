"""The task ledger: one document per task, without which no message of it begins.

So a task that waits shows before any worker runs, one that nobody knows is told
from one that waits, and history survives restarts. The document is also where
the Celery result backend keeps state and result: there is one truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.runtime import records as rules
from omega_jupyter.runtime.endings import tell_of_end
from omega_jupyter.runtime.parts import unfinished
from omega_jupyter.runtime.records import FINAL, RUNNING, STATES, TASKS, WAITING, moved, records
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.names.names import ObjectName

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["FINAL", "STATES", "TASKS", "Ledger"]


class Ledger:
    """The records of one user's tasks, as clients see and change them.

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
        written = self.queued(record)
        with mongo_errors(self.url):
            records(self.url, durable=True).update_one(
                {"_id": record["_id"]},
                {
                    "$setOnInsert": {k: v for k, v in written.items() if k != "_id"},
                    "$currentDate": {"submitted": True},
                },
                upsert=True,
            )

    def queued(self, record: Mapping[str, Any]) -> Document:
        """Return a record in state QUEUED, to be written with the server's moment."""
        expires = datetime.now(UTC) + timedelta(days=rules.WAITING_DAYS)
        return {**record, "state": "QUEUED", "attempts": 0, "expires": expires}

    def withdraw(self, task_id: str) -> None:
        """Remove the record of a task whose message could not be sent, unless it was begun with.

        For good: its message may have come to the broker after all.
        """
        with mongo_errors(self.url):
            records(self.url, durable=True).delete_one(
                {"_id": task_id, "state": "QUEUED", "attempts": 0}
            )

    def update(
        self,
        task_id: str,
        state: str,
        fields: Mapping[str, Any],
        *,
        where: Mapping[str, Any] | None = None,
        tell: bool = True,
    ) -> bool:
        """Move the task to a state, unless it has ended already.

        Parameters
        ----------
        task_id : str
        state : str
            One of :data:`STATES`.
        fields : mapping
            More to write.
        where : mapping, optional
            Further conditions that the record must meet.
        tell : bool
            Tell who waits, where it ends by this.

        Returns
        -------
        bool
            Whether the record was there, not final, and met the conditions.
        """
        query = {"_id": task_id, "state": {"$nin": list(FINAL)}, **(where or {})}
        with mongo_errors(self.url):
            collection = records(self.url, durable=state in FINAL)
            done = bool(collection.update_one(query, moved(state, fields)).matched_count)
        if done and tell and state in FINAL:
            tell_of_end(self.url, task_id)
        return done

    def cancel(self, task_id: str, grace: float) -> Document | None:
        """Ask for the end of a task.

        One that waits is CANCELLED at once. One that runs is CANCELLING: its
        worker stops it, or kills it after the grace time. One that is just about
        to publish its result, or has ended, is left alone.

        Parameters
        ----------
        task_id : str
        grace : float
            Seconds.

        Returns
        -------
        dict or None
            The record as it is then; None where nobody knows the task.
        """
        how = {"$cond": [{"$eq": ["$attempts", 0]}, "never started", "stopped"]}
        waits = {"_id": task_id, "state": {"$in": list(WAITING)}}
        # A search that waits for its fits is with no worker; they are cancelled for it.
        spread = {"_id": task_id, "state": {"$in": list(RUNNING)}, "spread": True}
        runs = {"_id": task_id, "state": {"$in": list(RUNNING)}, "committed": None}
        while True:
            with mongo_errors(self.url):
                collection = records(self.url, durable=True)
                found = (
                    collection.find_one_and_update(
                        waits, moved("CANCELLED", computed={"cancelled": how}), return_document=True
                    )
                    or collection.find_one_and_update(
                        spread,
                        moved("CANCELLED", {"cancelled": "stopped", "spread": False}),
                        return_document=True,
                    )
                    or collection.find_one_and_update(
                        runs, moved("CANCELLING", {"grace": grace}), return_document=True
                    )
                )
            found = found or self.find(task_id)
            # It may have begun to wait again between the two.
            if found is None or found["state"] not in WAITING:
                break
        if found is not None and found["state"] == "CANCELLED":
            tell_of_end(self.url, task_id)
        if (
            found is not None
            and found.get("fits")
            and found["state"] in ("CANCELLED", "CANCELLING")
        ):
            for part in unfinished(self.url, task_id):
                self.cancel(str(part["_id"]), grace)
        return found

    def settle(self, task_ids: Sequence[str]) -> bool:
        """Write down what follows where a worker no longer vouches for its task.

        What ran waits for another worker (RETRY): its message goes back to the
        queue. What was being cancelled is CANCELLED. Should the worker live, its
        next heartbeat puts the former right.

        Parameters
        ----------
        task_ids : sequence of str
            Which tasks to look at.

        Returns
        -------
        bool
            Whether there was any.
        """
        silent = {"_id": {"$in": list(task_ids)}, **rules.stale(rules.LEASE_SECONDS)}
        with mongo_errors(self.url):
            collection = records(self.url, durable=True)
            waits = collection.update_many(
                {**silent, "state": {"$in": list(RUNNING)}}, moved("RETRY")
            )
            ended = collection.update_many(
                {**silent, "state": "CANCELLING"}, moved("CANCELLED", {"cancelled": "killed"})
            )
        return bool(waits.modified_count or ended.modified_count)

    def find(self, task_id: str, fields: Iterable[str] | None = None) -> Document | None:
        """Return the record of a task, or None.

        Parameters
        ----------
        task_id : str
        fields : iterable of str, optional
            All that it has then; default: everything but the data that it carries, and
            ``now``, the server's time.
        """
        pipeline: list[Document] = [
            {"$match": {"_id": task_id}},
            {"$unset": "carried"},
            {"$set": {"now": "$$NOW"}},
        ]
        with mongo_errors(self.url):
            if fields is not None:
                return records(self.url).find_one({"_id": task_id}, list(fields))
            return next(iter(records(self.url).aggregate(pipeline)), None)

    def ended(self, task_ids: Iterable[str]) -> set[str]:
        """Return those of the tasks that have ended, or that nobody knows."""
        wanted = set(task_ids)
        with mongo_errors(self.url):
            found = records(self.url).find(
                {"_id": {"$in": list(wanted)}, "state": {"$nin": list(FINAL)}}, ["_id"]
            )
            return wanted - {record["_id"] for record in found}

    def complete(self, prefix: Any) -> str:
        """Return the one task id that begins with the prefix; ``last`` is the newest.

        Raises
        ------
        NotFound
            There is none.
        Invalid
            There are several, or it is no beginning of an id.
        """
        from re import escape

        if not isinstance(prefix, str) or not prefix:
            raise Invalid(
                f"{prefix!r:.80} is no task's id", hint="the id, its beginning, or 'last'"
            )
        begins = {"parent": None, "_id": {"$regex": f"^{escape(prefix)}"}}
        query: Document = {"$or": [{"_id": prefix}, begins]}
        if prefix == "last":
            query = {"parent": None}
        with mongo_errors(self.url):
            found = list(records(self.url).find(query, ["_id"]).sort("submitted", -1).limit(2))
        if not found:
            raise NotFound(f"No task {prefix!r}", hint="%omega tasks lists what is known")
        if prefix != "last" and len(found) > 1:
            raise Invalid(f"Several tasks begin with {prefix!r}", hint="give more of the id")
        return str(found[0]["_id"])

    def newest(
        self,
        limit: int = 20,
        *,
        state: str | None = None,
        model: str | None = None,
        since: datetime | None = None,
        parent: str | None = None,
    ) -> list[Document]:
        """Return the newest records, without their results, each with the server's ``now``.

        Parameters
        ----------
        limit : int
            At most so many.
        state : str, optional
            Only those in this state, one of :data:`STATES`.
        model : str, optional
            Only those of this model, ``"m"``, or of this version of it, ``"m@3"``.
        since : datetime, optional
            Only those submitted then or later.
        parent : str, optional
            The parts of this search; else those that are no parts.

        Raises
        ------
        Invalid
            No such state, no name of a model, or no number of tasks.
        """
        if type(limit) is not int or limit < 1:
            raise Invalid(f"limit is a number of tasks from 1, not {limit!r}")
        if state is not None and state not in STATES:
            raise Invalid(f"No task state {state!r}", hint=f"states are: {', '.join(STATES)}")
        submitted = None if since is None else {"$gte": since}
        named = None if model is None else ObjectName.parse(model)
        wanted = {"state": state, "submitted": submitted, "model_name": named and named.name}
        if named is not None and named.version is not None:
            wanted["model"] = str(named)
        pipeline: list[Document] = [
            {"$match": {n: v for n, v in wanted.items() if v is not None} | {"parent": parent}},
            {"$sort": {"submitted": -1}},
            {"$limit": limit},
            {"$unset": ["result", "carried", "fits.done", "scores"]},
            {"$set": {"now": "$$NOW"}},
        ]
        with mongo_errors(self.url):
            return list(records(self.url).aggregate(pipeline))
