"""Messages to and from the server: how much is in one, and how many are on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain, islice
from math import ceil
from typing import TypeVar

from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.payload.payload import Key

__all__ = ["MESSAGE_BYTES", "REPLY_BYTES", "batches", "in_flight", "messages", "shares"]

# pymongo packs up to 48 MB into a message; 80 MB then cost 284 ms of processor time, not 40.
# A message is three times in memory while it is made, so that 4 MiB would gain nothing.
MESSAGE_BYTES = 2 << 20
# Of a reply the next one is made while it is taken apart. With 1 MiB a get of floats takes a
# tenth longer, and with 4 MiB too: what is written is no longer in the processor's cache.
REPLY_BYTES = 2 << 20
IN_FLIGHT = 2
# What one cursor reads at most: whoever interrupts a read waits for those that have begun.
# And how many chunks, since its command names them all.
SHARE_BYTES, SHARE_CHUNKS = 32 << 20, 1 << 16

T = TypeVar("T")


def batches(keys: Iterable[Key], size: int = MESSAGE_BYTES) -> Iterator[list[Key]]:
    """Cut keys into runs of at most one message, or reply."""
    batch: list[Key] = []
    total = 0
    for key in keys:
        if batch and total + key.size > size:
            yield batch
            batch, total = [], 0
        batch.append(key)
        total += key.size
    if batch:
        yield batch


def shares(keys: Sequence[Key]) -> list[list[Key]]:
    """Cut what is read into equal shares for the threads, unless one reply holds it."""
    total = sum(key.size for key in keys)
    if total <= REPLY_BYTES and len(keys) <= SHARE_CHUNKS:
        return [list(keys)] if keys else []
    rounds = max(ceil(total / SHARE_BYTES / IN_FLIGHT), ceil(len(keys) / SHARE_CHUNKS / IN_FLIGHT))
    # Never more than there are chunks, whatever sizes a made-up description tells.
    count = min(IN_FLIGHT * rounds, len(keys))
    cut: list[list[Key]] = [[] for _ in range(count)]
    before = 0
    for number, key in enumerate(keys):
        # By bytes; where there are none, as in chunks of a few constants, by number.
        share = before * count // total if total else number * count // len(keys)
        cut[min(max(share, 0), count - 1)].append(key)
        before += key.size
    return [share for share in cut if share]


def messages(documents: list[Document]) -> Iterator[list[Document]]:
    """Cut documents where estimates were wrong, with room for one part more."""
    message: list[Document] = []
    total = 0
    for document in documents:
        if message and total + len(document["d"]) > 2 * MESSAGE_BYTES:
            yield message
            message, total = [], 0
        message.append(document)
        total += len(document["d"])
    if message:
        yield message


def in_flight(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do the work for each item with two threads; the first error ends it.

    Items are taken in the caller's own thread, since they may come from a generator
    of the user's (a query of SQLite, say), and a stream of them is not read ahead by
    more than the one that waits for a thread.
    """
    iterator = iter(items)
    first = list(islice(iterator, 2))
    if len(first) < 2:
        for item in first:
            work(item)
        return
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="omega-chunks") as pool:
        running: set[Future[None]] = set()
        try:
            for item in chain(first, iterator):
                running.add(pool.submit(work, item))
                if len(running) > IN_FLIGHT:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            for future in running:
                future.result()
        except BaseException:
            # Also on Ctrl-C.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
