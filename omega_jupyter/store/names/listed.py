"""What there is in a store: names, their versions, and what is known of them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.codecs.codec import codecs
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.listing import Brief, Wanted
from omega_jupyter.store.names.names import ObjectName, plain_name
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.wording.closest import closest

__all__ = ["ListedStore"]


class ListedStore:
    """The names of one store and their versions, to be looked at.

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
            The regular expression can't be read, or nothing can be of this kind.
        """
        wanted = Wanted(pattern, regexp=regexp, kind=kind, attributes=attributes, hidden=hidden)
        return self._catalog.listing(self.store).names(wanted) or _none_of(kind)

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
        wanted = Wanted(pattern, regexp=regexp, kind=kind, attributes=attributes, hidden=hidden)
        return self._catalog.listing(self.store).entries(wanted) or _none_of(kind)

    def brief(self) -> builtins.list[Brief]:
        """Return name, latest version and kind of each object, sorted by name.

        Nothing but the index is read for them: of 100,000 objects, that takes a tenth
        of the time of :meth:`entries`.
        """
        return self._catalog.listing(self.store).briefs(Wanted())

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


def _none_of(kind: str | None) -> builtins.list[Any]:
    """Return the empty list of objects of a kind, which is one: a slip would look the same."""
    kinds = [codec.kind for codec in codecs()] if kind is not None else []
    if kind is None or kind in kinds:
        return []
    near = closest(str(kind), kinds)
    raise Invalid(
        f"There is no kind {kind!r}." + (f" Did you mean {near!r}?" if near else ""),
        hint=f"kinds are: {', '.join(sorted(kinds))}",
    )
