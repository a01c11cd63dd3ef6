"""Verbs on what is stored: put, get, ls, info, head, rm."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.append.source import FrameSource
from omega_jupyter.store.wording.listing import Listing
from omega_jupyter.verbs.data import (
    filters_of,
    is_estimator,
    named_pairs,
    own_object,
    stored,
    stores,
)
from omega_jupyter.verbs.description import Description
from omega_jupyter.verbs.entries import entries_table, versions_table
from omega_jupyter.verbs.usage import UsageError

if TYPE_CHECKING:
    from omega_jupyter.omega import Omega
    from omega_jupyter.store.versions.metadata import Metadata
    from omega_jupyter.verbs.caller import Caller
    from omega_jupyter.verbs.words import Word

__all__ = ["get", "head", "info", "ls", "put", "rm"]

_WILD = frozenset("*?")


def put(
    caller: Caller,
    objects: Sequence[Word],
    append: bool,
    new: bool,
    format_: str | None,
    keywords: Mapping[str, Any],
) -> Metadata | Listing[Metadata]:
    """Store objects of the caller's; ``X as sales`` stores X under the name sales."""
    # All are looked up before the first is stored: a typing error leaves nothing behind.
    wanted = [_named(caller, word, name) for word, name in named_pairs(objects)]
    for value, name in wanted:
        if format_ is not None and not is_estimator(value):
            raise UsageError(f"{name!r} is no model; --format {format_} is for models")
        if append and is_estimator(value):
            raise UsageError(f"{name!r} is a model; --append is for the rows of data")
    done = []
    for value, name in wanted:
        with _told(caller, value, name) as counted:
            done.append(_put(caller.om, counted, name, append, new, format_, keywords))
    return done[0] if len(done) == 1 else entries_table(done)


def get(
    caller: Caller,
    name: Word,
    store: str | None,
    trust: Sequence[str],
    as_: str | None,
    keywords: Mapping[str, Any],
) -> Any:
    """Load a data set or a model."""
    found = stored(caller.om, name.text, store)
    if found.store == "models":
        if keywords:
            raise UsageError(f"{found.name!r} is a model; {', '.join(keywords)}= selects rows")
        if as_ is not None:
            raise UsageError(f"{found.name!r} is a model; --as {as_} is for tables")
        return caller.om.models.get(name.text, trusted=tuple(trust))
    return caller.om.datasets.get(name.text, as_=as_, **filters_of(keywords))


def ls(
    caller: Caller,
    pattern: Word | None,
    long: bool,
    kind: str | None,
    store: str | None,
    hidden: bool,
) -> Listing[Metadata]:
    """List the data sets and models."""
    text = None if pattern is None else pattern.text
    if text is not None and text.endswith("/"):
        text += "*"
    entries: list[Metadata] = []
    for objects in stores(caller.om, store):
        entries += objects.entries(text, kind=kind, hidden=hidden)
    empty = f"nothing is stored yet; {caller.prefix} put {caller.own_kind.upper()} stores one"
    if pattern is not None or kind is not None:
        empty = "nothing stored"
        empty += "" if pattern is None else f" matches {pattern.text!r}"
        empty += "" if kind is None else f" is of kind {kind!r}"
    usage = caller.om.store.usage(text or "*").by_name() if long else None
    return entries_table(entries, long=usage, empty=empty)


def info(
    caller: Caller, name: Word, store: str | None, versions: bool
) -> Metadata | Listing[Metadata]:
    """Return what is known of a data set or model."""
    found = stored(caller.om, name.text, store)
    if not versions:
        usage = caller.om.store.usage(escape(found.name)).by_name()
        return Description.of(found, usage.get((found.store, found.name)))
    (objects,) = stores(caller.om, found.store)
    return versions_table(objects.versions(found.name))


def head(caller: Caller, name: Word, rows: int) -> Any:
    """Load the first rows of a data set."""
    if rows < 0:
        raise UsageError(f"-n takes a number of rows, not {rows}")
    try:
        return caller.om.datasets.head(name.text, rows)
    except NotFound:
        if not caller.om.models.exists(name.text):
            raise
        raise Invalid(
            f"{name.text!r} is a model, which has no rows",
            hint=f"{caller.prefix} info {name.text}",
        ) from None


