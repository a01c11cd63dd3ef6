"""From a task's record to its value, or to the error that it ended with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omega_jupyter import errors
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.recall import note_newer

if TYPE_CHECKING:
    from omega_jupyter.runtime.submission import Submitter
    from omega_jupyter.store.database.connection import Document

__all__ = ["error_of", "value_of"]


def value_of(record: Document, submitter: Submitter) -> Any:
    """Return the value of a task that ended well.

    Parameters
    ----------
    record : dict
        The task's record, with its result.
    submitter : Submitter
        Has the stores that it may be in.

    Raises
    ------
    NotFound
        It was kept in the store, and is gone since.
    """
    match json.loads(record["result"]):
        case {"search": ref, **where}:
            from omega_jupyter.runtime.search_result import SearchResult

            model = None if ref is None else submitter.models.metadata(ref)
            found = value_of({**record, "result": json.dumps(where)}, submitter)
            return SearchResult(found, model)
        case {"inline": str(text)}:
            from omega_jupyter.store.codecs.inline import decode

            return decode(text)
        case {"model": str(ref)}:
            published = submitter.models.metadata(ref)
            note_newer(submitter.mongo_url, published)
            return published
        case {"kept": str(ref)}:
            return submitter.datasets.metadata(ref)
        case {"dataset": str(ref)}:
            return _stored(record, submitter, ref)
    raise errors.Invalid(
        f"The result of task {record['_id']} is of a form that this version does not know",
        hint="pip install -U omega-jupyter",
    )


def error_of(record: Document) -> errors.OmegaError:
    """Return what is raised for a task that did not end well."""
    task_id = str(record["_id"])
    error = record.get("error") or {}
    message, hint = str(error.get("message", "")), error.get("hint")
    if hint:
        # Who writes the record's hint does not always know whose it is.
        hint = str(hint).replace("%omega retry runs", f"%omega retry {task_id[:8]} runs")
    code = error.get("code", "")
    if record["state"] == "CANCELLED":
        how = record.get("cancelled")
        return errors.TaskCancelled(
            f"Task {task_id} was cancelled" + (f" ({how})" if how else ""),
            hint=f"%omega retry {task_id[:8]} runs it after all",
        )
    if record["state"] == "LOST":
        return errors.TaskLost(message or f"Task {task_id} is lost", hint=hint)
    if code == errors.Unavailable.code:
        return errors.Unavailable(message, hop=error.get("hop", "worker"), hint=hint)
    if code == errors.Untrusted.code:
        return errors.Untrusted(message, types=error.get("types", []), hint=hint)
    for known in (errors.NotFound, errors.Conflict, errors.Invalid, errors.AuthError):
        if code == known.code:
            return known(message, hint=hint)
    return errors.TaskFailed(
        f"{error.get('type', 'Error')}: {message}",
        task_id=task_id,
        remote_traceback=record.get("traceback"),
        hint=hint or f"%omega status {task_id[:8]} shows the traceback on the worker",
    )


def _stored(record: Document, submitter: Submitter, ref: str) -> Any:
    try:
        # Somebody may have fetched it already, which released it.
        (found,) = Catalog(submitter.mongo_url).resolve([("datasets", ref)], removed=True)
        return submitter.datasets.get_version(found)
    except errors.NotFound:
        raise errors.NotFound(
            f"The result of task {record['_id']} was too large for its record and is gone since",
            hint="such results are kept for a day, and for an hour after they were fetched; "
            "result='name' keeps one for good",
        ) from None
