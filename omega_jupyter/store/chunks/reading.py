"""Finding chunks by their ids, with few commands and replies of bounded size."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.chunks.messages import REPLY_BYTES
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import chunks

if TYPE_CHECKING:
    from pymongo.cursor import Cursor

__all__ = ["found_chunks"]


def found_chunks(
    url: SecretUrl, wanted: Collection[bytes], size: int
) -> Iterator[tuple[bytes, Document]]:
    """Find the chunks that are there, in the order of their ids.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    wanted : collection of bytes
        Their ids. The caller takes out what it has got: where the connection breaks, the
        rest is asked for once more, as pymongo does it for a single command.
    size : int
        Expected bytes of all of them; decides how many come in one reply.

    Yields
    ------
    tuple of (bytes, dict)
        The chunk's id and document.
    """
    from pymongo.errors import AutoReconnect, CursorNotFound

    share = max(1, len(wanted) * REPLY_BYTES // max(size, 1))
    broken = False
    with mongo_errors(url):
        while wanted:
            try:
                # Closed as well where the caller breaks off: a connection with replies that
                # nobody reads must not go back to the others.
                with _cursor(url, wanted, share) as cursor:
                    for document in cursor:
                        yield document["_id"], document
            except (AutoReconnect, CursorNotFound):
                if broken:
                    raise
                broken = True
            else:
                return


def _cursor(url: SecretUrl, wanted: Collection[bytes], share: int) -> Cursor[Document]:
    from pymongo import CursorType

    collection = chunks(url)
    query = {"_id": {"$in": list(wanted)}}
    if len(wanted) <= share:
        # All in the first reply.
        return collection.find(query).batch_size(len(wanted) + 1)
    # The server sends reply after reply without being asked for each: it makes the next one
    # while this one is taken apart. A router of a sharded cluster may not know that.
    routed = collection.database.client.is_mongos
    kind = CursorType.NON_TAILABLE if routed else CursorType.EXHAUST
    return collection.find(query, cursor_type=kind).batch_size(share)
