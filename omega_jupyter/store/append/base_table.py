"""The table that rows are put behind: a stored version, or one of no rows yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.append.frames import FrameStream, check_types
from omega_jupyter.store.chunks.chunks import StoredSource
from omega_jupyter.store.database.connection import Document
from omega_jupyter.store.payload.payload import InlineSource, pack_inline
from omega_jupyter.store.table.stored import StoredTable
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.writing import FORMAT, describe

__all__ = ["BaseTable"]


class BaseTable(NamedTuple):
    """The table that rows come behind.

    Attributes
    ----------
    table : StoredTable
    document : dict
        Its version document, or what one of it would say.
    segments : sequence of (dict or Segment)
        What its description names by number; a segment is not written yet.
    """

    table: StoredTable
    document: Document
    segments: Sequence[Any]

    @classmethod
    def of_version(cls, url: SecretUrl, found: Metadata, stream: FrameStream) -> BaseTable:
        """Return a stored version.

        Raises
        ------
        Invalid
            It is of another kind than the rows.
        """
        document, codec = found._document or {}, stream.codec
        if document["format"] > FORMAT:
            raise Invalid(
                f"{found.ref} was written by a newer omega-jupyter",
                hint="pip install --upgrade omega-jupyter",
            )
        if document["kind"] != codec.kind:
            raise Invalid(
                f"{found.ref} is kind {document['kind']!r}; rows of kind {codec.kind!r} can't be "
                "appended to it",
                hint="put without append stores a new version",
            )
        body = document["body"]
        types = codec.types_of(stream.sample)
        check_types(types, codec.stored_types(body), "The rows", found.ref)
        source = StoredSource(url, document)
        table = StoredTable(source, body, found.ref, numbers_rows=not codec.index_is_data)
        return cls(table, document, document["segments"])

    @classmethod
    def of_first(cls, stream: FrameStream) -> BaseTable:
        """Return the table of the first frame, without its rows."""
        codec = stream.codec
        encoded = codec.encode(stream.sample)
        body = {k: v for k, v in encoded.body.items() if k != "head"} | {"rows": 0, "tables": []}
        if body["index"]["k"] == "range":
            body["index"] = body["index"] | {"stop": body["index"]["start"]}
        source = InlineSource([{}, *(pack_inline(segment) for segment in encoded.segments[1:])])
        table = StoredTable(source, body, stream.first_named, numbers_rows=not codec.index_is_data)
        document = describe(codec, encoded)
        document["shape"] = [0, *document["shape"][1:]]
        return cls(table, document, encoded.segments)
