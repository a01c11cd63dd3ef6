"""Short notices that others can wait for: a capped collection with a tailable cursor.

That works on a single server too, where change streams don't.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo.collection import Collection
    from pymongo.cursor import Cursor

    from omega_jupyter.store.database.connection import Document

__all__ = ["Bulletin"]

SIZE_BYTES = 1 << 20


class Bulletin:
    """Notices in the order of the server's clock; old ones are forgotten.

    Raises pymongo's errors.

    Parameters
    ----------
    collection : callable
        Returns the collection, made anew in each process.
    """

    def __init__(self, collection: Callable[[], Collection[Document]]) -> None:
        self._collection = collection

    def prepare(self) -> None:
        """Create the collection and its first notice, where they are missing."""
        from pymongo.errors import CollectionInvalid

        collection = self._collection()
        database, name = collection.database, collection.name
        found = next(iter(database.list_collections(filter={"name": name})), None)
        if found is None:
            with suppress(CollectionInvalid):  # another process was quicker
                database.create_collection(name, capped=True, size=SIZE_BYTES)
        elif not found.get("options", {}).get("capped"):
            # Somebody dropped it under a publisher, whose insert made a plain one.
            database.command("convertToCapped", name, size=SIZE_BYTES)
        if collection.find_one() is None:
            # A tailable cursor on an empty collection is dead from the start.
            self.post({})

    def post(self, notice: dict[str, Any]) -> None:
        """Add a notice; whoever follows sees it at once."""
        # The server puts its own time in its place: the order needs no synchronous clocks.
        self._collection().insert_one({"at": _nowhere(), **notice})

    def position(self) -> Timestamp:
        """Return the end of the notices, from where :meth:`follow` goes on."""
        last = self._collection().find_one(sort=[("$natural", -1)])
        return _nowhere() if last is None else last["at"]

    def follow(self, position: Timestamp, wait: float) -> Cursor[Document]:
        """Return a cursor of later notices that waits up to ``wait`` seconds for one."""
        from pymongo import CursorType

        collection = self._collection()
        limit = collection.database.client.options.pool_options.socket_timeout
        if limit is not None:  # the user's word: no answer may take longer
            wait = min(wait, limit / 2)
        cursor = collection.find({"at": {"$gt": position}}, cursor_type=CursorType.TAILABLE_AWAIT)
        return cursor.max_await_time_ms(int(wait * 1000))


def _nowhere() -> Timestamp:
    from bson import Timestamp

    return Timestamp(0, 0)
