"""Frames that storage formats are known to change."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

N = 7
TEXT = ["a", "", "ü", "日本", "a\0b", "x" * 300, "b"]


def _column(values: Any, **options: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, **options)})


def _objects(*values: Any) -> pd.DataFrame:
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return pd.DataFrame({"x": pd.Series(array, dtype=object)})


def _indexed(index: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(len(index))}, index=index)


def _labelled(labels: Any) -> pd.DataFrame:
    return pd.DataFrame(np.arange(3.0 * len(labels)).reshape(3, -1), columns=labels)


def _with_attrs(**attrs: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"x": [1, 2]})
    frame.attrs = attrs
    return frame


def _numpy_columns() -> pd.DataFrame:
    types = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g", "F", "D"]
    return pd.DataFrame({t: np.arange(N).astype(t) for t in types})


def _masked() -> pd.DataFrame:
    types = [f"{s}Int{b}" for s in ("", "U") for b in (8, 16, 32, 64)] + ["Float32", "Float64"]
    frame = pd.DataFrame({t: pd.array([0, None, 2, 3, None, 5, 127], dtype=t) for t in types})
    frame["boolean"] = pd.array([True, None, False] + [True] * 4, dtype="boolean")
    return frame


def _arrow() -> pd.DataFrame:
    columns = {
        "text": (TEXT, pa.string()),
        "large": (TEXT, pa.large_string()),
        "int": ([1, None, 3, 4, 5, 6, 7], pa.int16()),
        "bool": ([True, None] * 3 + [False], pa.bool_()),
        "decimal": (
            [decimal.Decimal("1.10"), None] + [decimal.Decimal(1)] * 5,
            pa.decimal128(9, 2),
        ),
        "list": ([[1, 2], None, [], [3], [4], [5], [6]], pa.list_(pa.int64())),
        "struct": (
            [{"a": 1, "b": "x"}] * 6 + [None],
            pa.struct({"a": pa.int8(), "b": pa.string()}),
        ),
        "time": ([dt.datetime(2026, 1, 1)] * N, pa.timestamp("ns", "Europe/Berlin")),
        "date": ([dt.date(2026, 1, 1)] * 6 + [None], pa.date32()),
        "bytes": ([b"\0\xff"] * N, pa.binary()),
        "dictionary": (["a", "b", "a", None, "b", "a", "a"], pa.dictionary(pa.int8(), pa.string())),
        "null": ([None] * N, pa.null()),
        "double": ([1.5, float("nan"), None, 1, 1, 1, 1], pa.float64()),
    }
    return pd.DataFrame(
        {
            k: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(v, t)))
            for k, (v, t) in columns.items()
        }
    )


def _strings() -> pd.DataFrame:
    values = ["a", None, "", "ü", "b", None, "日本"]
    return pd.DataFrame(
        {
            f"{storage}-{missing}": pd.array(
                values, dtype=pd.StringDtype(storage, na_value=missing)
            )
            for storage in ("python", "pyarrow")
            for missing in (pd.NA, np.nan)
        }
    )


def _categories() -> pd.DataFrame:
    days = pd.DatetimeIndex(["2026-01-02", "2026-01-01"])
    return pd.DataFrame(
        {
            "text": pd.Categorical(["b", "a", None, "b"], categories=["c", "b", "a"]),
            "ordered": pd.Categorical(["b", "a", None, "b"], categories=["b", "a"], ordered=True),
            "numbers": pd.Categorical([3, 1, 3, None], categories=[3, 2, 1]),
            "days": pd.Categorical(days.take([0, 1, 1, 0]), categories=days),
            "mixed": pd.Categorical([1, "a", 1, "a"], categories=pd.Index([1, "a"], dtype=object)),
            "none": pd.Categorical([None] * 4),
            "intervals": pd.cut([1, 2, 3, 4], 2),
        }
    )


def _zones() -> pd.DataFrame:
    zones: list[Any] = ["UTC", "Europe/Berlin", dt.timezone(dt.timedelta(hours=-5)), dt.UTC]
    zones.append(ZoneInfo("America/New_York"))
    frame = pd.DataFrame()
    for number, zone in enumerate(zones):
        for unit in ("s", "ms", "us", "ns"):
            stamps = pd.DatetimeIndex(["2026-03-29 00:59:59", None, "1969-12-31"]).as_unit(unit)
            frame[f"{number}{unit}"] = stamps.tz_localize(zone)
    return frame


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "numpy's dtypes": _numpy_columns,
    "big endian": lambda: _column(np.arange(5, dtype=">i4")),
    "fixed-width bytes": lambda: _column(np.array([b"a", b"bcd", b""])),
    "infinities": lambda: _column([np.inf, -np.inf, np.nan, -0.0, 5e-324]),
    "all missing": lambda: _column([np.nan] * 4),
    "integers beyond 2**53": lambda: _column([2**63 - 1, -(2**63), 2**53 + 1]),
    "unsigned beyond 2**63": lambda: _column(np.array([2**64 - 1, 0], dtype="u8")),
    "nullable dtypes": _masked,
    "nullable, nothing missing": lambda: _column([1, 2, 3], dtype="Int64"),
    "nullable, all missing": lambda: _column([pd.NA] * 3, dtype="Float64"),
    "NaN in a nullable float": lambda: pd.DataFrame(
        {"x": pd.arrays.FloatingArray(np.array([1.0, np.nan, 2.0]), np.array([False, False, True]))}
    ),
    "Arrow dtypes": _arrow,
    "strings of each storage": _strings,
    "no strings": lambda: _column([], dtype="str"),
    "strings all missing": lambda: _column([None, None], dtype="str"),
    "lone surrogate": lambda: _column(["\ud800", "a", None], dtype=pd.StringDtype("python")),
    "categories": _categories,
    "more categories than a byte": lambda: _column(pd.Categorical([f"k{i}" for i in range(300)])),
    "time zones and units": _zones,
    "naive datetimes of each unit": lambda: pd.DataFrame(
        {
            u: pd.DatetimeIndex(["2262-04-11", None, "1677-09-22"]).as_unit(u)
            for u in ("s", "ms", "us", "ns")
        }
    ),
    "years beyond nanoseconds": lambda: _column(np.array(["9999-12-31", "0001-01-01"], "M8[s]")),
    "time differences": lambda: pd.DataFrame(
        {u: pd.to_timedelta([1, None, -5], unit="s").as_unit(u) for u in ("s", "ms", "us", "ns")}
    ),
    "periods": lambda: pd.DataFrame(
        {
            f: pd.PeriodIndex(["2026", None, "1900"], freq=f)
            for f in ("D", "M", "Q-NOV", "Y", "h", "W-WED")
        }
    ),
    "intervals": lambda: pd.DataFrame(
        {
            "float": pd.arrays.IntervalArray.from_tuples([(0.0, 1.5), np.nan, (2.0, 3.0)], "left"),
            "int": pd.arrays.IntervalArray.from_breaks([0, 1, 2, 5], "both"),
            "time": pd.arrays.IntervalArray.from_breaks(pd.date_range("2026", periods=4, tz="UTC")),
            "naive": pd.arrays.IntervalArray.from_breaks(pd.date_range("2026", periods=4)),
        }
    ),
    "sparse columns": lambda: pd.DataFrame(
        {
            "zero": pd.arrays.SparseArray([0, 0, 1, 0]),
            "nan": pd.arrays.SparseArray([np.nan, 1.0, np.nan, np.nan]),
            "bool": pd.arrays.SparseArray([False, True, False, False]),
            "block": pd.arrays.SparseArray([0.0, 1.0, 2.0, 0.0], fill_value=0.0, kind="block"),
        }
    ),
    "text with None and NaN": lambda: _objects("a", None, float("nan"), pd.NA, pd.NaT, "", "b"),
    "only None": lambda: _objects(None, None),
    "only NaN as objects": lambda: _objects(float("nan"), float("nan")),
    "booleans and None": lambda: _objects(True, None, False),
    "numbers as objects": lambda: _objects(1, 1.0, True, 2**70, -(10**5000), complex(1, -0.0)),
    "dates as objects": lambda: _objects(
        dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, 2), dt.time(3)
    ),
    "zoned datetimes as objects": lambda: _objects(
        dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.timedelta(1, 2, 3),
    ),
    "pandas' scalars": lambda: _objects(
        pd.Timestamp("2026-01-01", tz="Asia/Tokyo"),
        pd.Timestamp("2026-01-01").as_unit("s"),
        pd.Timedelta("1us"),
        pd.Period("2026Q1"),
        pd.Interval(0, 1),
    ),
    "numpy's scalars": lambda: _objects(
        np.float32(1.5),
        np.int64(-1),
        np.bool_(True),
        np.str_(""),
        np.bytes_(b""),
        np.datetime64("2026"),
    ),
    "containers": lambda: _objects(
        [1, [2]], (1, (2,)), {"a": {1: 2}}, {"$tuple": 1}, set(), frozenset({1})
    ),
    "lists of equal length": lambda: _objects([1, 2], [3, 4]),
    "bytes, decimals, uuids": lambda: _objects(
        b"\0\xff",
        bytearray(b"x"),
        decimal.Decimal("1.10"),
        decimal.Decimal("NaN"),
        uuid.UUID(int=5),
    ),
    "objects with a lone surrogate": lambda: _objects("\udfff", None),
    "no rows": lambda: pd.DataFrame({"a": np.array([], "i4"), "b": pd.Series([], dtype="str")}),
    "no columns": lambda: pd.DataFrame(index=range(5)),
    "no columns, named index": lambda: pd.DataFrame(index=pd.Index(["a", "b"], name="n")),
    "nothing": pd.DataFrame,
    "many columns": lambda: pd.DataFrame(np.arange(900.0).reshape(3, 300)),
    "Fortran and C blocks mixed": lambda: pd.concat(
        [
            pd.DataFrame(np.arange(12.0).reshape(6, 2)),
            pd.DataFrame({"t": list("abcdef"), "f": np.arange(6.0)}),
        ],
        axis=1,
    ),
    # indexes
    "range with step": lambda: _indexed(pd.RangeIndex(10, -4, -2, name="r")),
    "integers as index": lambda: _indexed(pd.Index([3, 1, 3], name="i")),
    "floats as index": lambda: _indexed(pd.Index([1.5, np.nan, 2.0])),
    "text as index": lambda: _indexed(pd.Index(["b", "a", "b"], name=("tuple", 1))),
    "objects as index": lambda: _indexed(
        pd.Index([1, "a", None, (1, 2)], dtype=object, tupleize_cols=False)
    ),
    "booleans as index": lambda: _indexed(pd.Index([True, False])),
    "datetimes with frequency": lambda: _indexed(
        pd.date_range("2026", periods=9, freq="2h", tz="Europe/Berlin")
    ),
    "business days": lambda: _indexed(pd.date_range("2026", periods=9, freq="B", name="d")),
    "datetimes without frequency": lambda: _indexed(
        pd.DatetimeIndex(["2026-01-05", None, "2026-01-01"])
    ),
    "timedeltas with frequency": lambda: _indexed(pd.timedelta_range(0, periods=5, freq="3s")),
    "periods as index": lambda: _indexed(pd.period_range("2026", periods=5, freq="M", name="m")),
    "categories as index": lambda: _indexed(
        pd.CategoricalIndex(["b", "a", "b"], categories=list("abc"), ordered=True)
    ),
    "intervals as index": lambda: _indexed(pd.interval_range(0, 5, closed="left")),
    "nullable index": lambda: _indexed(pd.Index([1, None, 3], dtype="Int64")),
    "Arrow index": lambda: _indexed(pd.Index(["a", None], dtype=pd.ArrowDtype(pa.string()))),
    "MultiIndex": lambda: _indexed(
        pd.MultiIndex.from_product(
            [["b", "a"], [2, 1], [pd.Timestamp("2026")]], names=["x", None, 3]
        )
    ),
    "MultiIndex with missing": lambda: _indexed(
        pd.MultiIndex.from_tuples([("a", 1.0), (None, np.nan), ("b", 2.0)])
    ),
    "MultiIndex with unused levels": lambda: _indexed(
        pd.MultiIndex.from_product([list("abc"), [1, 2]])
    ).iloc[[0, 5]],
    "MultiIndex of categories": lambda: _indexed(
        pd.MultiIndex.from_arrays(
            [pd.Categorical(["b", "a"], categories=list("cba"), ordered=True), [1, 2]]
        )
    ),
    "empty MultiIndex": lambda: _indexed(pd.MultiIndex.from_tuples([("a", 1)]))[:0],
    # labels
    "duplicate labels": lambda: _labelled(["a", "b", "a"]),
    "number labels": lambda: _labelled([0, 2, 1]),
    "range labels with a name": lambda: _labelled(pd.RangeIndex(3, name="n")),
    "mixed labels": lambda: _labelled([1, "1", 1.5, None, (1, 2), True]),
    "missing labels": lambda: _labelled([np.nan, "a"]),
    "dots and dollars": lambda: _labelled(["a.b", "$c", "", "__", "\0"]),
    "labels with a lone surrogate": lambda: _labelled(pd.Index(["\ud800", "a"], dtype=object)),
    "date labels": lambda: _labelled(pd.date_range("2026", periods=3, freq="D")),
    "category labels": lambda: _labelled(pd.CategoricalIndex(["b", "a"], name="c")),
    "period labels": lambda: _labelled(pd.period_range("2026", periods=3, freq="M")),
    "label levels": lambda: _labelled(
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"])
    ),
    "label levels with duplicates": lambda: _labelled(
        pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", None)])
    ),
    "attrs": lambda: _with_attrs(source="x", unit={"x": ("m", 2)}, when=dt.date(2026, 1, 1)),
    "no duplicate labels allowed": lambda: pd.DataFrame({"a": [1]}).set_flags(
        allows_duplicate_labels=False
    ),
}
