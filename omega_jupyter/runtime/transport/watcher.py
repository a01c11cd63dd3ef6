"""The background thread that waits for news and keeps leases alive."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress

from bson import Timestamp
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from omega_jupyter.runtime.transport.bell import Bell
from omega_jupyter.runtime.transport.messages import Messages
from omega_jupyter.store.database.connection import Document

__all__ = ["Watcher"]

logger = logging.getLogger(__name__)

AWAIT_SECONDS = 5.0  # how long the server holds a request without news
SWEEP_SECONDS = 10.0  # how often queues are looked at without news: for leases that ran out
RETRY_SECONDS = 0.5


class Watcher:
    """Knows which queues may hold messages; renews the leases of those we hold.

    The thread runs from the first subscription on. While MongoDB restarts it waits:
    running tasks keep their messages, and acks that could not be sent are sent later.

    Parameters
    ----------
    messages : Messages
        The broker's data.

    Attributes
    ----------
    bell : Bell
        Rings when there is news.
    """

    def __init__(self, messages: Messages) -> None:
        self.bell = Bell()
        self._messages = messages
        self._pid = os.getpid()
        # Changed by several threads, each time with one operation that the GIL makes atomic.
        self._queues: set[str] = set()
        self._news: set[str] = set()
        self._announced: set[str] = set()
        self._held: dict[str, str] = {}
        self._acked: set[str] = set()
        self._exchanges: defaultdict[str, set[str]] = defaultdict(set)
        self._broadcasts: defaultdict[str, deque[str]] = defaultdict(deque)
        self._online = True
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        interval = max(min(messages.lease / 3, SWEEP_SECONDS), 0.05)
        self._sweep_seconds = interval
        self._await_seconds = min(interval, AWAIT_SECONDS)
        self._next_sweep = 0.0
        self._next_telling = 0.0

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stop.is_set()

    def wake(self) -> None:
        """Make who waits look for messages again."""
        self.bell.ring()

    def subscribe(self, queue: str, exchange: str | None = None) -> None:
        """Watch a queue, or the broadcasts of an exchange for it, from now on."""
        if exchange is None:
            self._queues.add(queue)
            self._news.add(queue)
        else:
            self._exchanges[exchange].add(queue)
        with self._lock:  # which the thread takes too, before it ends
            if self._thread is None and not self._stop.is_set():
                position = self._messages.notices.position()
                self._thread = threading.Thread(
                    target=self._run, args=(position,), name="omega-queue", daemon=True
                )
                self._thread.start()
        self.wake()

    def announce(self, queue: str) -> None:
        """Tell clients that the queue's tasks are run here, until :meth:`unsubscribe`."""
        self._announced.add(queue)
        self._next_telling = 0.0
        with suppress(ConnectionFailure):  # the next sweep tells it again
            self._messages.listen(self._announced)

    def unsubscribe(self, queue: str) -> None:
        """Watch the queue no longer."""
        self._queues.discard(queue)
        if queue in self._announced:
            self._announced.discard(queue)
            with suppress(ConnectionFailure):
                if self._announced:
                    self._messages.listen(self._announced)
                else:
                    self._messages.leave()
        self._news.discard(queue)
        for queues in list(self._exchanges.values()):
            queues.discard(queue)
        self._broadcasts.pop(queue, None)

    def is_broadcast(self, queue: str) -> bool:
        """Whether the queue gets broadcasts."""
        return any(queue in queues for queues in list(self._exchanges.values()))

    def broadcasts(self, queue: str) -> deque[str]:
        """Return the payloads that came for the queue; the caller takes them out."""
        return self._broadcasts[queue]

    def take(self, queue: str, *, keep: bool) -> Document | None:
        """Return the next message of the queue, if there is news of one.

        Parameters
        ----------
        queue : str
            Which queue.
        keep : bool
            True: leased until :meth:`ack` or :meth:`release`. False: gone for good.
        """
        if not self._online or queue not in self._news:
            return None
        # Before the look, not after: news that comes meanwhile must not be wiped out.
        self._news.discard(queue)
        try:
            message = self._messages.take(queue) if keep else self._messages.pop(queue)
        except ConnectionFailure as error:
            self._went_offline(error)
            return None
        if message is None:
            return None
        self._news.add(queue)
        tag = str(message["_id"])
        if keep:
            if tag in self._held:
                # Our own lease ran out, as when the machine was asleep; now it is renewed.
                return self.take(queue, keep=keep)
            self.hold(tag, queue)
        return message

    def hold(self, tag: str, queue: str) -> None:
        """Renew the lease of this message until :meth:`ack` or :meth:`release`."""
        self._held[tag] = queue

    def ack(self, tag: str) -> None:
        """Remove a message that is done; later, should MongoDB not answer now."""
        if os.getpid() != self._pid:
            return
        try:
            self._messages.delete([tag])
        except ConnectionFailure as error:
            self._acked.add(tag)
            self._went_offline(error)
        else:
            self._held.pop(tag, None)
        if self._news:
            self.wake()  # there is room for the next one

    def release(self, tags: list[str]) -> None:
        """Give messages back to their queues."""
        if os.getpid() != self._pid:
            return
        queues = {self._held.pop(tag) for tag in tags if tag in self._held}
        if not queues:
            return
        try:
            self._messages.release(tags)
            for queue in queues:
                self._messages.notify(queue)
        except (ConnectionFailure, OperationFailure) as error:
            logger.warning("messages come back when their lease ends: %s", _short(error))

    def stop(self) -> None:
        """End the thread; it needs up to some seconds, for which nobody waits."""
        if os.getpid() != self._pid or self._stop.is_set():
            return
        self._stop.set()
        if self._announced and self._online:
            with suppress(ConnectionFailure):
                self._messages.leave()
        if self._acked and self._online:
            with suppress(ConnectionFailure):
                self._flush()
        self.bell.close()

    def _run(self, position: Timestamp) -> None:
        while not self._is_done():
            try:
                position = self._follow(position)
            except PyMongoError as error:
                # Whatever it is: without this thread the worker would be deaf and its
                # leases would run out, so it goes on trying.
                self._went_offline(error)
                self._stop.wait(RETRY_SECONDS)

    def _is_done(self) -> bool:
        """Return whether nobody needs the thread any more; then it must end."""
        with self._lock:
            done = self._stop.is_set() or not self._is_needed
            if done:
                self._thread = None
            return done

    @property
    def _is_needed(self) -> bool:
        waiting = self._queues or any(list(self._exchanges.values()))
        return bool(waiting or self._held or self._acked)

    def _follow(self, position: Timestamp) -> Timestamp:
        self._messages.prepare()
        self._messages.release_of_dead()
        with self._messages.notices.follow(position, self._await_seconds) as cursor:
            self._came_online()
            while cursor.alive and self._is_needed and not self._stop.is_set():
                notice = next(cursor, None)
                if notice is not None:
                    position = notice["at"]
                    self._handle(notice)
                if time.monotonic() >= self._next_telling:
                    self._tell()
                if time.monotonic() >= self._next_sweep:
                    self._sweep()
        if not cursor.alive and self._is_needed:
            self._stop.wait(RETRY_SECONDS)  # the collection was dropped
        return position

    def _handle(self, notice: Document) -> None:
        queue, exchange = notice.get("queue"), notice.get("exchange")
        if queue in self._queues:
            self._news.add(str(queue))
            self.wake()
        elif exchange is not None:
            for name in list(self._exchanges.get(exchange, ())):
                self._broadcasts[name].append(notice["payload"])
            self.wake()

    def _sweep(self) -> None:
        self._next_sweep = time.monotonic() + self._sweep_seconds
        held = list(self._held)
        if held and self._messages.renew(held) < len(held):
            logger.debug("a message that we hold was deleted or given to another worker")
        if self._acked:
            self._flush()
        self._online = True
        self._news.update(self._queues)
        if self._queues:
            self.wake()

    def _tell(self) -> None:
        """Tell that somebody listens here, should it be so."""
        self._next_telling = time.monotonic() + self._messages.listening_seconds / 4
        if self._announced and not self._stop.is_set():
            self._messages.listen(list(self._announced))

    def _flush(self) -> None:
        acked = list(self._acked)
        self._messages.delete(acked)
        for tag in acked:
            self._held.pop(tag, None)
            self._acked.discard(tag)

    def _went_offline(self, error: PyMongoError) -> None:
        if self._online:
            self._online = False
            if self._is_needed and not self._stop.is_set():
                logger.warning("waiting for the broker: %s", _short(error))

    def _came_online(self) -> None:
        if not self._online:
            logger.warning("the broker is back")
        self._next_sweep = self._next_telling = 0.0
        self._tell()
        self._sweep()


def _short(error: PyMongoError) -> str:
    # pymongo appends its topology description, which fills a screen.
    return str(error).partition(", Timeout:")[0].partition(", full error")[0][:300]
