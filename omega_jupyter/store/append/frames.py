"""Frames that come one after the other, and are seldom all in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.append.source import FrameSource
from omega_jupyter.store.codecs.codec import codec_for
from omega_jupyter.store.codecs.frame import TableCodec

__all__ = ["FrameStream", "check_types", "is_stream"]

# What is held before the first row group is written: a stream that ends before is small.
HELD_BYTES = 8 << 20
HELD_ROWS = 65_536
# Columns that an error lists.
_NAMED = 5


def is_stream(obj: Any, store: str) -> bool:
    """Say whether an object is one frame after the other: an iterator, or a list of frames."""
    if isinstance(obj, list | tuple):
        return bool(obj) and _is_table(obj[0], store)
    # A file is an iterator of lines, but is stored as it is.
    return isinstance(obj, Iterator) and not isinstance(obj, io.IOBase)


def _is_table(obj: Any, store: str) -> bool:
    try:
        return isinstance(codec_for(obj, store), TableCodec)
    except Invalid:
        return False


class FrameStream:
    """Frames of one table, in order.

    Parameters
    ----------
    items : iterable
        DataFrames or Series, which have to be alike.
    store : str
        Whose codecs keep them.
    single : bool
        Whether it is one object that the user gave, and not a stream of them.

    Attributes
    ----------
    codec : TableCodec
        That of the first one.
    sample : object
        The first one that has rows, else the first one.
    ended : bool
        Whether all are held, so that they can be read again.

    Raises
    ------
    Invalid
        There are none, or they have no rows to put one below the other.
    """

    def __init__(self, items: Iterable[Any], store: str, *, single: bool = False) -> None:
        source = items if isinstance(items, FrameSource) else FrameSource(items)
        self._file = source.file
        self._rows = 0
        self._items = enumerate(source, 1)
        self._store = store
        self._single = single
        self._held: list[tuple[str, Any]] = []
        first = next(self._items, None)
        if first is None:
            raise Invalid("There are no frames to store: the iterator gives nothing")
        self.sample = first[1]
        self.codec = self._codec(self.sample)
        held = self._frame(*first)
        size, rows = _bytes_of(held[1]), len(held[1])
        self._held.append(held)
        # One frame of the user's is in memory, however large it is.
        self.ended = single
        while not self.ended and size < HELD_BYTES and rows < HELD_ROWS:
            item = next(self._items, None)
            if item is None:
                self.ended = True
                break
            held = self._frame(*item)
            if not rows:
                self.sample = item[1]
            size, rows = size + _bytes_of(held[1]), rows + len(held[1])
            self._held.append(held)

    @property
    def first_named(self) -> str:
        """What the first frame is called in errors."""
        return "the rows before" if self._single else "the first frame"

    @property
    def once_more(self) -> str:
        """What to do for the same frames to come again, which this stream can't."""
        if self._file is not None:
            return f"import {self._file} once more"
        return "make the iterator anew, and put that"

    def held(self) -> list[tuple[str, Any]]:
        """Return the first frames, each behind what it is called in errors."""
        return self._held

    def rest(self) -> Iterator[tuple[str, Any]]:
        """Read the frames that are not held; possible once. Then nothing is held any more."""
        self._held = []
        for item in self._items:
            yield self._frame(*item)

    def _codec(self, item: Any) -> TableCodec:
        codec = codec_for(item, self._store)
        if isinstance(codec, TableCodec):
            return codec
        kind = type(item).__name__
        if self._single:
            raise Invalid(
                f"A {kind} has no rows that can be appended: only those of tables and series can",
                hint="put all of it as a new version, without append",
            )
        raise Invalid(
            f"An iterator is stored frame by frame, and this one gives a {kind}",
            hint="put a list of it, or an array",
        )

    def _frame(self, number: int, item: Any) -> tuple[str, Any]:
        codec = self._codec(item)
        who = self._named(number, item)
        if codec is not self.codec:
            raise Invalid(
                f"{who} is a {type(item).__name__}, the first one is a "
                f"{type(self.sample).__name__}",
                hint="the frames of one table are of one type",
            )
        if item is not self.sample:
            check_types(codec.types_of(item), codec.types_of(self.sample), who, self.first_named)
        return who, codec.frame_of(item)

    def _named(self, number: int, item: Any) -> str:
        if self._single:
            return "The rows"
        if self._file is None:
            return f"Frame {number}"
        first, self._rows = self._rows + 1, self._rows + len(item)
        return f"What is in rows {first:,} to {self._rows:,} of {self._file}"


def check_types(found: Mapping[str, Any], wanted: Mapping[str, Any], who: str, what: str) -> None:
    """Refuse columns that are stored alike, and would come back as another type.

    Parameters
    ----------
    found, wanted : mapping
        Types by the name of the column; of columns that only one has nothing is said.
    who, what : str
        The rows and the table for errors.

    Raises
    ------
    Invalid
        They differ; the columns are named.
    """
    wrong = [
        f"column {name!r} is {found[name]}, there it is {wanted[name]}"
        for name in found
        if name in wanted and found[name] != wanted[name]
    ]
    if wrong:
        raise Invalid(
            f"{who} can't be added to {what}: {'; '.join(wrong[:_NAMED])}",
            hint="cast these columns to the types that are stored",
        )


def _bytes_of(frame: Any) -> int:
    # Roughly: pandas' own count takes long for wide frames.
    return 8 * int(frame.size)
