"""What is done with names, versions and tags, without their content."""

from __future__ import annotations

import builtins

from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.names.listed import ListedStore
from omega_jupyter.store.names.names import ObjectName, check_tag, new_name, one_version, plain_name
from omega_jupyter.store.names.renaming import rename
from omega_jupyter.store.versions import retention
from omega_jupyter.store.versions.copying import copy_version
from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["VersionedStore"]


class VersionedStore(ListedStore):
    """The names of one store, to be tagged, copied, renamed and dropped.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

    # -- tags ------------------------------------------------------------------

    def tag(self, name: str, tag: str, *, version: int | str | None = None) -> Metadata:
        """Give a version a tag, which then names it: ``"mymodel@prod"``.

        A tag belongs to one version of a name; where another one had it, it moves,
        and readers see it at one or the other.

        Parameters
        ----------
        name : str
            May carry the version: ``"mymodel@3"``.
        tag : str
            A letter, then letters, digits, ``_``, ``.`` and ``-``; at most 64 of them.
        version : int or str, optional
            Which; default: the latest. Text is a tag.

        Returns
        -------
        Metadata
            Of the version that has it now.

        Raises
        ------
        NotFound
            There is no such object, version or tag.
        Invalid
            That can't be a tag.

        Examples
        --------
        >>> om.models.tag("mymodel", "prod", version=3)
        >>> om.runtime.model("mymodel@prod").predict("X")
        """
        check_tag(tag)
        parsed = _whole(name)
        found = self._catalog.find(self.store, parsed.name, one_version(parsed, version))
        if not self._catalog.tags(self.store, found.name).give(tag, found.version):
            raise self._catalog.not_found(self.store, found.name, found.version)
        # Somebody may just be looking whether it has a tag, to remove it if it has none.
        return self._catalog.find(self.store, found.name, found.version, tags=True, removed=True)

    def promote(self, name: str, tag: str) -> Metadata:
        """Give a tag to the version that another tag names: it has both then.

        Parameters
        ----------
        name : str
            With the tag or number of the version: ``"mymodel@staging"``.
        tag : str
            As for :meth:`tag`.

        Returns
        -------
        Metadata
            Of the version that has it now.

        Raises
        ------
        NotFound
            There is no such object, version or tag.

        Examples
        --------
        >>> om.models.promote("mymodel@staging", "prod")
        """
        if ObjectName.parse(name).version is None:
            raise Invalid(
                f"{name!r} names no version to promote",
                hint=f"'{name}@staging' does; tag({name!r}, {tag!r}) takes the latest",
            )
        return self.tag(name, tag)

    def untag(self, name: str, tag: str) -> None:
        """Take a tag off; the version stays.

        Raises
        ------
        NotFound
            There is no such object, or it has no such tag.
        """
        name = plain_name(name)
        check_tag(tag)
        if tag not in self.tags(name) or not self._catalog.tags(self.store, name).take(tag):
            raise self._catalog.not_found(self.store, name, tag)

    def tags(self, name: str) -> dict[str, int]:
        """Return the tags of an object, with the version of each.

        Raises
        ------
        NotFound
            There is no such object.
        """
        name = plain_name(name)
        found = self._catalog.tags(self.store, name).read()
        if not found and not self._catalog.latest(self.store, name).alive:
            raise self._catalog.not_found(self.store, name)
        return found

    # -- other names -----------------------------------------------------------

    def rename(self, name: str, new: str) -> Metadata:
        """Give an object another name, with all its versions, tags and scores.

        Version numbers stay; where something had the new name before, they go on
        after its numbers. Readers see the object whole, under one name or the other.
        What names a version by its number (``"X@3"`` as an input of a model, a task
        that waits) still finds it; the old name by itself does not.

        Parameters
        ----------
        name, new : str
            The object, and a name that is free.

        Returns
        -------
        Metadata
            Of the latest version, under the new name.

        Raises
        ------
        NotFound
            There is no such object.
        Conflict
            The new name is taken.
        """
        name, new = plain_name(name), new_name(new)
        if name == new:
            raise Invalid(f"{name!r} has that name already")
        if not rename(self._url, self.store, name, new):
            raise self._catalog.not_found(self.store, name)
        return self.metadata(new)

    def copy(self, name: str, new: str, *, version: int | str | None = None) -> Metadata:
        """Publish a version under another name as well, or once more as the latest.

        No data is copied. Where the other name exists it gets a new version.

        Parameters
        ----------
        name : str
            May carry the version: ``"X@3"``, ``"mymodel@prod"``.
        new : str
            The other name; the same one, to make an older version the latest.
        version : int or str, optional
            Which; default: the latest. Text is a tag.

        Returns
        -------
        Metadata
            Of the new version; ``inputs["copy"]`` tells what it is a copy of.

        Raises
        ------
        NotFound
            There is no such object, version or tag.
        """
        new = new_name(new)
        parsed = _whole(name)
        found = self._catalog.find(self.store, parsed.name, one_version(parsed, version))
        return copy_version(self._url, found, new)

    # -- removing --------------------------------------------------------------

    def keep(self, name: str, count: int | None) -> builtins.list[int]:
        """Keep the newest versions and those with a tag, from now on; others go.

        It is applied at once, and after each publication under the name, also by
        fits on workers. What goes is hidden at once and deleted after a grace time,
        so that readers can finish. Numbers are not used again.

        Parameters
        ----------
        name : str
            The object.
        count : int or None
            How many of the newest versions to keep; None: all of them again.

        Returns
        -------
        list of int
            The numbers of the versions that went at once.

        Raises
        ------
        NotFound
            There is no such object.
        Invalid
            The count is not a whole number from 1.
        """
        name = plain_name(name)
        if count is not None and (type(count) is not int or not 1 <= count < 1 << 31):
            raise Invalid(
                f"keep() needs a number of versions from 1, not {count!r}",
                hint=f"keep({name!r}, None) keeps all of them",
            )
        latest = self._catalog.latest(self.store, name)
        if not latest.alive:
            raise self._catalog.not_found(self.store, name)
        return retention.keep(self._url, self.store, name, count, latest.version)

    def drop(self, name: str, *, force: bool = False) -> bool:
        """Remove an object with all its versions, or the one version that the name carries.

        Version numbers go on where they were if it is put again. The space is
        free after a grace time, so that readers can finish. Where the latest version
        is dropped, the one before is the latest.

        Parameters
        ----------
        name : str
            The object, ``"X"``, or one version of it, ``"X@3"``.
        force : bool
            Do not complain where there is none; drop a single version also where
            it has tags, with these.

        Returns
        -------
        bool
            Whether it was there.

        Raises
        ------
        NotFound
            There is no such object or version, and not `force`.
        Conflict
            The single version has a tag, and not `force`.
        """
        parsed = _whole(name)
        if parsed.version is not None:
            return self._drop_version(parsed, force)
        dropped = self._catalog.drop(self.store, parsed.name)
        if not dropped and not force:
            raise self._catalog.not_found(self.store, parsed.name)
        return dropped

    def _drop_version(self, parsed: ObjectName, force: bool) -> bool:
        while True:
            try:
                found = self.metadata(str(parsed))
            except NotFound:
                if force:
                    return False
                raise
            if force:
                self._catalog.tags(self.store, found.name).take_all(found.version)
            elif found.tags:
                raise _tagged(found)
            if retention.remove_versions(self._url, self.store, found.name, [found.version]):
                return True
            # Somebody has just given it a tag, or tried to.


def _whole(name: str) -> ObjectName:
    """Return a name that may carry a version, but no columns."""
    parsed = ObjectName.parse(name)
    if parsed.columns is not None or parsed.exclude is not None:
        raise Invalid(f"{name!r} names columns; here a whole object is needed", hint=parsed.name)
    return parsed


def _tagged(found: Metadata) -> Conflict:
    return Conflict(
        f"{found.ref} has the tag{'s' if len(found.tags) > 1 else ''} {', '.join(found.tags)}",
        hint=f"untag({found.name!r}, {found.tags[0]!r}) first, or drop it with force=True",
    )
