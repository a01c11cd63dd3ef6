"""How many versions a name keeps, and how single versions go.

A version that goes is marked with the time, and hidden at once by that. Its document
and its chunks stay for a while, so that whoever reads it can finish.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import OmegaError
from omega_jupyter.store.database.connection import Document, mongo_errors
from omega_jupyter.store.database.schema import names, prepare, versions

__all__ = ["delete_if_empty", "keep", "remove_versions", "retain"]

_log = logging.getLogger(__name__)


def keep(url: SecretUrl, store: str, name: str, count: int | None, since: int) -> list[int]:
    """Set or take off the rule of a name; return the numbers that went at once.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, name : str
        The object.
    count : int, optional
        How many of the newest versions to keep; None: all.
    since : int
        The latest version; the rule does not outlive a drop of it.
    """
    prepare(url)
    object_ = {"store": store, "name": name}
    if count is None:
        with mongo_errors(url):
            names(url).update_one(object_, {"$unset": {"keep": ""}})
            delete_if_empty(url, object_)
        return []
    rule = {"count": count, "since": since}
    with mongo_errors(url):
        names(url).update_one(object_, {"$set": {"keep": rule}}, upsert=True)
        named = names(url).find_one(object_)
    return [] if named is None else _apply(url, named)


def delete_if_empty(url: SecretUrl, object_: Document) -> None:
    """Delete a name's own document where it has neither tags nor a rule.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    object_ : dict
        The name, ``{"store": …, "name": …}``.
    """
    names(url).delete_one(object_ | {"tags": {"$in": [None, []]}, "keep": None})


def retain(url: SecretUrl, named: Document) -> None:
    """Apply the rule of a name after a publication.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    named : dict
        The name's own document, with a rule.
    """
    try:
        _apply(url, named)
    except OmegaError as error:
        # What was published is published; the next publication applies the rule again.
        _log.warning("old versions of %s stay for now: %s", named["name"], error.message)


def remove_versions(url: SecretUrl, store: str, name: str, numbers: Iterable[int]) -> list[int]:
    """Remove single versions that no tag means; return those that are gone.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, name : str
        The object.
    numbers : iterable of int
        Which; what is not there is left out.
    """
    object_: Document = {"store": store, "name": name}
    wanted = sorted(set(numbers))
    mine = object_ | {"version": {"$in": wanted}, "deleted": None}
    with mongo_errors(url):
        versions(url).update_many(mine | {"removed": None}, [{"$set": {"removed": "$$NOW"}}])
        # Whoever sets a tag looks then whether the version is alive: one of us sees the other.
        named = names(url).find_one(object_) or {}
        tagged = [entry["version"] for entry in named.get("tags", ())]
        versions(url).update_many(
            mine | {"version": {"$in": [n for n in wanted if n in tagged]}, "collected": None},
            {"$unset": {"removed": ""}},
        )
    return [number for number in wanted if number not in tagged]


def _apply(url: SecretUrl, named: Document) -> list[int]:
    rule = named["keep"]
    tagged = {entry["version"] for entry in named.get("tags", ())}
    alive = _alive(url, named, int(rule["since"]))
    leaving = [number for number in alive[int(rule["count"]) :] if number not in tagged]
    if not leaving:
        return []
    return remove_versions(url, named["store"], named["name"], leaving)


def _alive(url: SecretUrl, named: Document, since: int) -> list[int]:
    """Return the numbers that are alive, newest first; none where the rule is of before a drop."""
    alive: list[int] = []
    object_ = {"store": named["store"], "name": named["name"], "removed": None}
    with mongo_errors(url):
        found = versions(url).find(object_, {"_id": 0, "version": 1, "deleted": 1})
        for document in found.sort("version", -1):
            if document.get("deleted"):
                return alive if document["version"] <= since else []
            alive.append(int(document["version"]))
    return alive
