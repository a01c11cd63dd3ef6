"""Which versions of an archive go where in a store that may have them, or others, already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, NotFound
from omega_jupyter.store.archive.survey import Archived, Key, key_of
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.names.patterns import like

__all__ = ["Plan", "make_plan"]

NAMES_AT_ONCE = 500
NAMES_SHOWN = 5
_FIELDS = {"store": 1, "name": 1, "version": 1, "kind": 1, "hash": 1, "created": 1}
_FIELDS |= {"deleted": 1, "removed": 1}

Name = tuple[str, str]
Version = tuple[str, str, int]


class _Present(NamedTuple):
    """What a store has of a name: last number, last drop, and the versions that are alive."""

    latest: int
    dropped: int
    versions: dict[int, Key]


class Plan(NamedTuple):
    """What is to be imported.

    Attributes
    ----------
    numbers : dict
        By store, name and version in the archive, the number that it gets.
    here : dict
        The same of versions that the store has already.
    latest : dict
        By store and name, the last number that the store has of it.
    dropped : dict
        By store and name, the last drop of what the store had before.
    own : set of (str, str)
        Store and name of what the store has nothing else of.
    skipped : list of str
        Names that are left alone.
    """

    numbers: dict[Version, int]
    here: dict[Version, int]
    latest: dict[Name, int]
    dropped: dict[Name, int]
    own: set[Name]
    skipped: list[str]


def make_plan(
    url: SecretUrl, archived: Sequence[Archived], pattern: str | None, if_exists: str
) -> Plan:
    """Compare an archive with a store.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    archived : sequence of Archived
        In the order of the file.
    pattern : str, optional
        Only names like this one.
    if_exists : {'fail', 'skip', 'add'}
        What to do with names that are there with other versions.

    Raises
    ------
    NotFound
        Nothing in the archive has such a name.
    Conflict
        There are such names, and `if_exists` is ``fail``.
    """
    plan = Plan({}, {}, {}, {}, set(), [])
    taken: list[str] = []
    fits = like(pattern)
    chosen = [version for version in archived if fits(version.name)]
    if pattern is not None and not chosen:
        raise NotFound(f"Nothing in the archive matches {pattern!r}")
    for name, here, there in _pairs(url, chosen):
        known = {key: number for number, key in there.versions.items()}
        plan.here.update({v[:3]: known[v.key] for v in here if v.key in known})
        wanted = [version for version in here if version.key not in known]
        plan.latest[name] = there.latest
        plan.dropped[name] = there.dropped
        if _goes_on(here, there):
            plan.own.add(name)
        if not wanted:
            continue
        keep = name in plan.own and wanted[0].version > there.latest
        if there.versions and not keep:
            if if_exists == "skip":
                plan.skipped.append(name[1])
                continue
            if if_exists == "fail":
                taken.append(name[1])
                continue
        for number, version in enumerate(wanted, there.latest + 1):
            plan.numbers[version[:3]] = version.version if keep else number
    if taken:
        raise _taken(taken)
    return plan


def _pairs(
    url: SecretUrl, archived: Sequence[Archived]
) -> Iterator[tuple[Name, list[Archived], _Present]]:
    """Yield each name with its versions in the archive and in the store."""
    names = groupby(archived, lambda version: version[:2])
    while batch := [(name, list(found)) for name, found in islice(names, NAMES_AT_ONCE)]:
        present = _present(url, [name for name, _ in batch])
        for name, found in batch:
            yield name, found, present.get(name, _Present(0, 0, {}))


def _present(url: SecretUrl, names: Sequence[Name]) -> dict[Name, _Present]:
    found: dict[Name, _Present] = {}
    for store in {store for store, _ in names}:
        query = {"store": store, "name": {"$in": [n for s, n in names if s == store]}}
        for document in versions(url).find(query, _FIELDS).sort("version", 1):
            name = store, document["name"]
            number = int(document["version"])
            before = found.get(name, _Present(0, 0, {}))
            if document.get("deleted"):
                found[name] = _Present(number, number, {})
            elif document.get("removed") is not None:
                found[name] = before._replace(latest=number)
            else:
                alive = before.versions | {number: key_of(document)}
                found[name] = _Present(number, before.dropped, alive)
    return found


def _goes_on(here: Sequence[Archived], there: _Present) -> bool:
    """Say whether the store has the beginning of what the archive has, by the same numbers."""
    mine = {version.version: version.key for version in here}
    return all(mine.get(number) == key for number, key in there.versions.items())


def _taken(names: Sequence[str]) -> Conflict:
    shown = ", ".join(repr(name) for name in names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return Conflict(
        f"Nothing is imported: {shown}{more} {'is' if len(names) == 1 else 'are'} stored already, "
        "with other versions",
        hint="if_exists='skip' leaves them alone, if_exists='add' puts the archive's versions "
        "behind theirs",
    )
