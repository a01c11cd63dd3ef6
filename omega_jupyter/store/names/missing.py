"""What to say of what is not there: what it may have been meant to be, and where it went."""

from __future__ import annotations

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import NotFound
from omega_jupyter.store.database.connection import mongo_errors
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.names.listing import Listing, Wanted
from omega_jupyter.store.names.tags import Tags
from omega_jupyter.store.versions import publication
from omega_jupyter.store.wording.closest import closest

__all__ = ["KINDS_OF_STORES", "not_found"]

KINDS_OF_STORES = {"datasets": "data set", "models": "model", "jobs": "job"}


def not_found(url: SecretUrl, store: str, name: str, version: int | str | None = None) -> NotFound:
    """Make the error for a name, version or tag that does not exist.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    store, name : str
        The object.
    version : int or str, optional
        What is missing of an object that is there: a number, or a tag.
    """
    what = KINDS_OF_STORES.get(store, store)
    if isinstance(version, str):
        tags = Tags(url, store, name).read()
        listed = ", ".join(f"{tag} (@{number})" for tag, number in tags.items())
        return NotFound(
            f"{what.capitalize()} {name!r} has no tag {version!r}; it has {listed or 'none'}",
            hint=f"`%omega tag {name} {version}` gives it to the latest version",
        )
    if version is not None:
        return NotFound(
            f"{what.capitalize()} {name!r} has no version {version}",
            hint=f"`%omega info {name} --versions` lists them",
        )
    new = _new_name(url, store, name)
    if new is not None:
        return NotFound(f"No {what} {name!r}: it was renamed to {new!r}", hint=f"use {new!r}")
    known = Listing(url, store).names(Wanted(hidden=name.startswith(".")))
    near = closest(name, known)
    suggestion = f" Did you mean {near!r}?" if near else ""
    for other, word in KINDS_OF_STORES.items():
        if other != store and publication.latest(url, other, name).alive:
            suggestion = f" There is a {word} of that name."
    hint = "`%omega ls` lists what is stored" if known else "`%omega put` stores an object"
    return NotFound(f"No {what} {name!r}.{suggestion}", hint=hint)


def _new_name(url: SecretUrl, store: str, name: str) -> str | None:
    """Return what an object was renamed to that is not there any more."""
    with mongo_errors(url):
        newest = versions(url).find_one(
            {"store": store, "name": name}, {"renamed": 1}, sort=[("version", -1)]
        )
    return None if newest is None else newest.get("renamed", {}).get("name")
