"""The verb on keys: those of workers and senders, in files or in the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.runtime.keypair import Kind
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["keys"]


def keys(
    caller: Caller, action: str, kind: Kind | None, file: Word | None, name: str | None
) -> None:
    """Make keys, or new ones for old."""
    if action == "rotate" and kind is None:
        _rotate_database(caller)
        return
    if kind is None or file is None:
        raise UsageError(
            f"{action} needs to know whose key, and its file",
            hint=f"omega keys {action} worker worker.key",
        )
    if action == "create":
        _create(caller, kind, Path(file.text), name)
    elif kind == "worker":
        _rotate_file(caller, Path(file.text))
    else:
        raise UsageError(
            "A sender's key has no messages to open: a new file takes its place",
            hint="omega keys create sender FILE, and the operator changes the line",
        )


def _create(caller: Caller, kind: Kind, file: Path, name: str | None) -> None:
    import getpass

    from omega_jupyter.runtime.keypair import KeyPair, write_key_file

    pair = KeyPair.new(kind)
    write_key_file(file, [pair], new=True)
    if kind == "worker":
        caller.say(f"{file} is for OMEGA_WORKER_KEY of the workers; for their clients:")
        caller.show(f"OMEGA_WORKER_PUBLIC_KEY={pair.public_text}")
        return
    caller.say(f"{file} is for OMEGA_SENDER_KEY of the sender; a line for OMEGA_SENDERS:")
    caller.show(f"{name or getpass.getuser()} {pair.public_text}")


def _rotate_file(caller: Caller, file: Path) -> None:
    from omega_jupyter.runtime.keypair import KeyPair, read_key_file, write_key_file

    new = KeyPair.new("worker")
    write_key_file(file, [new, *read_key_file(file, "worker")], new=False)
    caller.say(f"{file} has a new key; what is sealed to the older ones is still opened")
    caller.show(f"OMEGA_WORKER_PUBLIC_KEY={new.public_text}")


def _rotate_database(caller: Caller) -> None:
    from omega_jupyter.runtime.keys import DatabaseKeys

    database = DatabaseKeys(caller.om.mongo_url)
    database.rotate("worker")
    database.rotate("sender")
    caller.say("the keys of this database are new; tasks on their way are still run")
