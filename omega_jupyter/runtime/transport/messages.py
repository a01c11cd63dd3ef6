"""The messages of the broker, as MongoDB keeps them."""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from bson import ObjectId, Timestamp
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.results import UpdateResult

from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime.bulletin import Bulletin
from omega_jupyter.store.database.connection import Document, connect, durable_concern

__all__ = ["Messages"]

QUEUE, NOTIFY, BINDINGS = "omega_queue", "omega_queue_notify", "omega_queue_bindings"
LISTENERS = "omega_queue_listeners"

# The server puts its own time in its place, so that the order needs no synchronous clocks.
_SERVER_TIME = Timestamp(0, 0)
# After so long without a word a worker is taken for gone; it says so three times as often.
LISTENING_SECONDS = 15.0
_FREE = datetime(1970, 1, 1, tzinfo=UTC)


class Messages:
    """Leased messages in MongoDB.

    Keeps no connection, so that it survives a fork.

    Parameters
    ----------
    url : SecretUrl
        Server, credentials and database.
    lease : float
        Seconds for which a taken message is nobody else's, unless renewed.

    Attributes
    ----------
    owner : str
        Stands in the messages that are leased through this object; for people.
    notices : Bulletin
        Tells who waits that there is something in a queue, and carries broadcasts.
    """

    def __init__(self, url: SecretUrl, lease: float) -> None:
        self.url = url
        self.lease = lease
        self.owner = f"{_owners(os.getpid())}{uuid.uuid4().hex[:8]}"
        self.notices = Bulletin(lambda: self._collection(NOTIFY))

    def prepare(self) -> None:
        """Create what is missing: the notices, and indexes."""
        self.notices.prepare()
        self._queue.create_index([("queue", ASCENDING), ("at", ASCENDING)])
        self._queue.create_index("expire_at", expireAfterSeconds=0)
        self._queue.create_index("task", sparse=True)
        # Few are with a worker, of however many there are.
        out = {"out": True}
        self._queue.create_index(
            [("queue", ASCENDING), ("until", ASCENDING)], partialFilterExpression=out
        )
        self._bindings.create_index("exchange")
        self._bindings.create_index("expire_at", expireAfterSeconds=0)
        self._listeners.create_index("until", expireAfterSeconds=0)

    def put(
        self,
        queue: str,
        payload: str,
        expire_at: datetime | None = None,
        task_id: str | None = None,
    ) -> None:
        """Store a message, journaled, and tell who waits."""
        message: Document = {"queue": queue, "at": _SERVER_TIME, "until": _FREE, "payload": payload}
        if task_id is not None:
            message["task"] = task_id
        if expire_at is not None:
            message["expire_at"] = expire_at
        self._queue.insert_one(message)
        self.notify(queue)

    def take(self, queue: str) -> Document | None:
        """Lease the oldest free message of the queue; its ``deliveries`` counts this one.

        ``again`` tells whether it was given out before, also where that was not counted.
        """
        return self._queue_unjournaled.find_one_and_update(
            self._free(queue),
            [
                {
                    "$set": {
                        "until": self._lease_end,
                        "owner": self.owner,
                        "again": {"$ifNull": ["$out", False]},
                        "out": True,
                        "deliveries": {"$add": [{"$ifNull": ["$deliveries", 0]}, 1]},
                    }
                }
            ],
            sort=[("at", ASCENDING)],
            return_document=True,
        )

    def pop(self, queue: str) -> Document | None:
        """Take the oldest free message of the queue for good."""
        return self._queue_unjournaled.find_one_and_delete(
            self._free(queue), sort=[("at", ASCENDING)]
        )

    def renew(self, tags: Iterable[str]) -> int:
        """Prolong the leases; return how many of them are still ours."""
        return self._update(tags, [{"$set": {"until": self._lease_end}}]).matched_count

    def release(self, tags: Iterable[str]) -> None:
        """Give the messages back, unharmed: the delivery isn't counted."""
        fewer = {"$subtract": ["$deliveries", 1]}
        self._update(tags, [{"$set": {"until": _FREE, "owner": None, "deliveries": fewer}}])

    def release_of(self, pid: int) -> int:
        """Give back what a process of this machine held, which is known to be dead.

        Its deliveries stay counted: it may be the message that killed it.

        Returns
        -------
        int
            How many messages there were.
        """
        dead = {"owner": {"$regex": f"^{re.escape(_owners(pid))}"}}
        queues = self._queue.distinct("queue", dead)
        freed = self._queue.update_many(dead, {"$set": {"until": _FREE, "owner": None}})
        for queue in queues:
            self.notify(queue)
        return freed.modified_count

    def release_of_dead(self) -> None:
        """Give back what processes of this machine held that are not there any more.

        So a worker that is started again need not wait for the leases of the one
        before. A number that is in use again by another process only means to wait.
        """
        mine = {"owner": {"$regex": f"^{re.escape(socket.gethostname())}:"}}
        for pid in {int(owner.split(":")[-2]) for owner in self._queue.distinct("owner", mine)}:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                self.release_of(pid)
            except PermissionError:
                continue  # another user's

    def delete(self, tags: Iterable[str]) -> None:
        """Remove messages that are done, whoever may hold them by now."""
        self._queue_unjournaled.delete_many({"_id": {"$in": _ids(tags)}})

    def of_tasks(self, queue: str, task_ids: Iterable[str]) -> set[str]:
        """Return those of the tasks whose messages are in the queue, or with a worker."""
        wanted = {"task": {"$in": list(task_ids)}, "queue": queue}
        return {message["task"] for message in self._queue.find(wanted, ["task"])}

    def of_all_tasks(self) -> set[str]:
        """Return the queues in which tasks wait, or from which workers have taken them."""
        # One look for each queue, whatever waits in it: the names are read from the index.
        names = self._queue.distinct("queue")
        of_tasks = {"task": {"$exists": True}}
        return {
            name for name in names if self._queue.find_one({"queue": name, **of_tasks}, ["_id"])
        }

    def listen(self, queues: Iterable[str]) -> None:
        """Tell that this worker listens to these queues; to be told again in time."""
        until = {"$add": ["$$NOW", int(self.listening_seconds * 1000)]}
        told = {"queues": {"$literal": sorted(queues)}, "until": until}
        self._listeners.update_one({"_id": self.owner}, [{"$set": told}], upsert=True)

    def leave(self) -> None:
        """Tell that this worker listens no longer."""
        self._listeners.delete_one({"_id": self.owner})

    def listeners(self) -> list[set[str]]:
        """Return the queues of each worker that is there."""
        there = self._listeners.find({"$expr": {"$gt": ["$until", "$$NOW"]}})
        return [set(worker["queues"]) for worker in there if not _is_dead(str(worker["_id"]))]

    def purge(self, queue: str) -> int:
        """Remove all messages of the queue; return how many there were."""
        return self._queue.delete_many({"queue": queue}).deleted_count

    def size(self, queue: str) -> int:
        """Return how many messages of the queue wait, counted by indexes alone."""
        held = {"queue": queue, "out": True, "$expr": {"$gt": ["$until", "$$NOW"]}}
        # The held ones first: one that is done between the two is in neither.
        taken = self._queue.count_documents(held)
        return max(0, self._queue.count_documents({"queue": queue}) - taken)

    def notify(self, queue: str) -> None:
        """Tell who waits that there is something in the queue."""
        self.notices.post({"queue": queue})

    def broadcast(self, exchange: str, payload: str) -> None:
        """Send a message to everyone who listens now."""
        self.notices.post({"exchange": exchange, "payload": payload})

    def bind(
        self,
        exchange: str,
        routing_key: str,
        pattern: str | None,
        queue: str,
        until: datetime | None,
    ) -> None:
        """Route the exchange's messages with this key to the queue, until it expires."""
        route = {
            "exchange": exchange,
            "routing_key": routing_key,
            "pattern": pattern,
            "queue": queue,
        }
        self._bindings.update_one(route, {"$set": {"expire_at": until}}, upsert=True)

    def unbind(self, exchange: str, queue: str) -> None:
        """Forget the queue's routes from the exchange."""
        self._bindings.delete_many({"exchange": exchange, "queue": queue})

    def routes(self, exchange: str) -> list[Document]:
        """Return the routes of the exchange."""
        return list(self._bindings.find({"exchange": exchange}, {"_id": 0}))

    def _free(self, queue: str) -> Document:
        return {"queue": queue, "$expr": {"$lte": ["$until", "$$NOW"]}}

    @property
    def listening_seconds(self) -> float:
        """For how long :meth:`listen` is believed."""
        return min(LISTENING_SECONDS, self.lease)

    @property
    def _lease_end(self) -> Document:
        return {"$add": ["$$NOW", int(self.lease * 1000)]}

    def _update(self, tags: Iterable[str], change: list[Document]) -> UpdateResult:
        ours = {"_id": {"$in": _ids(tags)}, "owner": self.owner}
        return self._queue_unjournaled.update_many(ours, change)

    @property
    def _queue(self) -> Collection[Document]:
        # Journaled: a message that was accepted survives a crash of mongod.
        queue = self._collection(QUEUE)
        return queue.with_options(write_concern=durable_concern())

    @property
    def _queue_unjournaled(self) -> Collection[Document]:
        # What a crash forgets here is a message delivered again; acks_late expects that.
        return self._collection(QUEUE)

    @property
    def _listeners(self) -> Collection[Document]:
        return self._collection(LISTENERS)

    @property
    def _bindings(self) -> Collection[Document]:
        return self._collection(BINDINGS)

    def _collection(self, name: str) -> Collection[Document]:
        return connect(self.url)[name]


def _is_dead(owner: str) -> bool:
    """Return whether an owner was a process of this machine that is not there any more."""
    host, pid, _ = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # another user's
    return False


def _owners(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:"


def _ids(tags: Iterable[str]) -> list[ObjectId]:
    # A broadcast's tag is no id: nothing is kept of it that could be renewed or deleted.
    return [ObjectId(tag) for tag in tags if ObjectId.is_valid(tag)]
