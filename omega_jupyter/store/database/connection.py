"""One MongoDB client per process and URL, and its errors in our words."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError, Invalid, OmegaError, Unavailable

if TYPE_CHECKING:
    from pymongo import MongoClient, WriteConcern
    from pymongo.database import Database

__all__ = ["Document", "connect", "durable_concern", "is_of_unknown_authority", "mongo_errors"]

Document = dict[str, Any]

DEFAULT_DATABASE = "omega"
SELECTION_TIMEOUT_MS = 5_000
# Without a primary a replica set elects another one, which takes up to twelve seconds.
ELECTION_TIMEOUT_MS = 20_000
CLOSE_SECONDS = 1.0
_HINT = "`omega doctor` checks every hop"
# https://www.mongodb.com/docs/manual/reference/error-codes/
_UNAUTHORIZED, _AUTHENTICATION_FAILED, _NEEDS_AUTHENTICATION = 13, 18, 8000

_databases: dict[tuple[int, SecretUrl], Database[Document]] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    # Another thread of the parent may have held the lock; in the child nobody frees it.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def connect(url: SecretUrl) -> Database[Document]:
    """Return the database that the URL names (``omega`` where it names none).

    It is read from the primary alone: a secondary, which the URL may prefer, does not
    have the newest yet. Nothing is sent yet. The client is shared by all callers of this
    process and made anew after a fork, since MongoClient does not survive one.

    Raises
    ------
    Invalid
        The URL can't be parsed.
    """
    key = (os.getpid(), url)
    known = _databases.get(key)
    if known is not None:
        return known
    with mongo_errors(url), _lock:
        if key not in _databases:
            _databases[key] = _opened(url)
        return _databases[key]


def _opened(url: SecretUrl) -> Database[Document]:
    """Return the database of the URL, with a client of its own."""
    from pymongo import MongoClient, ReadPreference, WriteConcern

    options: dict[str, Any] = {"appname": "omega-jupyter", "tz_aware": True}
    # A keyword would win over the URL, and the URL is the user's word.
    if "serverselectiontimeoutms=" not in url.reveal().lower():
        options["serverSelectionTimeoutMS"] = _selection_timeout(url)
    client: MongoClient[Document] = MongoClient(url.reveal(), **options)
    # Whatever the URL says: what is not confirmed is lost, and nobody knows.
    concern = client.write_concern if client.write_concern.acknowledged else WriteConcern(1)
    return client.get_default_database(
        DEFAULT_DATABASE, read_preference=ReadPreference.PRIMARY, write_concern=concern
    )


@cache
def durable_concern() -> WriteConcern:
    """Return the write concern of what must survive crashes and elections.

    With the journal alone, ``j``, a replica set answers when its primary has it, whatever
    its default is. "majority" is 1 on a single server.
    """
    from pymongo import WriteConcern

    return WriteConcern("majority", j=True)


def _selection_timeout(url: SecretUrl) -> int:
    """Return the milliseconds in which a server must be found."""
    scheme, _, rest = url.reveal().lower().partition("://")
    hosts = rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
    is_set = "replicaset=" in rest or "," in hosts or scheme.endswith("+srv")
    return ELECTION_TIMEOUT_MS if is_set else SELECTION_TIMEOUT_MS


def bounded(url: SecretUrl, seconds: float) -> SecretUrl:
    """Return the URL with time limits, for whoever must not wait: checks, supervisors.

    Parameters
    ----------
    url : SecretUrl
        Limits that it has already stay.
    seconds : float
        For finding the server, for connecting, and for each answer.
    """
    text = url.reveal()
    address, _, options = text.partition("?")
    if "/" not in address.partition("://")[2]:
        address += "/"
    limits = [
        f"{name}={int(seconds * 1000)}"
        for name in ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS")
        if name.lower() not in options.lower()
    ]
    return SecretUrl(f"{address}?{'&'.join([*filter(None, [options]), *limits])}")


def forget(url: SecretUrl) -> None:
    """Close this process's client of the URL, so that the next call connects anew."""
    with _lock:
        database = _databases.pop((os.getpid(), url), None)
    if database is not None:
        _close([database.client])


@atexit.register
def _close_all() -> None:
    """Close this process's clients, so that the server need not find out."""
    with _lock:
        mine = [key for key in _databases if key[0] == os.getpid()]
        closing = [_databases.pop(key).client for key in mine]
    if closing:
        _close(closing)


def _close(clients: Iterable[MongoClient[Document]]) -> None:
    """Close clients, in bounded time altogether."""
    from pymongo import timeout

    # Each takes leave of its server first, and waits for one that is gone.
    with timeout(CLOSE_SECONDS):
        for client in clients:
            client.close()


@contextmanager
def mongo_errors(url: SecretUrl | None = None) -> Iterator[None]:
    """Translate what pymongo raises into :class:`OmegaError`.

    ``DuplicateKeyError`` passes: a lost race is for the caller to answer.
    """
    from pymongo import errors

    try:
        yield
    except (OmegaError, errors.DuplicateKeyError):
        raise
    except (errors.InvalidURI, errors.ConfigurationError) as error:
        raise Invalid(
            f"The MongoDB URL can't be used: {_first_sentence(error)}",
            hint="it looks like mongodb://user:password@host:27017/database",
        ) from None
    except errors.ConnectionFailure as error:
        raise Unavailable(
            f"{_named(url)} does not answer: {_first_sentence(error)}",
            hop="mongodb",
            hint=_hint_of_tls(str(error)) or _HINT,
        ) from error
    except errors.OperationFailure as error:
        if error.code in (_UNAUTHORIZED, _AUTHENTICATION_FAILED, _NEEDS_AUTHENTICATION):
            raise AuthError(
                f"{_named(url)} refuses these credentials: {_first_sentence(error)}",
                hop="mongodb",
                hint="check user, password and database in OMEGA_MONGO_URL",
            ) from None
        raise Unavailable(
            f"{_named(url)} could not do it: {_first_sentence(error)}", hop="mongodb", hint=_HINT
        ) from error
    except errors.PyMongoError as error:
        raise Unavailable(
            f"{_named(url)} could not do it: {_first_sentence(error)}", hop="mongodb", hint=_HINT
        ) from error


def _named(url: SecretUrl | None) -> str:
    """Return host and database of the URL, without user, password and options."""
    if url is None:
        return "MongoDB"
    # Decoded last: a password may hold an encoded "@".
    address = url.reveal().partition("://")[2].rpartition("@")[2].partition("?")[0]
    return f"MongoDB at {unquote(address)}"


def is_of_unknown_authority(text: str) -> bool:
    """Say whether an error of a connection is that nobody here knows who signed its certificate."""
    return "certificate in certificate chain" in text or "local issuer certificate" in text


def _hint_of_tls(text: str) -> str | None:
    if is_of_unknown_authority(text):
        return "name the authority of its certificate: …?tls=true&tlsCAFile=/path/to/ca.crt"
    if "connection closed" in text:
        # How a server that wants TLS, or a certificate, answers to who has none.
        return (
            "where it wants TLS the URL ends in ?tls=true&tlsCAFile=…, "
            "where it wants a certificate of yours in &tlsCertificateKeyFile=… too"
        )
    return None


def _first_sentence(error: Exception) -> str:
    # pymongo appends its timeouts and its topology description, which fill a screen.
    text = str(error)
    for tail in (", full error", ", Timeout:", " (configured timeouts:"):
        text = text.partition(tail)[0]
    return text[:300]
