"""What data sets and models have in common: put, get, list, versions, drop."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.store.catalog import Catalog, Latest, now
from omega_jupyter.store.chunks import StoredSource
from omega_jupyter.store.codecs.codec import Codec, Part, codec_for, codec_of_kind
from omega_jupyter.store.connection import Document
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.names import ObjectName, plain_name
from omega_jupyter.store.schema import prepare
from omega_jupyter.store.writing import FORMAT, describe, discard, write_payload

__all__ = ["ObjectStore"]


class ObjectStore:
    """Named, versioned objects of one store.

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

    # -- lists -----------------------------------------------------------------

    def list(
        self, pattern: str | None = None, *, kind: str | None = None, hidden: bool = False
    ) -> builtins.list[str]:
        """Return the stored names, sorted.

        Parameters
        ----------
        pattern : str, optional
            With ``*`` and ``?``, as in file names: ``sales/*``.
        kind : str, optional
            Only objects of this kind, such as ``dataframe``.
        hidden : bool
            Also internal objects, whose names begin with a dot.

        Returns
        -------
        list of str
        """
        return self._catalog.listing(self.store).names(pattern, kind=kind, hidden=hidden)

    def entries(
        self, pattern: str | None = None, *, hidden: bool = False
    ) -> builtins.list[Metadata]:
        """Return the metadata of the latest version of each object, sorted by name.

        Parameters
        ----------
        pattern, hidden
            As for :meth:`list`.

        Returns
        -------
        list of Metadata
        """
        return self._catalog.listing(self.store).entries(pattern, hidden=hidden)

    def exists(self, name: str) -> bool:
        """Say whether an object, or the version that the name carries, is stored."""
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
            With ``@version`` for one that is not the latest.

        Raises
        ------
        NotFound
            There is no such object or version.
        """
        parsed = ObjectName.parse(name)
        return self._catalog.find(self.store, parsed.name, parsed.version)

    def versions(self, name: str) -> builtins.list[Metadata]:
        """Return the metadata of all versions, oldest first.

        Raises
        ------
        NotFound
            There is no such object.
        """
        return self._catalog.history(self.store, plain_name(name))

    # -- writing ---------------------------------------------------------------

    def drop(self, name: str, *, force: bool = False) -> bool:
        """Remove an object with all its versions.

        Version numbers go on where they were if it is put again. The space is
        free after a grace time, so that readers can finish.

        Parameters
        ----------
        name : str
            The object.
        force : bool
            Do not complain when there is none.

        Returns
        -------
        bool
            Whether it was there.

        Raises
        ------
        NotFound
            There is no such object, and not `force`.
        """
        name = plain_name(name)
        dropped = self._catalog.drop(self.store, name)
        if not dropped and not force:
            raise self._catalog.not_found(self.store, name)
        return dropped

    def _put(
        self,
        obj: Any,
        name: str,
        *,
        attributes: Mapping[str, Any] | None,
        if_exists: str,
        task: str | None,
        inputs: Mapping[str, str] | None,
        codec: Codec | None = None,
    ) -> Metadata:
        name = plain_name(name)
        if if_exists not in ("replace", "fail"):
            raise Invalid(f"if_exists={if_exists!r} is not 'replace' or 'fail'")
        described = {"attributes": plain_attributes(attributes), "inputs": dict(inputs or {})}
        prepare(self._url)
        if task is not None:
            done = self._catalog.by_task(self.store, name, task)
            if done is not None:
                return Metadata.from_document(done)
        codec = codec or codec_for(obj, self.store)
        # Before anything is written: most refusals come from here.
        encoded = codec.encode(obj)
        if if_exists == "fail":
            self._refuse_taken(name, self._catalog.latest(self.store, name))
        entries, hashed = write_payload(self._url, encoded)
        document = describe(codec, encoded) | described
        document["segments"] = entries
        document["hash"] = hashed
        document["body"]["digest"] = hashed

        def make(latest: Latest) -> Document:
            if if_exists == "fail":
                self._refuse_taken(name, latest)
            return document | {"created": now()}

        return self._publish(name, make, task, entries)

    def _publish(
        self,
        name: str,
        make: Callable[[Latest], Document],
        task: str | None,
        entries: builtins.list[Document],
    ) -> Metadata:
        """Publish; what was written for nothing is deleted.

        After an error of the connection nobody knows whether it was published: then
        the chunks stay, for the garbage collection to find out.
        """
        try:
            published = self._catalog.publish(self.store, name, make, task=task)
        except (Conflict, Invalid):
            discard(self._url, entries)
            raise
        if published["segments"] != entries:
            discard(self._url, entries)
        return Metadata.from_document(published)

    def _refuse_taken(self, name: str, latest: Latest) -> None:
        if latest.alive:
            raise Conflict(
                f"{name!r} is stored already (version {latest.version})",
                hint="leave out if_exists='fail' to add a version, or drop it first",
            )

    # -- reading ---------------------------------------------------------------

    def _get(self, metadata: Metadata, part: Part) -> Any:
        return self._decode(self._document(metadata), part, metadata.ref)

    def _decode(self, document: Document, part: Part, what: str) -> Any:
        codec = codec_of_kind(document["kind"])
        return codec.decode(StoredSource(self._url, document), document["body"], part, what)

    def _document(self, metadata: Metadata) -> Document:
        """Return the version document with all that a codec needs."""
        document = metadata._document
        if document is None:
            found = self._catalog.find(metadata.store, metadata.name, metadata.version)
            document = found._document or {}
        if document["format"] > FORMAT:
            raise Invalid(
                f"{metadata.ref} was written by a newer omega-jupyter",
                hint="pip install --upgrade omega-jupyter",
            )
        return document


def plain_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's attributes, which must be JSON as it is.

    Raises
    ------
    Invalid
        A key is not text, or a value would not come back equal.
    """
    checked: dict[str, Any] = {}
    for key, value in (attributes or {}).items():
        if "\0" in str(key) or str(key) != key:
            raise Invalid(f"The attribute {key!r} has a key that is not plain text")
        if not _is_json(value):
            raise Invalid(
                f"The attribute {key!r} is not plain JSON",
                hint="text, numbers, true, false, None, lists and dicts of them",
            )
        checked[key] = value
    return checked


def _is_json(value: Any) -> bool:
    if type(value) is dict:
        return all(type(k) is str and "\0" not in k and _is_json(v) for k, v in value.items())
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    return value is None or type(value) in (str, bool, float)
