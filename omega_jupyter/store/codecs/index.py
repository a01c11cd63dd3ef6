"""pandas' indexes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import module_of
from omega_jupyter.store.codecs.frame import TableCodec
from omega_jupyter.store.payload.payload import Encoded

__all__ = ["IndexCodec"]


class IndexCodec(TableCodec):
    """An index of any of pandas' classes, as the row index of a table without columns."""

    kind = "index"
    index_is_data = True

    def accepts(self, obj: Any) -> bool:
        """Accept pandas' own classes."""
        return module_of(obj) == "pandas" and isinstance(obj, sys.modules["pandas"].Index)

    def frame_of(self, obj: Any) -> Any:
        """Return a frame of no columns with these rows."""
        import pandas as pd

        return pd.DataFrame(index=obj)

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Return the row index."""
        return frame.index

    def arrow_of(self, frame: Any, body: Mapping[str, Any], what: str = "") -> Any:
        """Return a table of the values; an index without a name is a column "".

        Raises
        ------
        Invalid
            It has several levels.
        """
        import pandas as pd

        from omega_jupyter.store.table.convert import arrow_of_frame

        if isinstance(frame.index, pd.MultiIndex):
            raise Invalid(
                f"{what} is an index of {frame.index.nlevels} levels, which is no one column",
                hint="get it as pandas: index.to_frame(index=False) makes columns of it",
            )
        name = "" if frame.index.name is None else frame.index.name
        return arrow_of_frame(frame.index.to_frame(index=False, name=name), what)

    def is_column(self, body: Mapping[str, Any]) -> bool:
        """Say yes."""
        return True

    def encode(self, obj: Any) -> Encoded:
        """Cut the index into row groups."""
        encoded = super().encode(obj)
        encoded.shape, encoded.columns = (len(obj),), None
        return encoded
