"""The objects that are passed to a call: small ones travel in its record, others through the store.

The record is written and claimed anyway, so that what it carries costs no command of its
own. The message never has it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from omega_jupyter.runtime.records import records
from omega_jupyter.store.chunks.checksum import checksum, damaged, pack
from omega_jupyter.store.codecs import inline
from omega_jupyter.store.database.connection import mongo_errors
from omega_jupyter.store.names.internal import STAGED
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.upkeep.garbage import DROPPED_GRACE, INTERNAL_AGE, server_time

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.store.datasets import DatasetStore

__all__ = ["Staged", "Staging", "carried_by", "forget_carried", "unpacked"]

# What a record carries in all: it is read and written whole whenever its task changes.
CARRIED_BYTES = 64 << 10
_CHECKSUM_BYTES = 8


class Staged(NamedTuple):
    """An object that is where a worker finds it.

    Attributes
    ----------
    ref : str
        ``.staged/TASK/ROLE``; with a version where it is in the store.
    shape : tuple of int, optional
    """

    ref: str
    shape: tuple[int, ...] | None


class Staging:
    """The objects of one call, each staged once.

    Parameters
    ----------
    datasets : DatasetStore
    task_id : str
    carry : bool
        Whether its record, which belongs into the same database then, may carry some.

    Attributes
    ----------
    carried : dict of str to bytes
        What the record is to carry, by role.
    """

    def __init__(self, datasets: DatasetStore, task_id: str, *, carry: bool) -> None:
        self._datasets = datasets
        self._task_id = task_id
        self._room = CARRIED_BYTES if carry else 0
        self._staged: dict[str, Staged] = {}
        self.carried: dict[str, bytes] = {}

    def stage(self, role: str, value: Any) -> Staged:
        """Keep an object, and tell where.

        Parameters
        ----------
        role : str
            What it is to the call: ``X``, ``y``, a keyword.
        value : object

        Raises
        ------
        Invalid
            It can't be kept.
        """
        if role not in self._staged:
            self._staged[role] = self._carry(role, value) or self._put(role, value)
        return self._staged[role]

    def _carry(self, role: str, value: Any) -> Staged | None:
        if not _may_be_small(value, self._room):
            return None
        packed = inline.pack(value, self._room)
        if packed is None:
            return None
        self.carried[role] = pack(checksum(packed.data)) + packed.data
        self._room -= len(packed.data)
        return Staged(f"{STAGED}/{self._task_id}/{role}", packed.shape)

    def _put(self, role: str, value: Any) -> Staged:
        name = f"{STAGED}/{self._task_id}/{role}"
        stored = self._datasets.put(value, name, task=self._task_id)
        return Staged(stored.ref, stored.shape)


def unpacked(carried: bytes, role: str) -> Any:
    """Make an object again that a record carries.

    Parameters
    ----------
    carried : bytes
        From :attr:`Staging.carried`.
    role : str
        For error messages.

    Raises
    ------
    Invalid
        It was changed.
    """
    what, data = f"What was passed as {role}", carried[_CHECKSUM_BYTES:]
    if pack(checksum(data)) != carried[:_CHECKSUM_BYTES]:
        raise damaged(what)
    # Laid out as it lay when it was passed, so that what is computed from it is the same.
    return inline.unpack(data, what, Part(as_put=True))


def carried_by(url: SecretUrl, task_id: str) -> dict[str, bytes]:
    """Return what the record of a task carries, by role.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    """
    with mongo_errors(url):
        record = records(url).find_one({"_id": task_id}, ["carried"])
    carried: dict[str, bytes] = (record or {}).get("carried", {})
    return carried


def forget_carried(url: SecretUrl) -> None:
    """Take from the records of tasks that have ended what nobody needs any more.

    It stays for a day, for who tries again; an hour where the task ended well.
    """
    with mongo_errors(url):
        now = server_time(url)
        old = [
            {"finished": {"$lt": now - INTERNAL_AGE}},
            {"finished": {"$lt": now - DROPPED_GRACE}, "state": "SUCCESS"},
        ]
        records(url).update_many(
            {"carried": {"$exists": True}, "$or": old}, {"$unset": {"carried": ""}}
        )


def _may_be_small(value: Any, room: int) -> bool:
    """Say whether it is worth a look: what is large would be encoded twice."""
    if isinstance(value, list | tuple):
        return len(value) <= room
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and bool(shape) and math.prod(shape) <= room
