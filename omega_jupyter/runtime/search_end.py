"""The bad end of a search: its parts end with it, and it ends with one of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.parts import unfinished
from omega_jupyter.runtime.records import records
from omega_jupyter.store.database.connection import Document, mongo_errors

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl

__all__ = ["end_search", "pass_on"]

GRACE_SECONDS = 5.0


def pass_on(url: SecretUrl, task_id: str) -> None:
    """Let a search end with the error of a part of its fits, and all parts with the search.

    Parameters
    ----------
    url : SecretUrl
    task_id : str
        Of a task that has ended badly; nothing is done where it has to do with no search.
    """
    fields = ["parent", "fits", "state", "error", "traceback"]
    with mongo_errors(url):
        record = records(url).find_one({"_id": task_id}, fields)
    if record is None or record["state"] not in ("FAILURE", "LOST"):
        return
    if record.get("parent") is not None:
        why: Document = {name: record[name] for name in ("error", "traceback") if name in record}
        end_search(url, record["parent"], record["state"], why)
    elif record.get("fits") is not None:
        _end_parts(url, task_id)


def end_search(
    url: SecretUrl,
    task_id: str,
    state: str,
    fields: Mapping[str, Any],
    grace: float = GRACE_SECONDS,
) -> None:
    """End a search that has not ended, and its parts.

    Parameters
    ----------
    url : SecretUrl
    task_id : str
    state : str
        A final one.
    fields : mapping
        Its ``error``, and more for its record.
    grace : float
        Seconds that parts which run have to stop.
    """
    if Ledger(url).update(task_id, state, {**fields, "spread": False}):
        _end_parts(url, task_id, grace)


def _end_parts(url: SecretUrl, task_id: str, grace: float = GRACE_SECONDS) -> None:
    for part in unfinished(url, task_id):
        Ledger(url).cancel(str(part["_id"]), grace)
