"""Columns that pandas builds on integers: times with a zone, and periods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.columns.fixed import (
    FixedCollector,
    pack_fixed,
    pack_narrow,
    pack_values,
    packed_bounds,
)
from omega_jupyter.store.table.columns.kind import Bounds, Collector, Kind
from omega_jupyter.store.table.columns.narrow import narrow_bytes
from omega_jupyter.store.values.refused import Refused
from omega_jupyter.store.values.zones import zone_from_spec, zone_to_spec

__all__ = ["Periods", "Zoned"]

# The smallest integer is NaT in all of them, whatever the unit.
_TIMES = np.dtype("M8[s]")


class _OnIntegers(Kind):
    """An extension array over 64-bit integers."""

    def row_bytes(self, array: Any) -> float:
        return narrow_bytes(array, _TIMES, lambda part: part.asi8)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        return pack_narrow([array[start:stop].asi8.view(_TIMES) for array in arrays])

    def pack_plain(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        return pack_fixed([array[start:stop].asi8 for array in arrays], 0, stop - start)

    def collector(self, columns: int, rows: int) -> Collector:
        return _Wrapped(np.dtype("<i8"), columns, rows, self.wrap)

    def wrap(self, values: Any) -> Any:
        raise NotImplementedError

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        return packed_bounds(data, _TIMES, width, rows) if rows else None

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        return pack_values(values, _TIMES)


class _Wrapped(FixedCollector):
    """A fixed collector whose columns are wrapped in an extension array."""

    def __init__(self, dtype: Any, columns: int, rows: int, wrap: Callable[[Any], Any]) -> None:
        super().__init__(dtype, columns, rows)
        self._wrap = wrap

    def finish(self) -> list[Any]:
        return [self._wrap(column) for column in self.values]

    def matrix(self) -> Any:
        return None


class Zoned(_OnIntegers):
    """Datetimes with a time zone: UTC integers, unit and zone."""

    code = "z"

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Zoned:
        """Describe a datetime array with a zone."""
        return cls({"u": array.dtype.unit, "tz": zone_to_spec(array.dtype.tz)})

    def wrap(self, values: Any) -> Any:
        """Make the datetime array; the values are not copied."""
        import pandas as pd

        instants = pd.DatetimeIndex(values.view(f"M8[{self.spec['u']}]"), copy=False)
        return instants.tz_localize("UTC").tz_convert(zone_from_spec(self.spec["tz"])).array


class Periods(_OnIntegers):
    """Periods: ordinals and the frequency."""

    code = "p"

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Periods:
        """Describe a period array."""
        import pandas as pd

        # An offset's own name (ME) is not the period's (M).
        name = str(array.dtype).removeprefix("period[").removesuffix("]")
        if pd.PeriodDtype(name) != array.dtype:
            raise Refused(f"has the dtype {array.dtype}, whose frequency has no name to keep")
        return cls({"f": name})

    def wrap(self, values: Any) -> Any:
        """Make the period array."""
        import pandas as pd

        return pd.arrays.PeriodArray(values, dtype=pd.PeriodDtype(self.spec["f"]))
