"""The short lives of internal objects: staged arguments and large results of tasks.

They are collected a day after they were made (:mod:`omega_jupyter.store.upkeep.garbage`), or
an hour after they were released.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pymongo import WriteConcern

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.names.names import INTERNAL_FOLDERS, ObjectName
from omega_jupyter.store.wording.facts import shape_text

__all__ = ["RESULTS", "STAGED", "is_internal", "release", "renew", "shown"]

STAGED, RESULTS = INTERNAL_FOLDERS


def is_internal(ref: str) -> bool:
    """Return whether a name is that of an internal object."""
    return ref.startswith(tuple(f"{folder}/" for folder in INTERNAL_FOLDERS))


def shown(ref: str, shape: Sequence[int] | None = None) -> str:
    """Return what tells a user which object that was: its name, or that it was passed.

    Parameters
    ----------
    ref : str
        ``name@version``.
    shape : sequence of int, optional
        Of the object, where it is known.
    """
    if not is_internal(ref):
        return ref
    return "passed object" + (f" ({shape_text(shape)})" if shape else "")


def release(url: SecretUrl, refs: Iterable[str]) -> None:
    """Let internal data sets be collected soon: nobody needs them any more.

    It is not waited for: should it be lost, they go a day after they were made.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    refs : iterable of str
        ``name@version``.
    """
    query = _these(refs) | {"removed": None}
    unacknowledged = versions(url).with_options(write_concern=WriteConcern(w=0))
    with mongo_errors(url):
        unacknowledged.update_many(query, [{"$set": {"removed": "$$NOW"}}])


def renew(url: SecretUrl, refs: Iterable[str]) -> None:
    """Give internal data sets another day, where they are still there.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    refs : iterable of str
        ``name@version``.
    """
    query = _these(refs) | {"collected": None}
    with mongo_errors(url):
        changes: list[Document] = [{"$set": {"created": "$$NOW"}}, {"$unset": "removed"}]
        versions(url).update_many(query, changes)


def _these(refs: Iterable[str]) -> Document:
    names = [ObjectName.parse(ref).name for ref in refs if is_internal(ref)]
    return {"store": "datasets", "name": {"$in": names}}
