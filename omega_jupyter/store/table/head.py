"""The first rows of a table, which its description holds."""

from __future__ import annotations

from collections.abc import Sequence

from omega_jupyter.store.payload.payload import InlineSource, Key, Sink, Source

__all__ = ["HEAD", "HeadSource"]

# The number that the first rows have in place of a segment's.
HEAD = -1


class HeadSource(Source):
    """The first rows from the description, all else from where it is.

    Parameters
    ----------
    source : Source
        Of the table.
    packed : sequence of bytes
        The chunk of each block.
    """

    def __init__(self, source: Source, packed: Sequence[bytes]) -> None:
        self._source = source
        self._head = InlineSource([{f"0.{block}": data for block, data in enumerate(packed)}])

    def fetch(self, segment: int, keys: Sequence[Key], sink: Sink) -> None:
        """Give the chunks to the sink."""
        if segment == HEAD:
            self._head.fetch(0, keys, sink)
        else:
            self._source.fetch(segment, keys, sink)

    def has_closing(self, segment: int) -> bool:
        """Say that the head has no statistics."""
        return False
