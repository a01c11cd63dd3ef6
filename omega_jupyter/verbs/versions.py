"""Verbs on names and versions: mv, cp, tag, keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omega_jupyter.store.wording.listing import Field, Listing
from omega_jupyter.verbs.data import stored, stores
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["cp", "keep", "mv", "tag"]

ALL = "all"
SHOWN = 10


def mv(caller: Caller, old: Word, new: Word, store: str | None) -> Metadata:
    """Give an object another name."""
    found = stored(caller.om, old.text, store)
    (objects,) = stores(caller.om, found.store)
    return objects.rename(old.text, new.text)


def cp(caller: Caller, name: Word, new: Word, store: str | None) -> Metadata:
    """Store a version under another name as well."""
    found = stored(caller.om, name.text, store)
    (objects,) = stores(caller.om, found.store)
    return objects.copy(name.text, new.text)


def tag(
    caller: Caller, name: Word, tag: Word | None, remove: bool, store: str | None
) -> Metadata | Listing[tuple[str, int]] | None:
    """Give a version a tag, take one off, or list them."""
    found = stored(caller.om, name.text, store)
    (objects,) = stores(caller.om, found.store)
    if tag is None:
        if remove:
            raise UsageError("--remove needs a tag", hint=f"{caller.prefix} tag {name.raw} TAG")
        fields: list[Field[tuple[str, int]]] = [
            Field("tag", lambda entry: entry[0]),
            Field("version", lambda entry: f"{found.name}@{entry[1]}"),
        ]
        empty = f"{found.name} has no tags; {caller.prefix} tag {found.name} TAG sets one"
        return Listing(objects.tags(found.name).items(), fields, empty=empty)
    if not remove:
        return objects.tag(name.text, tag.text)
    objects.untag(found.name, tag.text)
    caller.say(f"{found.name}: no version has the tag {tag.text} any more")
    return None


def keep(caller: Caller, name: Word, count: Word | None, store: str | None) -> None:
    """Set how many versions an object keeps, or tell."""
    found = stored(caller.om, name.text, store)
    (objects,) = stores(caller.om, found.store)
    kept = found.keep
    gone: list[int] = []
    if count is not None:
        kept = _count(caller, count)
        gone = objects.keep(name.text, kept)
    rule = "all its versions"
    if kept is not None:
        rule = f"its newest {'version' if kept == 1 else f'{kept} versions'}, and those with a tag"
    removed = f"{len(gone)} versions" if len(gone) > SHOWN else ", ".join(map(str, gone))
    caller.say(f"{found.name} keeps {rule}" + (f"; removed {removed}" if gone else ""))


def _count(caller: Caller, word: Word) -> int | None:
    if word.text.casefold() == ALL:
        return None
    if not word.text.isascii() or not word.text.isdigit():
        raise UsageError(
            f"{word.raw!r} is no number of versions",
            hint=f"{caller.prefix} keep NAME 5, or {caller.prefix} keep NAME {ALL}",
        )
    return int(word.text)
