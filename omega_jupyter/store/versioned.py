"""Names, versions and tags of what is stored, without its content."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store import retention
from omega_jupyter.store.catalog import Catalog
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.names import ObjectName, check_tag, one_version, plain_name

__all__ = ["VersionedStore"]


class VersionedStore:
    """Names, versions and tags of one store.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

    store: ClassVar[str]

    def __init__(self, url: SecretUrl) -> None:
        self._url = url
        self._catalog = Catalog(url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._url)!r})"

    # -- what there is ---------------------------------------------------------

    def list(
        self,
        pattern: str | None = None,
        *,
        regexp: str | re.Pattern[str] | None = None,
        kind: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        hidden: bool = False,
    ) -> builtins.list[str]:
        r"""Return the stored names, sorted.

        Parameters
        ----------
        pattern : str, optional
            For the whole name, with ``*``, ``?`` and ``[abc]`` as in file names:
            ``sales/*``.
        regexp : str or re.Pattern, optional
            A regular expression for the beginning of the name, as in ``re.match``:
            ``r"sales/\d+"``; with ``$`` at its end for the whole name.
        kind : str, optional
            Only objects of this kind, such as ``dataframe``.
        attributes : mapping, optional
            Only objects whose latest version has all of these attributes.
        hidden : bool
            Also internal objects, whose names begin with a dot.

        Returns
        -------
        list of str

        Raises
        ------
        Invalid
            The regular expression can't be read.
        """
        return self._catalog.listing(self.store).names(
            pattern, regexp=regexp, kind=kind, attributes=attributes, hidden=hidden
        )

    def entries(
        self,
        pattern: str | None = None,
        *,
        regexp: str | re.Pattern[str] | None = None,
        kind: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        hidden: bool = False,
    ) -> builtins.list[Metadata]:
        """Return the metadata of the latest version of each object, sorted by name.

        Parameters
        ----------
        pattern, regexp, kind, attributes, hidden
            As for :meth:`list`.

        Returns
        -------
        list of Metadata
            With their tags.
        """
        return self._catalog.listing(self.store).entries(
            pattern, regexp=regexp, kind=kind, attributes=attributes, hidden=hidden
        )

    def exists(self, name: str) -> bool:
        """Say whether an object, or the version or tag that the name carries, is stored."""
        parsed = ObjectName.parse(name)
        if parsed.version is None:
            return self._catalog.latest(self.store, parsed.name).alive
        try:
            self._catalog.find(self.store, parsed.name, parsed.version)
        except NotFound:
            return False
        return True

    def metadata(self, name: str) -> Metadata:
        """Return what is known of an object without loading it.

        Parameters
        ----------
        name : str
            With ``@version`` or ``@tag`` for one that is not the latest.

        Raises
        ------
        NotFound
            There is no such object, version or tag.
        """
        parsed = ObjectName.parse(name)
        return self._catalog.find(self.store, parsed.name, parsed.version, tags=True)

    def versions(self, name: str) -> builtins.list[Metadata]:
        """Return the metadata of all versions, oldest first.

        Returns
        -------
        list of Metadata
            With scores, inputs and tags.

        Raises
        ------
        NotFound
            There is no such object.
        """
        return self._catalog.history(self.store, plain_name(name))

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
        return self.metadata(found.ref)

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
        # Somebody has just given it a tag.
        raise _tagged(self.metadata(found.ref))


def _whole(name: str) -> ObjectName:
    """Return a name that may carry a version, but no columns."""
    parsed = ObjectName.parse(name)
    if parsed.columns is not None or parsed.exclude is not None:
        raise Invalid(f"{name!r} names columns; here a whole object is needed", hint=parsed.name)
    return parsed


def _tagged(found: Metadata) -> Conflict:
    return Conflict(
        f"{found.ref} has the tag{'s' if len(found.tags) > 1 else ''} {', '.join(found.tags)}",
        hint=f"untag({found.name!r}, {(*found.tags, '…')[0]!r}) first, or drop it with force=True",
    )
