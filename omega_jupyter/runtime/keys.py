"""Which keys are used: the database's own, or the operator's files.

With two URLs set and nothing else, client and workers still need keys in common:
one pair to seal credentials to, one to sign them with. They live in the very
database that the sealed URL opens: whoever can read them there holds credentials
for that database already, and who reads only the broker's messages learns nothing.
Where several users share workers, the operator sets files instead: no private key
of a worker is in any database, and each sender has a key of his own.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.errors import AuthError
from omega_jupyter.runtime.envelope import LIFETIME_SECONDS
from omega_jupyter.runtime.keypair import KeyPair, Kind, read_key_file
from omega_jupyter.store.database.connection import Document, connect, mongo_errors

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["DatabaseKeys", "SendingKeys", "sending_keys"]

KEYS = "omega_keys"

# So long a client may go on with keys that were changed since: old ones still open.
FRESH_SECONDS = 300.0


class SendingKeys(NamedTuple):
    """What a client seals and signs with.

    Attributes
    ----------
    recipient : str
        The workers' public key, base64.
    sender : KeyPair
    """

    recipient: str
    sender: KeyPair


_sending: dict[SecretUrl, tuple[float, SendingKeys]] = {}


def sending_keys(config: OmegaConfig, mongo_url: SecretUrl) -> SendingKeys:
    """Return the keys with which a client sends a task.

    Raises
    ------
    AuthError
        The workers' key is the operator's, and the sender has none.
    Invalid
        The key file can't be used.
    """
    if config.worker_public_key is not None:
        if config.sender_key is None:
            raise AuthError(
                "These workers run the tasks of senders that they know, and this one has no key",
                hint="set OMEGA_SENDER_KEY; `omega keys create sender FILE` makes one, "
                "and the operator adds the line that it prints",
            )
        return SendingKeys(config.worker_public_key, read_key_file(config.sender_key, "sender")[0])
    found = _sending.get(mongo_url)
    if found is None or time.monotonic() - found[0] > FRESH_SECONDS:
        keys = DatabaseKeys(mongo_url)
        worker, sender = keys.current("worker"), keys.current("sender")
        found = (time.monotonic(), SendingKeys(worker.public_text, sender))
        _sending[mongo_url] = found
    return found[1]


@dataclass(frozen=True)
class DatabaseKeys:
    """The key pairs of a database: one in use of each kind, and older ones.

    Attributes
    ----------
    url : SecretUrl
    """

    url: SecretUrl

    def current(self, kind: Kind) -> KeyPair:
        """Return the pair in use; the first who asks makes it."""
        from pymongo.errors import DuplicateKeyError

        with mongo_errors(self.url):
            found = self._collection().find_one({"_id": kind})
            if found is None:
                # Where another client or worker is first, theirs is the one to use.
                with suppress(DuplicateKeyError):
                    self._collection().insert_one(_document(kind, KeyPair.new(kind)))
                found = self._collection().find_one({"_id": kind})
        if found is None:
            raise AuthError(f"The {kind} key of this database was removed", hint="try again")
        return KeyPair.from_text(kind, found["private"])

    def usable(self, kind: Kind) -> list[KeyPair]:
        """Return the pair in use and those that messages on their way may need."""
        now = datetime.now(UTC)
        with mongo_errors(self.url):
            older = self._collection().find({"kind": kind, "expires": {"$gt": now}})
            return [self.current(kind), *(KeyPair.from_text(kind, d["private"]) for d in older)]

    def rotate(self, kind: Kind) -> KeyPair:
        """Make a new pair the one in use.

        The old one opens what is on its way, as long as that may be.
        """
        old, new = self.current(kind), KeyPair.new(kind)
        expires = datetime.now(UTC) + timedelta(seconds=LIFETIME_SECONDS + FRESH_SECONDS)
        retired = {"kind": kind, "private": old.private_text, "expires": expires}
        with mongo_errors(self.url):
            keys = self._collection()
            # First: what is sealed until the very moment of the change must open.
            keys.update_one({"_id": f"{kind} {old.id}"}, {"$set": retired}, upsert=True)
            keys.replace_one({"_id": kind, "private": old.private_text}, _document(kind, new))
            keys.delete_many({"expires": {"$lte": datetime.now(UTC)}})
        return self.current(kind)

    def _collection(self) -> Collection[Document]:
        # At its level DEBUG pymongo logs what it sends and gets.
        logging.getLogger("pymongo.command").addFilter(_without_keys)
        return connect(self.url)[KEYS]


def _without_keys(record: logging.LogRecord) -> bool:
    return KEYS not in record.getMessage()


def _document(kind: Kind, pair: KeyPair) -> Document:
    return {"_id": kind, "private": pair.private_text, "created": datetime.now(UTC)}
