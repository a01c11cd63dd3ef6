"""Lists of names, quick with 100,000 of them."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.connection import Document, mongo_errors
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.schema import versions

__all__ = ["Listing", "closest"]

BATCH = 100_000
_WILDCARD = re.compile(r"[*?\[]")
# difflib is quadratic in the length of names; more of them than this are too slow to compare.
_COMPARED = 20_000


class Listing:
    """The names of one store.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store : str
        ``datasets`` or ``models``.
    """

    def __init__(self, url: SecretUrl, store: str) -> None:
        self._url = url
        self._store = store

    def names(
        self, pattern: str | None = None, *, kind: str | None = None, hidden: bool = False
    ) -> list[str]:
        """Return the names that are alive, sorted.

        Parameters
        ----------
        pattern : str, optional
            With ``*``, ``?`` and ``[abc]``, as in file names.
        kind : str, optional
            Only objects of this kind.
        hidden : bool
            Also internal objects, whose names begin with a dot.
        """
        return list(self._living(pattern, kind, hidden))

    def entries(self, pattern: str | None = None, *, hidden: bool = False) -> list[Metadata]:
        """Return the metadata of the latest version of each name, sorted by name.

        Parameters
        ----------
        pattern, hidden
            As for :meth:`names`.
        """
        pipeline: list[Document] = [
            {"$match": self._match(pattern, hidden)},
            # In this form the server jumps from name to name in the index.
            {"$sort": {"store": 1, "name": 1, "version": -1}},
            {"$group": {"_id": "$name", "latest": {"$first": "$$ROOT"}}},
            {"$match": {"latest.deleted": {"$ne": True}}},
            {"$replaceRoot": {"newRoot": "$latest"}},
            {"$project": {"body": 0, "segments.d": 0}},
        ]
        with mongo_errors(self._url):
            found = list(versions(self._url).aggregate(pipeline, allowDiskUse=True))
        wanted = _matcher(pattern)
        metadata = [Metadata.from_document(d) for d in found if wanted(d["name"])]
        return sorted(metadata, key=lambda m: m.name)

    def _living(self, pattern: str | None, kind: str | None, hidden: bool) -> Iterator[str]:
        wanted = _matcher(pattern)
        fields = {"_id": 0, "name": 1, "deleted": 1, "kind": 1}
        order = [("store", 1), ("name", 1), ("version", -1)]
        last = None
        with mongo_errors(self._url):
            found = versions(self._url).find(self._match(pattern, hidden), fields)
            for document in found.sort(order).batch_size(BATCH):
                name = document["name"]
                if name == last:
                    continue
                last = name
                if document.get("deleted") or (kind is not None and document.get("kind") != kind):
                    continue
                if wanted(name):
                    yield name

    def _match(self, pattern: str | None, hidden: bool) -> Document:
        """Narrow the range of the index by the pattern's fixed beginning."""
        prefix = "" if pattern is None else _WILDCARD.split(pattern, maxsplit=1)[0]
        bounds: Document = {"$type": "string"}
        if prefix:
            bounds = {"$gte": prefix, "$lt": prefix + "\U0010ffff"}
        match: Document = {"store": self._store, "name": bounds}
        if not hidden and not prefix.startswith("."):
            # "/" follows ".": names never begin with it.
            match["$or"] = [{"name": {"$gte": "/"}}, {"name": {"$lt": "."}}]
        return match


def closest(word: str, possibilities: Sequence[str]) -> str | None:
    """Return the one that the word was most likely meant to be.

    Parameters
    ----------
    word : str
        What was written.
    possibilities : sequence of str
        What exists.
    """
    folded = {p.casefold(): p for p in possibilities}
    if word.casefold() in folded:
        return folded[word.casefold()]
    if len(possibilities) > _COMPARED:
        possibilities = [p for p in possibilities if p[:2] == word[:2]][:_COMPARED]
    near = difflib.get_close_matches(word, possibilities, n=1)
    return near[0] if near else None


def _matcher(pattern: str | None) -> Callable[[str], bool]:
    if pattern is None:
        return lambda name: True
    fits = re.compile(fnmatch.translate(pattern)).match
    return lambda name: fits(name) is not None
