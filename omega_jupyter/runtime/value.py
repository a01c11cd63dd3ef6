"""From a task's record to its value, or to the error that it ended with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omega_jupyter import errors

if TYPE_CHECKING:
    from omega_jupyter.store.connection import Document
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore

__all__ = ["error_of", "value_of"]


def value_of(record: Document, datasets: DatasetStore, models: ModelStore) -> Any:
    """Return the value of a task that ended well.

    Parameters
    ----------
    record : dict
        The task's record, with its result.
    datasets : DatasetStore
        Where arrays and frames come back from.
    models : ModelStore
        Where the metadata of fitted models is.

    Raises
    ------
    NotFound
        It was kept in the store, and is gone since.
    """
    match json.loads(record["result"]):
        case {"inline": str(text)}:
            from omega_jupyter.store.inline import decode

            return decode(text)
        case {"model": str(ref)}:
            return models.metadata(ref)
        case {"kept": str(ref)}:
            return datasets.metadata(ref)
        case {"dataset": str(ref)}:
            return _stored(record, datasets, ref)
    raise errors.Invalid(
        f"The result of task {record['_id']} is of a form that this version does not know",
        hint="pip install -U omega-jupyter",
    )


def error_of(record: Document) -> errors.OmegaError:
    """Return what is raised for a task that did not end well."""
    task_id = str(record["_id"])
    error = record.get("error") or {}
    message, hint = str(error.get("message", "")), error.get("hint")
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


def _stored(record: Document, datasets: DatasetStore, ref: str) -> Any:
    try:
        return datasets.get(ref)
    except errors.NotFound:
        raise errors.NotFound(
            f"The result of task {record['_id']} was too large for its record and is gone since",
            hint="results are kept for a day; result='name' keeps one for good",
        ) from None
