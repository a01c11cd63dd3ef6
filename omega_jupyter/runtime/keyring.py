"""The keys of a worker: with which it opens credentials, and whom it knows."""

from __future__ import annotations

import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from omega_jupyter.errors import AuthError, Unavailable
from omega_jupyter.runtime.envelope import Envelope
from omega_jupyter.runtime.keypair import KeyPair, read_key_file, read_senders
from omega_jupyter.runtime.keys import DatabaseKeys, SendingKeys

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig
    from omega_jupyter.runtime.credentials import Credentials

__all__ = ["Keyring", "keyring"]

# Keys of a database are looked at again after this time, or for a key that is not known.
FRESH_SECONDS = 60.0
AGAIN_SECONDS = 2.0


class Keyring:
    """Opens the credentials of tasks; follows changes of the keys without a restart.

    Parameters
    ----------
    config : OmegaConfig
        With ``worker_key`` and ``senders``, or else a ``mongo_url``.

    Raises
    ------
    AuthError
        Neither files nor a database are configured, or only one of the files.
    Invalid
        A file can't be used.
    """

    def __init__(self, config: OmegaConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._pairs: list[KeyPair] = []
        # By their ids, which take as long to make as a message takes to open.
        self._private: dict[str, bytes] = {}
        self._senders: dict[str, bytes] = {}
        self._read = 0.0
        self._files: tuple[float, ...] = ()
        if config.worker_key is None and config.mongo_url is None:
            raise AuthError(
                "This worker has no key to open credentials with",
                hint="set OMEGA_MONGO_URL (the keys of that database are used), or "
                "OMEGA_WORKER_KEY and OMEGA_SENDERS",
            )
        if (config.worker_key is None) != (config.senders is None):
            raise AuthError(
                "A worker with a key file needs a list of senders, and the other way round",
                hint="set both OMEGA_WORKER_KEY and OMEGA_SENDERS; `omega keys -h`",
            )
        self._load()

    def verify(self, header: object, *, task: str, task_id: str) -> Envelope:
        """Return what came with a task, if somebody whom this worker knows has sent it.

        Parameters
        ----------
        header : object
            The message header.
        task, task_id : str
            Name and id of the task that it came with.

        Raises
        ------
        AuthError
            The header is missing, altered, expired, another task's, or of nobody
            that this worker knows; or it is sealed to another worker's key.
        Unavailable
            The keys can't be read.
        """
        envelope = Envelope.from_header(header)
        private, senders = self._keys_for(envelope)
        envelope.verify(senders, task=task, task_id=task_id)
        if envelope.key_id not in private:
            raise AuthError(f"The credentials of task {task_id} are sealed to another worker's key")
        return envelope

    def open(self, envelope: Envelope, *, task: str, task_id: str) -> Credentials:
        """Return the credentials of a task that :meth:`verify` let in, however long ago.

        Parameters
        ----------
        envelope : Envelope
        task, task_id : str
            Name and id of the task that it came with.

        Raises
        ------
        AuthError
            It belongs to another task, or its key is gone.
        Unavailable
            The keys can't be read.
        """
        private, _ = self._keys_for(envelope)
        return envelope.open(list(private.values()), task=task, task_id=task_id)

    def _keys_for(self, envelope: Envelope) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return the private keys and the senders by id, read again where that may help."""
        with self._lock:
            unknown = envelope.key_id not in self._private or envelope.sender not in self._senders
            if self._is_stale(unknown=unknown):
                try:
                    self._load()
                except (Unavailable, AuthError) as error:
                    if unknown:
                        # Not the message's fault: it is to wait.
                        raise Unavailable(error.message, hop="mongodb", hint=error.hint) from None
                    # What was good a minute ago will do until the database answers.
                    self._read = time.monotonic() - FRESH_SECONDS + AGAIN_SECONDS
            return self._private, self._senders

    def sending(self) -> SendingKeys:
        """Return the keys with which a worker sends a task to the others of its kind."""
        with self._lock:
            return SendingKeys(self._pairs[0].public_text, self._pairs[0].signing())

    def _is_stale(self, *, unknown: bool) -> bool:
        paths = self._paths()
        if paths:
            return self._files != _changed(paths)
        age = time.monotonic() - self._read
        return age > (AGAIN_SECONDS if unknown else FRESH_SECONDS)

    def _load(self) -> None:
        config = self._config
        paths = self._paths()
        self._files = _changed(paths)
        if paths:
            pairs = read_key_file(paths[0], "worker")
            senders = {sender: public for sender, (_, public) in read_senders(paths[1]).items()}
        elif config.mongo_url is not None:
            keys = DatabaseKeys(config.mongo_url)
            pairs = keys.usable("worker")
            senders = {pair.id: pair.public for pair in keys.usable("sender")}
        # Workers know each other.
        senders |= {pair.signing().id: pair.signing().public for pair in pairs}
        self._private = {pair.id: pair.private for pair in pairs}
        self._pairs, self._senders, self._read = pairs, senders, time.monotonic()

    def _paths(self) -> list[Path]:
        return [path for path in (self._config.worker_key, self._config.senders) if path]


def _changed(paths: list[Path]) -> tuple[float, ...]:
    """Return when each file was changed; 0 where there is none."""
    return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in paths)


@cache
def keyring(config: OmegaConfig) -> Keyring:
    """Return this process's keyring."""
    return Keyring(config)
