"""pandas' DataFrame and Series."""

from __future__ import annotations

from typing import Any

from omega_jupyter.store.codecs.codec import Codec, Part, module_of
from omega_jupyter.store.payload import Encoded, Source

__all__ = ["FrameCodec", "SeriesCodec"]


class FrameCodec(Codec):
    """A DataFrame as a table of column blocks."""

    kind = "dataframe"

    def accepts(self, obj: Any) -> bool:
        """Accept DataFrame itself; a subclass would come back as its base."""
        return module_of(obj) == "pandas" and type(obj).__name__ == "DataFrame"

    def encode(self, obj: Any) -> Encoded:
        """Cut the frame into row groups and blocks."""
        from omega_jupyter.store.table.write import encode_table

        return encode_table(obj, "pandas.DataFrame")

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the frame, some of its columns, or the rows that pass the filters."""
        from omega_jupyter.store.table.part import read_part

        return read_part(source, body, part, what)


class SeriesCodec(Codec):
    """A Series as a table of one column."""

    kind = "series"

    def accepts(self, obj: Any) -> bool:
        """Accept Series itself."""
        return module_of(obj) == "pandas" and type(obj).__name__ == "Series"

    def encode(self, obj: Any) -> Encoded:
        """Store the series as a frame whose label is its name."""
        import pandas as pd

        from omega_jupyter.store.table.write import encode_table

        frame = obj.to_frame()
        # to_frame() names a series without name 0.
        frame.columns = pd.Index([obj.name], dtype=object, tupleize_cols=False)
        frame.attrs = obj.attrs
        if not obj.flags.allows_duplicate_labels:
            frame = frame.set_flags(allows_duplicate_labels=False)
        encoded = encode_table(frame, "pandas.Series")
        encoded.shape = (len(obj),)
        return encoded

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the frame and take its column."""
        from omega_jupyter.store.table.part import read_part

        if part.columns is not None or part.exclude is not None:
            self.only_whole(part, what)
        frame = read_part(source, body, part, what)
        series = frame.iloc[:, 0]
        series.attrs = frame.attrs
        return series
