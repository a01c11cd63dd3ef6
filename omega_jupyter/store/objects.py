"""What data sets and models have in common: how they are put and got."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from omega_jupyter.errors import Conflict, Invalid, NotFound, OmegaError
from omega_jupyter.store.chunks.chunks import StoredSource
from omega_jupyter.store.codecs.codec import Codec, codec_for, codec_of_kind
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.database.schema import prepare
from omega_jupyter.store.names.catalog import Latest, now
from omega_jupyter.store.names.names import new_name
from omega_jupyter.store.names.versioned import VersionedStore
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.upkeep.document import fault_of
from omega_jupyter.store.versions.attributes import plain_attributes
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.publication import Standing
from omega_jupyter.store.versions.writing import (
    FORMAT,
    content_hash,
    describe,
    discard,
    write_payload,
)
from omega_jupyter.store.wording.damage import DAMAGE_HINT

__all__ = ["ObjectStore", "Put"]


class Put(NamedTuple):
    """What a put has come to.

    Attributes
    ----------
    version : Metadata
    first : bool
        Whether it holds what was put; else what the same task had put before.
    """

    version: Metadata
    first: bool


# What a codec meets where a description is not the one that it wrote.
_UNREADABLE = (
    Invalid,
    NotFound,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


class ObjectStore(VersionedStore):
    """Named, versioned objects of one store, with their content.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    """

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
        standing: Standing | None = None,
    ) -> Put:
        """Put an object, and tell whether the task had not put another one before."""
        name = new_name(name, task=task)
        described = notes_of(attributes, if_exists, inputs)
        _check_task(task)
        prepare(self._url)
        # The publication finds out that a task runs again; but here its own work would be
        # refused.
        done = self._done(name, task) if if_exists == "fail" else None
        if done is not None:
            return Put(done, first=False)
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

        return self._publish(name, make, task, entries, standing)

    def _done(self, name: str, task: str | None) -> Metadata | None:
        """Return what a task that runs again has published before."""
        _check_task(task)
        prepare(self._url)
        found = None if task is None else self._catalog.by_task(self.store, name, task)
        return None if found is None else Metadata.from_document(found)

    def _publish(
        self,
        name: str,
        make: Callable[[Latest], Document],
        task: str | None,
        entries: list[Document],
        standing: Standing | None,
    ) -> Put:
        """Publish; what was written for nothing is deleted.

        After an error of the connection nobody knows whether it was published: then
        the chunks stay, for the garbage collection to find out.
        """
        try:
            published = self._catalog.publish(self.store, name, make, task=task, standing=standing)
        except (Conflict, Invalid):
            discard(self._url, entries)
            raise
        first: bool = published["segments"] == entries
        if not first:
            discard(self._url, entries)
        return Put(Metadata.from_document(published), first)

    def _refuse_taken(self, name: str, latest: Latest) -> None:
        if latest.alive:
            raise Conflict(
                f"{name!r} is stored already (version {latest.newest})",
                hint="leave out if_exists='fail' (--new) to add a version, or drop it first",
            )

    def _get(self, metadata: Metadata, part: Part) -> Any:
        return self._decode(self._document(metadata), part, metadata.ref)

    def _decode(self, document: Document, part: Part, what: str) -> Any:
        codec = codec_of_kind(document["kind"])
        with _naming_damage(document, what):
            return codec.decode(StoredSource(self._url, document), document["body"], part, what)

    def _lazy(self, metadata: Metadata, part: Part) -> Any:
        document = self._document(metadata)
        codec = codec_of_kind(document["kind"])
        source = StoredSource(self._url, document)
        with _naming_damage(document, metadata.ref):
            return codec.lazy(source, document["body"], part, metadata.ref)

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


@contextmanager
def _naming_damage(document: Document, what: str) -> Iterator[None]:
    """Look at a description that could not be read: where it is damaged, that is the error.

    A codec relies on what it has written; its hash tells whether this is that.
    """
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OmegaError) and what in error.message:
            raise
        fault = fault_of(document)
        # A file's hash is that of its bytes.
        if fault is None and document["kind"] != "file":
            found = content_hash(document["body"], document["segments"])
            fault = None if found == document["hash"] else "its description was changed"
        if fault is None:
            raise
        raise Invalid(
            f"{what} is damaged: {fault} ({getattr(error, 'message', error)})",
            hint=DAMAGE_HINT,
        ) from error


def _check_task(task: str | None) -> None:
    """Refuse what the database would not keep as the key of one publication."""
    if not isinstance(task, str | None):
        raise Invalid(f"task={task!r} is no text", hint="task=str(…): the same for each try")


def notes_of(
    attributes: Mapping[str, Any] | None, if_exists: str, inputs: Mapping[str, str] | None
) -> dict[str, dict[str, Any]]:
    """Return what the user says of a new version, checked.

    Raises
    ------
    Invalid
        An attribute is not plain JSON, or `if_exists` is none of the words.
    """
    if if_exists not in ("replace", "fail"):
        raise Invalid(f"if_exists={if_exists!r} is not 'replace' or 'fail'")
    return {"attributes": plain_attributes(attributes), "inputs": _plain_inputs(inputs)}


def _plain_inputs(inputs: Any) -> dict[str, str]:
    found = {} if inputs is None else inputs
    if isinstance(found, Mapping) and all(
        isinstance(text, str) for text in (*found, *found.values())
    ):
        return dict(found)
    raise Invalid(
        "Inputs are roles with the names of what was used", hint="inputs={'X': 'sales@3'}"
    )
