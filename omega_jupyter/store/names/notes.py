"""What belongs to a name as such, its tags and what it keeps, taken along to another name."""

from __future__ import annotations

from contextlib import suppress

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import names

__all__ = ["copy_late_notes", "copy_notes"]


def copy_notes(url: SecretUrl, old: Document, new: Document, offset: int) -> Document | None:
    """Take tags and rule along, and return them as they were.

    Parameters
    ----------
    url : SecretUrl
        The user's database.
    old, new : dict
        The names, ``{"store": …, "name": …}``.
    offset : int
        What the new version numbers are higher by.

    Raises
    ------
    pymongo.errors.DuplicateKeyError
        Somebody else is writing those of the new name.
    """
    noted = names(url).find_one(old)
    if noted is None:
        names(url).delete_one(new)
    else:
        names(url).replace_one(new, _shifted(noted, new, offset), upsert=True)
    return noted


def copy_late_notes(
    url: SecretUrl, old: Document, new: Document, offset: int, noted: Document | None
) -> None:
    """Take along the tags that were moved since.

    Parameters
    ----------
    url, old, new, offset
        As for :func:`copy_notes`.
    noted : dict, optional
        What that returned.
    """
    from pymongo.errors import DuplicateKeyError

    again = names(url).find_one(old)
    if again is None or again == noted:
        return
    before = {"tags": None, "keep": None} if noted is None else _shifted(noted, new, offset)
    with suppress(DuplicateKeyError):  # somebody has moved them under the new name
        names(url).replace_one(new | before, _shifted(again, new, offset), upsert=noted is None)


def _shifted(noted: Document, new: Document, offset: int) -> Document:
    tags = [e | {"version": e["version"] + offset} for e in noted.get("tags", ())]
    keep = noted.get("keep")
    rule = {"keep": keep | {"since": keep["since"] + offset}} if keep else {}
    return new | {"tags": tags} | rule
