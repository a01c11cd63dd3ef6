"""What names stood for when this process looked last, and whether they still do.

So a call that uses the same names again need not ask for them first: the command that
writes its record writes nothing where one of them has changed since.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.lookup import Lookup
from omega_jupyter.store.names.names import ObjectName

if TYPE_CHECKING:
    from omega_jupyter.config import SecretUrl
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["Changed", "Recall", "note_newer", "resolve_and_remember"]

REMEMBERED = 256

_Key = tuple["int | SecretUrl | str | None", ...]
_known: OrderedDict[_Key, tuple[Metadata, Any]] = OrderedDict()


class Changed(Exception):
    """A name may stand for something else by now: look it up."""


class Recall:
    """Names that are taken for what they were.

    Parameters
    ----------
    url : SecretUrl
        The user's database.

    Attributes
    ----------
    stages : list of dict
        Find what the names stand for now; for an aggregation of one document.
    unchanged : dict
        The expression that is true, after them, where it is the same as before.
    """

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self.stages: list[Document] = []
        self.unchanged: Document = {}

    def resolve(self, names: Sequence[tuple[str, str]]) -> list[Metadata]:
        """Return what the names stood for, without asking.

        Parameters
        ----------
        names : sequence of (store, name)

        Raises
        ------
        Changed
            One of them was not looked up before.
        """
        found, same = [], []
        for place, (store, name) in enumerate(names):
            lookup = Lookup(store, ObjectName.parse(name))
            try:
                metadata, identity = _known[_key(self._url, lookup)]
                _known.move_to_end(_key(self._url, lookup))
            except KeyError:  # another thread may have forgotten it just now
                raise Changed from None
            pipeline = [*lookup.stages(), {"$project": {"_id": 1}}]
            source, there = lookup.collection, f"found{place}"
            self.stages.append({"$lookup": {"from": source, "pipeline": pipeline, "as": there}})
            same.append({"$eq": [f"${there}._id", [identity]]})
            found.append(metadata)
        self.unchanged = {"$and": same}
        return found


def resolve_and_remember(url: SecretUrl, names: Sequence[tuple[str, str]]) -> list[Metadata]:
    """Find several objects as :meth:`Catalog.resolve` does, for :class:`Recall` to know them."""
    found = Catalog(url).resolve(names)
    for (store, name), metadata in zip(names, found, strict=True):
        lookup = Lookup(store, ObjectName.parse(name))
        version, document = lookup.name.version, metadata._document or {}
        # What was renamed, or is counted from the latest, takes more than one document to find.
        counted = isinstance(version, int) and version < 0
        if "_id" in document and not counted and metadata.name == lookup.name.name:
            _known[_key(url, lookup)] = (replace(metadata, _document=None), document["_id"])
    while len(_known) > REMEMBERED:
        _known.popitem(last=False)
    return found


def note_newer(url: SecretUrl, version: Metadata) -> None:
    """Take a version for the latest of its name, where that name was used by itself before.

    Whoever fits a model in turns uses what the last fit has published. Should it not be
    the latest, the next use finds out.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    version : Metadata
        As the catalog has just found it.
    """
    key = _key(url, Lookup(version.store, ObjectName(version.name)))
    document = version._document or {}
    if key in _known and "_id" in document:
        _known[key] = (replace(version, _document=None), document["_id"])


def _key(url: SecretUrl, lookup: Lookup) -> _Key:
    return (os.getpid(), url, lookup.store, lookup.name.name, lookup.name.version)
