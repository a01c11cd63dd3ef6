"""pandas' own arrays: what `series.values` and `series.array` are where numpy has no such dtype."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import module_of
from omega_jupyter.store.codecs.frame import SeriesCodec

__all__ = ["ExtensionCodec"]


class ExtensionCodec(SeriesCodec):
    """An array of text, categories, nullable numbers, …, as a series without name."""

    kind = "extension"

    def accepts(self, obj: Any) -> bool:
        """Accept pandas' own classes."""
        if module_of(obj) != "pandas":
            return False
        return isinstance(obj, sys.modules["pandas"].api.extensions.ExtensionArray)

    def frame_of(self, obj: Any) -> Any:
        """Make a frame of one column.

        Raises
        ------
        Invalid
            A series would make another array of it.
        """
        import pandas as pd

        series = pd.Series(obj, copy=False)
        back = series.array
        if type(back) is not type(obj) or back.dtype != obj.dtype:
            raise Invalid(
                f"A {type(obj).__name__} of {obj.dtype} can't be kept: it would come back as a "
                f"{type(back).__name__} of {back.dtype}",
                hint="obj.to_numpy() is an array of numpy",
            )
        return super().frame_of(series)

    def object_of(self, frame: Any, body: Mapping[str, Any]) -> Any:
        """Take the array of the column."""
        return frame.iloc[:, 0].array
