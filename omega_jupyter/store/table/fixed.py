"""Columns of fixed width: numpy's own types, and what pandas builds on integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from omega_jupyter.errors import Invalid
from omega_jupyter.store.payload.payload import Blobs
from omega_jupyter.store.table.kinds import Bounds, Collector, Kind, Piece, Spec
from omega_jupyter.store.values.dtype import describe_dtype, read_dtype
from omega_jupyter.store.values.typed import Refused, zone_from_spec, zone_to_spec

__all__ = ["Category", "Codes", "FixedCollector", "Numbers", "Periods", "Zoned"]


class FixedCollector(Collector):
    """Copies chunks into one array of shape (columns, rows).

    One large array is taken in huge pages; keeping the chunks' own buffers
    costs several times as much in page faults.
    """

    def __init__(self, dtype: Any, columns: int, rows: int) -> None:
        self.values = np.empty((columns, rows), dtype)

    def add(self, piece: Piece, data: bytes) -> None:
        """Copy the wanted columns and rows."""
        source = np.frombuffer(data, self._stored(piece, data)).reshape(piece.width, piece.rows)
        self.put(piece, source)

    def put(self, piece: Piece, source: Any) -> None:
        """Copy the wanted columns and rows of an array of shape (width, rows)."""
        if len(piece.pick) != piece.width:
            source = source[list(piece.pick)]
        if piece.places is not None:
            source = source.take(piece.places, axis=1)
        to, at = piece.to, piece.at
        self.values[to : to + len(source), at : at + source.shape[1]] = source

    def finish(self) -> list[Any]:
        """Return one view for each column."""
        return list(self.values)

    def matrix(self) -> Any:
        """Return the array."""
        return self.values

    def _stored(self, piece: Piece, data: bytes) -> Any:
        return self.values.dtype


class Numbers(Kind):
    """Any numpy dtype but object, as raw bytes."""

    code = "n"

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.dtype = read_dtype(spec["t"])

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Numbers:
        """Describe a numpy array."""
        if array.dtype.names is not None or array.dtype.itemsize == 0:
            raise Refused(f"has the numpy dtype {array.dtype}, which can't be stored in a column")
        if array.dtype.metadata:
            raise Refused(f"has a dtype with metadata ({dict(array.dtype.metadata)!r})")
        return cls({"t": describe_dtype(array.dtype)})

    def row_bytes(self, array: Any) -> float:
        """Return the item size."""
        return float(self.dtype.itemsize)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the columns one after the other."""
        return pack_fixed(arrays, start, stop)

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect into one array."""
        return FixedCollector(self.dtype, columns, rows)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare all that has an order."""
        if self.dtype.kind not in "biufmM" or not rows:
            return None
        return fixed_bounds(np.frombuffer(data, self.dtype).reshape(width, rows))

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column."""
        return pack_values(values, self.dtype)


def fixed_bounds(values: Any) -> list[Bounds]:
    """Return the bounds of each row of an array of shape (columns, rows), NaN and NaT left out."""
    lows, highs = values.min(axis=1), values.max(axis=1)
    if values.dtype.kind not in "fmM":
        return [Bounds(low, high, 0) for low, high in zip(lows, highs, strict=True)]
    bounds = []
    for column, low, high in zip(values, lows, highs, strict=True):
        # NaN and NaT spread, so that their absence is known without another look.
        if np.isnan(low):
            nulls = int(np.count_nonzero(np.isnan(column)))
            bounds.append(Bounds(np.fmin.reduce(column), np.fmax.reduce(column), nulls))
        else:
            bounds.append(Bounds(low, high, 0))
    return bounds


def pack_values(values: Sequence[Any], dtype: Any) -> bytes:
    """Write bounds as one column; zero where unknown."""
    zero = np.zeros((), dtype)[()]
    packed = np.array([zero if value is None else value for value in values], dtype)
    return packed.tobytes()


def pack_fixed(arrays: Sequence[Any], start: int, stop: int) -> bytes:
    """Write the columns of numpy one after the other."""
    if len(arrays) == 1:
        packed: bytes = arrays[0][start:stop].tobytes()
        return packed
    block = np.empty((len(arrays), stop - start), arrays[0].dtype)
    for row, array in zip(block, arrays, strict=True):
        row[:] = array[start:stop]
    return block.tobytes()


class _OnIntegers(Kind):
    """An extension array over 64-bit integers."""

    def row_bytes(self, array: Any) -> float:
        return 8.0

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        return pack_fixed([array[start:stop].asi8 for array in arrays], 0, stop - start)

    def collector(self, columns: int, rows: int) -> Collector:
        return _Wrapped(np.dtype("<i8"), columns, rows, self.wrap)

    def wrap(self, values: Any) -> Any:
        raise NotImplementedError

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        # The smallest integer is NaT in all of them.
        times = np.frombuffer(data, "M8[s]").reshape(width, rows)
        return fixed_bounds(times) if rows else None

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        return pack_values(values, np.dtype("M8[s]"))


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


class _CodesCollector(FixedCollector):
    """Takes codes of any width: later segments may need wider ones."""

    def _stored(self, piece: Piece, data: bytes) -> Any:
        cells = piece.width * piece.rows
        return np.dtype(f"<i{len(data) // cells if cells else 1}")


class Codes(Kind):
    """Positions in a list, -1 for none: the levels of a MultiIndex."""

    code = "l"

    @classmethod
    def make(cls, count: int) -> Codes:
        """Describe codes into a list of so many values."""
        return cls({"n": count})

    def row_bytes(self, array: Any) -> float:
        """Return the width of a code."""
        return float(array.dtype.itemsize)

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the codes."""
        return pack_fixed(arrays, start, stop)

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect codes of the width that pandas uses for so many values."""
        return _CodesCollector(codes_dtype(self.spec["n"]), columns, rows)


class Category(Codes):
    """Categoricals: codes, and the categories in a blob."""

    code = "c"

    def __init__(self, spec: Spec, dtype: Any) -> None:
        super().__init__(spec)
        self._dtype = dtype

    @classmethod
    def of(cls, array: Any, blobs: Blobs) -> Category:
        """Describe a categorical."""
        from omega_jupyter.store.table.index import dump_index

        try:
            number = blobs.add(dump_index(array.categories))
        except Refused as error:
            raise Refused(f"has categories of which one {error}") from None
        spec = {"b": number, "n": len(array.categories), "o": bool(array.ordered)}
        return cls(spec, array.dtype)

    @classmethod
    def read(cls, spec: Spec, blob: Callable[[int], bytes]) -> Category:
        """Read the categories."""
        import pandas as pd

        from omega_jupyter.store.table.index import load_index

        categories = load_index(blob(spec["b"]))
        return cls(spec, pd.CategoricalDtype(categories, spec["o"]))

    def pack(self, arrays: Sequence[Any], start: int, stop: int) -> bytes:
        """Write the codes."""
        return pack_fixed([array.codes for array in arrays], start, stop)

    def row_bytes(self, array: Any) -> float:
        """Return the width of a code."""
        return float(array.codes.dtype.itemsize)

    def bounds(self, data: bytes, width: int, rows: int) -> list[Bounds] | None:
        """Compare the codes of ordered categories."""
        if not self.spec["o"] or not rows:
            return None
        codes = np.frombuffer(data, f"<i{len(data) // (width * rows)}").reshape(width, rows)
        bounds = []
        for column in codes:
            present = column[column >= 0]
            low, high = (present.min(), present.max()) if len(present) else (-1, -1)
            bounds.append(Bounds(low, high, rows - len(present)))
        return bounds

    def pack_bounds(self, values: Sequence[Any]) -> bytes:
        """Write a column of codes."""
        return pack_values(values, np.dtype("<i8"))

    def collector(self, columns: int, rows: int) -> Collector:
        """Collect codes and make categoricals of them."""
        return _CategoryCollector(self._dtype, self.spec["n"], columns, rows)


class _CategoryCollector(_CodesCollector):
    def __init__(self, dtype: Any, count: int, columns: int, rows: int) -> None:
        super().__init__(codes_dtype(count), columns, rows)
        self._dtype = dtype

    def finish(self) -> list[Any]:
        import pandas as pd

        count = len(self._dtype.categories)
        make = pd.Categorical.from_codes
        # pandas' own validation looks for missing values, too.
        return [
            make(check_codes(codes, count), dtype=self._dtype, validate=False)
            for codes in self.values
        ]

    def matrix(self) -> Any:
        return None


def check_codes(codes: Any, count: int) -> Any:
    """Return codes, which must stay within a list of so many values: pandas would not look.

    Raises
    ------
    Invalid
        They don't, so that what they mean would be read from memory that is not theirs.
    """
    if len(codes) and (codes.min() < -1 or codes.max() >= count):
        raise Invalid(
            "The stored table is not sound: codes point beyond the values that there are",
            hint="it was made up, or changed; put it again from where it came",
        )
    return codes


def codes_dtype(count: int) -> Any:
    """Return the integer type that pandas uses for positions among so many values."""
    for width, limit in ((1, 1 << 7), (2, 1 << 15), (4, 1 << 31)):
        if count < limit:
            return np.dtype(f"<i{width}")
    return np.dtype("<i8")
