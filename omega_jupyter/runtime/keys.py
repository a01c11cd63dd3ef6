"""The key pair of the workers: the database's own, or the operator's file.

With two URLs set and nothing else, client and workers still need a key pair in
common. It lives in the very database that the sealed URL opens: whoever can read
it there holds credentials for that database already, and who reads only the
broker's messages learns nothing. Where several users share workers, the operator
sets a key file instead, and no private key is in any database.
"""

from __future__ import annotations

import base64
import os
import stat
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from omega_jupyter.errors import AuthError, Invalid
from omega_jupyter.runtime.credentials import new_private_key, public_key
from omega_jupyter.store.connection import connect, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl

__all__ = ["private_keys", "recipient"]

KEYS = "omega_keys"

_recipients: dict[tuple[int, SecretUrl], str] = {}


def recipient(config: OmegaConfig, mongo_url: SecretUrl) -> str:
    """Return the public key that a client seals to, base64.

    It is ``worker_public_key`` where that is set, else that of the database's
    key pair, which the first caller makes.
    """
    if config.worker_public_key is not None:
        return config.worker_public_key
    key = (os.getpid(), mongo_url)
    if key not in _recipients:
        _recipients[key] = public_key(_of_database(mongo_url))
    return _recipients[key]


@cache
def private_keys(config: OmegaConfig) -> list[bytes]:
    """Return the keys with which a worker opens credentials.

    Raises
    ------
    AuthError
        Neither a key file nor a database is configured.
    Invalid
        The key file can't be used, or is readable by others.
    """
    if config.worker_key is not None:
        return [_of_file(config.worker_key)]
    if config.mongo_url is not None:
        return [_of_database(config.mongo_url)]
    raise AuthError(
        "This worker has no key to open credentials with",
        hint="set OMEGA_MONGO_URL (the key pair of that database is used) or OMEGA_WORKER_KEY",
    )


def _of_database(url: SecretUrl) -> bytes:
    from pymongo.errors import DuplicateKeyError

    with mongo_errors(url):
        keys = connect(url)[KEYS]
        found = keys.find_one({"_id": "worker"})
        if found is None:
            found = {
                "_id": "worker",
                "private": base64.b64encode(new_private_key()).decode(),
                "created": datetime.now(UTC),
            }
            try:
                keys.insert_one(found)
            except DuplicateKeyError:
                # Another client or worker was first: theirs is the one to use.
                found = keys.find_one({"_id": "worker"}) or found
    return base64.b64decode(found["private"])


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Invalid(f"{path} can be read by others", hint=f"chmod 600 {path}")
            key = base64.b64decode(file.read().strip(), validate=True)
    except (OSError, ValueError) as error:
        raise Invalid(f"The worker key {path} can't be read: {error}") from None
    if len(key) != 32:
        raise Invalid(f"The worker key {path} does not hold 32 bytes as base64")
    return key
