"""A walk over all names and their versions, however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.names.catalog import KINDS_OF_STORES
from omega_jupyter.store.names.patterns import like

if TYPE_CHECKING:
    from bson import ObjectId

__all__ = ["Named", "documents", "scan"]

PAGE = 5_000
# Documents may have megabytes.
DOCUMENTS = 20
_FIELDS = {"store": 1, "name": 1, "version": 1, "deleted": 1, "removed": 1}


class Named(NamedTuple):
    """The versions of one name, without those that a drop hides or that were removed.

    Attributes
    ----------
    store, name : str
    dropped : int
        The number of the last drop, or 0.
    versions : list of (int, ObjectId)
        Number and ``_id``, oldest first.
    removed : list of int
        The numbers of those that were removed one by one.
    """

    store: str
    name: str
    dropped: int
    versions: list[tuple[int, ObjectId]]
    removed: list[int]


def scan(
    url: SecretUrl, pattern: str | None = None, *, stores: Sequence[str] = (), hidden: bool = False
) -> Iterator[Named]:
    """Yield each name that is alive, sorted; those that appear meanwhile may be among them.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    pattern : str, optional
        With ``*``, ``?`` and ``[abc]``, as in file names.
    stores : sequence of str
        Default: all.
    hidden : bool
        Also internal objects, whose names begin with a dot.
    """
    fits = like(pattern)
    for store in sorted(set(stores or KINDS_OF_STORES)):
        found: Named | None = None
        for document in _pages(url, store, pattern):
            name, version = document["name"], int(document["version"])
            if found is None or found.name != name:
                if found is not None and found.versions:
                    yield _oldest_first(found)
                found = Named(store, name, 0, [], [])
            if found.dropped or not fits(name) or (name.startswith(".") and not hidden):
                continue
            if document.get("deleted"):
                found = found._replace(dropped=version)
            elif document.get("removed") is not None:
                found.removed.append(version)
            else:
                found.versions.append((version, document["_id"]))
        if found is not None and found.versions:
            yield _oldest_first(found)


def documents(url: SecretUrl, identities: Iterable[ObjectId]) -> Iterator[Document]:
    """Yield version documents whole, in the given order, without those that are gone."""
    rest = iter(identities)
    while wanted := list(islice(rest, DOCUMENTS)):
        found = {d["_id"]: d for d in versions(url).find({"_id": {"$in": wanted}})}
        yield from (found[identity] for identity in wanted if identity in found)


def _pages(url: SecretUrl, store: str, pattern: str | None) -> Iterator[Document]:
    """Yield what the index tells of all versions, newest first; no cursor stays open."""
    prefix = re.split(r"[*?\[]", pattern or "", maxsplit=1)[0]
    bounds: Document = {"$type": "string"}
    if prefix:
        bounds = {"$gte": prefix, "$lt": prefix + "\U0010ffff"}
    query: Document = {"store": store, "name": bounds}
    while True:
        order = [("store", 1), ("name", 1), ("version", -1)]
        page = list(versions(url).find(query, _FIELDS).sort(order).limit(PAGE))
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]
        behind = {"name": last["name"], "version": {"$lt": last["version"]}}
        query = {"store": store, "name": bounds, "$or": [behind, {"name": {"$gt": last["name"]}}]}


def _oldest_first(found: Named) -> Named:
    return found._replace(versions=found.versions[::-1])
