"""pandas' DataFrame and Series, and what all kinds of tables have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from omega_jupyter.store.codecs.codec import Codec, module_of
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source

if TYPE_CHECKING:
    from omega_jupyter.store.table.lazy import LazyTable

__all__ = ["FrameCodec", "SeriesCodec", "TableCodec"]


class TableCodec(Codec):
    """A kind that is stored as a table of column blocks.

    What reads, filters and writes tables works on frames of pandas; a codec makes
    one of the user's object without a loss, and the object of one.
    """

    #: Whose objects they are: ``pandas``, ``polars`` or ``arrow``.
    library: ClassVar[str] = "pandas"
    #: Whether the row index is the data, and not what goes with them.
    index_is_data: ClassVar[bool] = False

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

    @abstractmethod
    def arrow_of(self, frame: Any, body: Mapping[str, Any], what: str = "") -> Any:
        """Return a frame, or a part of it, as a table of Arrow.

        Raises
        ------
        Invalid
            Something would be changed; named.
        """

    def is_column(self, body: Mapping[str, Any]) -> bool:
        """Say whether it is one column rather than a table."""
        return False

    def types_of(self, obj: Any) -> Mapping[str, Any]:
        """Return the types of columns, by name, of which the frame tells less."""
        return {}

    def stored_types(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the same of what is stored."""
        return {}

    def encode(self, obj: Any) -> Encoded:
        """Cut the frame into row groups and blocks."""
        from omega_jupyter.store.table.write import encode_table

        return encode_table(self.frame_of(obj), f"{module_of(obj)}.{type(obj).__name__}")

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Read the table, some of its columns, or the rows that pass the filters."""
        from omega_jupyter.store.table.part import read_part
        from omega_jupyter.store.table.soundness import check_numbers

        check_numbers(body, what)
        if self.is_column(body) and (part.columns is not None or part.exclude is not None):
            self.only_whole(part, what)
        if part.as_ == "polars":
            from omega_jupyter.store.table.convert import check_index, import_polars

            import_polars()
            if not self.index_is_data:
                check_index(body, what, "a frame of polars")
        frame = read_part(source, body, part, what)
        if part.as_ in (None, self.library):
            return self.object_of(frame, body)
        return self._converted(self.arrow_of(frame, body, what), body, part.as_, what)

    def _converted(self, table: Any, body: Mapping[str, Any], library: str, what: str) -> Any:
        from omega_jupyter.store.table.convert import frame_of_arrow, polars_of_arrow

        column = self.is_column(body)
        if library == "arrow":
            return table.column(0) if column else table
        if library == "polars":
            frame = polars_of_arrow(table, what)
            return frame.to_series() if column else frame
        frame = frame_of_arrow(table)
        return frame.iloc[:, 0].rename(table.schema.names[0] or None) if column else frame

    def lazy(self, source: Source, body: dict[str, Any], part: Part, what: str) -> LazyTable:
        """Return the table, of which nothing is read yet."""
        from omega_jupyter.store.table.lazy import LazyTable
        from omega_jupyter.store.table.part import view_of
        from omega_jupyter.store.table.soundness import check_numbers

        check_numbers(body, what)
        if self.is_column(body) and (part.columns is not None or part.exclude is not None):
            self.only_whole(part, what)

        def make(frame: Any, single: bool) -> Any:
            return (self.column_of if single else self.object_of)(frame, body)

        return LazyTable(
            view_of(source, body, part, what),
            make,
            single=self.is_column(body),
            index_is_data=self.index_is_data,
        )

    def column_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return a frame of one column as what the user's own table has for columns."""
        return self.object_of(frame, body) if self.is_column(body) else frame.iloc[:, 0]


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

    def arrow_of(self, frame: Any, body: Mapping[str, Any], what: str = "") -> Any:
        """Return a table; a row index that says something as columns behind."""
        from omega_jupyter.store.table.convert import arrow_of_frame, has_plain_index

        return arrow_of_frame(frame, what, keep_index=not has_plain_index(body))


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

    def arrow_of(self, frame: Any, body: Mapping[str, Any], what: str = "") -> Any:
        """Return a table of the column; one without a name is called ""."""
        from omega_jupyter.store.table.convert import arrow_of_frame, check_index

        check_index(body, what, "an array of Arrow")
        if frame.columns[0] is None:
            frame = frame.set_axis([""], axis=1)
        return arrow_of_frame(frame, what)

    def is_column(self, body: Mapping[str, Any]) -> bool:
        """Say yes."""
        return True

    def encode(self, obj: Any) -> Encoded:
        """Cut the column into row groups."""
        encoded = super().encode(obj)
        encoded.shape = (len(obj),)
        return encoded