def rm(caller: Caller, names: Sequence[Word], store: str | None, force: bool) -> None:
    """Remove objects with all their versions, or single versions."""
    # All are found before the first is removed: a typing error removes nothing.
    doomed: dict[tuple[str, str], None] = {}
    for word in names:
        doomed |= dict.fromkeys(_matching(caller, word, store, force))
    for kind, name in doomed:
        (objects,) = stores(caller.om, kind)
        objects.drop(name, force=force)
    listed = [f"{name} ({_WORDS[kind]})" for kind, name in doomed]
    caller.say(f"removed {', '.join(listed)}" if listed else "nothing to remove")


_WORDS = {"datasets": "data set", "models": "model"}


def _named(caller: Caller, word: Word, name: str | None) -> tuple[Any, str]:
    value, own_name = own_object(caller, word)
    name = own_name if name is None else name
    if name is None:
        raise UsageError(f"{word.raw} needs a name", hint=f"{caller.prefix} put {word.raw} as NAME")
    if isinstance(value, type) and hasattr(value, "fit"):
        raise Invalid(
            f"{value.__name__} is a class, not an estimator",
            hint=f"{caller.prefix} put {{{value.__name__}()}} as {name}",
        )
    return value, name


@contextmanager
def _told(caller: Caller, value: Any, name: str) -> Iterator[Any]:
    """Tell how many rows of a stream of frames are stored; who made it need not know how many."""
    if not isinstance(value, Iterator) or isinstance(value, io.IOBase):
        yield value
        return
    what = f"put {name}"
    with caller.progress(what) as notify:
        yield FrameSource(value, notify=notify, what=what)


def _put(
    om: Omega,
    value: Any,
    name: str,
    append: bool,
    new: bool,
    format_: str | None,
    attributes: Mapping[str, Any],
) -> Metadata:
    if_exists: Any = "fail" if new else "replace"
    notes = dict(attributes) or None
    if is_estimator(value):
        return om.models.put(
            value, name, format=format_ or "skops", attributes=notes, if_exists=if_exists
        )
    return om.datasets.put(value, name, append=append, attributes=notes, if_exists=if_exists)


def _matching(caller: Caller, word: Word, store: str | None, force: bool) -> list[tuple[str, str]]:
    """Return store and name of what a name or pattern of ``rm`` means."""
    name, at, _ = word.text.partition("@")
    if "[" in word.text or (at and _WILD & set(word.text)):
        raise UsageError(
            f"{word.text!r} names a part; rm removes an object or one version of it",
            hint=f"{caller.prefix} rm {name.partition('[')[0]}, or {name.partition('[')[0]}@3",
        )
    if _WILD & set(word.text):
        if not word.quoted and caller.own_kind == "variable":
            raise UsageError(
                f"A pattern removes several objects; {word.text} is not in quotes",
                hint=f"{caller.prefix} ls '{word.text}', then {caller.prefix} rm '{word.text}'",
            )
        found = [
            (kind, name)
            for kind in _kinds(store)
            for objects in stores(caller.om, kind)
            for name in objects.list(word.text)
        ]
        if not found and not force:
            raise Invalid(f"Nothing stored matches {word.text!r}", hint=f"{caller.prefix} ls")
        return found
    if force and not any(objects.exists(word.text) for objects in stores(caller.om, store)):
        return []
    metadata = stored(caller.om, word.text, store)
    if not at:
        return [(metadata.store, metadata.name)]
    if metadata.tags and not force:
        raise Conflict(
            f"{metadata.ref} has the tag {', '.join(metadata.tags)}",
            hint=f"{caller.prefix} tag {metadata.name} {metadata.tags[0]} --remove, "
            f"or {caller.prefix} rm -f {word.raw}",
        )
    return [(metadata.store, metadata.ref)]


def _kinds(store: str | None) -> tuple[str, ...]:
    return ("datasets", "models") if store is None else (store,)
