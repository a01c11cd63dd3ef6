"""pandas' DataFrame and Series, and what all kinds of tables have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from omega_jupyter.store.codecs.codec import Codec, Part, module_of
from omega_jupyter.store.payload import Encoded, Source

__all__ = ["FrameCodec", "SeriesCodec", "TableCodec"]


class TableCodec(Codec):
    """A kind that is stored as a table of column blocks.

    What reads, filters and writes tables works on frames of pandas; a codec makes
    one of the user's object without a loss, and the object of one.
    """

    @abstractmethod
    def frame_of(self, obj: Any) -> Any:
        """Return the object as a frame, without copying what need not be.

        Raises
        ------
        Invalid
            A column can't be kept; named.
        """

    @abstractmethod
    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a frame, or a part of it, as the object that the description is of."""

    def encode(self, obj: Any) -> Encoded:
        """Cut the frame into row groups and blocks."""
        from omega_jupyter.store.table.write import encode_table

        return encode_table(self.frame_of(obj), f"{module_of(obj)}.{type(obj).__name__}")

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the table, some of its columns, or the rows that pass the filters."""
        from omega_jupyter.store.table.part import read_part

        return self.object_of(read_part(source, body, part, what), body)


class FrameCodec(TableCodec):
    """A DataFrame."""

    kind = "dataframe"

    def accepts(self, obj: Any) -> bool:
        """Accept DataFrame itself; a subclass would come back as its base."""
        return module_of(obj) == "pandas" and type(obj).__name__ == "DataFrame"

    def frame_of(self, obj: Any) -> Any:
        """Return it."""
        return obj

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return it."""
        return frame


class SeriesCodec(TableCodec):
    """A Series as a table of one column, whose label is its name."""

    kind = "series"

    def accepts(self, obj: Any) -> bool:
        """Accept Series itself."""
        return module_of(obj) == "pandas" and type(obj).__name__ == "Series"

    def frame_of(self, obj: Any) -> Any:
        """Make a frame of one column."""
        import pandas as pd

        frame = obj.to_frame()
        # to_frame() names a series without name 0.
        frame.columns = pd.Index([obj.name], dtype=object, tupleize_cols=False)
        frame.attrs = obj.attrs
        if not obj.flags.allows_duplicate_labels:
            frame = frame.set_flags(allows_duplicate_labels=False)
        return frame

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Take the column."""
        series = frame.iloc[:, 0]
        series.attrs = frame.attrs
        return series

    def encode(self, obj: Any) -> Encoded:
        """Cut the column into row groups."""
        encoded = super().encode(obj)
        encoded.shape = (len(obj),)
        return encoded

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the column, or the rows that pass the filters."""
        if part.columns is not None or part.exclude is not None:
            self.only_whole(part, what)
        return super().decode(source, body, part, what)
