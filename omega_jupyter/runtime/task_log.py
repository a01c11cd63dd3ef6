"""What a task printed: one document per task, with the last lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omega_jupyter.config import MAX_DAYS
from omega_jupyter.store.database.connection import Document, connect, mongo_errors

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from omega_jupyter.config import SecretUrl

__all__ = ["MAX_BYTES", "MAX_LINES", "Lines", "LogText", "append", "read"]

LOGS = "omega_task_logs"

# What is kept of a task's output: the end of it.
MAX_LINES = 1_000
MAX_BYTES = 64 << 10

_indexed: set[tuple[int, SecretUrl]] = set()


class LogText(str):
    """A text that is shown as it is, not in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self) or "nothing was printed"


@dataclass(frozen=True)
class Lines:
    """Lines of a task's output.

    Attributes
    ----------
    lines : tuple of str
    first : int
        The number of the first one, from 0; earlier ones may be gone.
    total : int
        How many there have been so far.
    """

    lines: tuple[str, ...] = ()
    first: int = 0
    total: int = 0


def append(
    url: SecretUrl,
    task_id: str,
    lines: Sequence[str],
    *,
    printed: int,
    kept: int,
    retention_days: float,
) -> None:
    """Add lines to a task's output.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    lines : sequence of str
        The new ones that are worth keeping.
    printed : int
        How many there were, with those that are not.
    kept : int
        How many lines to keep in all.
    retention_days : float
        For how long.
    """
    days = min(retention_days, MAX_DAYS)
    expires = {"$add": ["$$NOW", int(days * 24 * 3600 * 1000)]}
    all_lines = {"$concatArrays": [{"$ifNull": ["$lines", []]}, {"$literal": list(lines)}]}
    changes: Document = {
        "lines": {"$slice": [all_lines, -kept]},
        "total": {"$add": [{"$ifNull": ["$total", 0]}, printed]},
        "expires": expires,
    }
    with mongo_errors(url):
        _collection(url).update_one({"_id": task_id}, [{"$set": changes}], upsert=True)


def read(url: SecretUrl, task_id: str, after: int = 0) -> Lines:
    """Return the lines of a task's output, without the first ``after``.

    Parameters
    ----------
    url : SecretUrl
        The database of the task records.
    task_id : str
    after : int
        How many are known already.
    """
    with mongo_errors(url):
        found = _collection(url).find_one({"_id": task_id, "total": {"$gt": after}})
    if found is None:
        return Lines(first=after, total=after)
    first = found["total"] - len(found["lines"])
    return Lines(tuple(found["lines"][max(0, after - first) :]), max(first, after), found["total"])


def _collection(url: SecretUrl) -> Collection[Document]:
    collection = connect(url)[LOGS]
    key = (os.getpid(), url)
    if key not in _indexed:
        collection.create_index("expires", expireAfterSeconds=0)
        _indexed.add(key)
    return collection
