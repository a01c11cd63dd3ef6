"""A part of a model that says where it is when it can't be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import Key, Segment

__all__ = ["PlacedSegment"]


class PlacedSegment(Segment):
    """A segment of a codec that finds out while it writes what it can't keep.

    Parameters
    ----------
    segment : Segment
        The codec's own.
    refusal : callable
        Makes the error that names the place from the codec's.
    """

    def __init__(self, segment: Segment, refusal: Callable[[Invalid], Invalid]) -> None:
        self._segment = segment
        self._refusal = refusal

    @property
    def size(self) -> int:
        """Expected bytes."""
        return self._segment.size

    def listed(self) -> Iterator[Key]:
        """List the chunks."""
        return self._segment.listed()

    def pack(self, group: int, block: int) -> bytes:
        """Produce one chunk.

        Raises
        ------
        Invalid
            It can't be kept; names its place in the model.
        """
        try:
            return self._segment.pack(group, block)
        except Invalid as error:
            raise self._refusal(error) from error

    def closing(self) -> Iterable[tuple[int, int, bytes]]:
        """Produce what is known when all is packed."""
        return self._segment.closing()
