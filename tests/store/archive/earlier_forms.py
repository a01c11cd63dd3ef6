"""What stores of earlier forms of format 1 hold; `earlier_forms.omega.gz` was written of it.

Before integers were narrowed and texts became lengths and bytes: values as they are in memory,
texts as streams of Arrow; every kind in chunks with zone maps, and once more inline.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse

__all__ = ["data_sets"]

# Narrowing begins at 256 rows.
ROWS = 300


def data_sets() -> dict[str, Any]:
    """Return every kind of data sets by name, the same at each call."""
    numbers = np.arange(ROWS)
    texts = [None if n % 7 == 0 else f"größe {n * n}" for n in numbers]
    few = [("low", "high", "")[n % 3] for n in numbers]
    times = pd.date_range("2026-01-01", periods=ROWS, freq="37min", tz="Europe/Vienna")
    frame = pd.DataFrame(
        {
            "int64": numbers * 1000,
            "int32": (numbers - 150).astype("i4"),
            "uint16": numbers.astype("u2"),
            "big": np.array([1 << 63] * ROWS, "u8") + numbers.astype("u8"),
            "float": np.where(numbers % 5, numbers / 3, np.nan),
            "bool": numbers % 2 == 0,
            "time": times,
            "naive": times.tz_localize(None).where(numbers % 11 > 0),
            "delta": pd.to_timedelta(numbers, unit="s"),
            "period": pd.period_range("2026-01", periods=ROWS, freq="M"),
            "text": pd.array(texts, dtype="str"),
            "string": pd.array(texts, dtype=pd.StringDtype("pyarrow", na_value=pd.NA)),
            "few": few,
            "category": pd.Categorical(few, ["low", "high", ""], ordered=True),
            "nullable": pd.array([None if n % 4 == 0 else n for n in numbers], dtype="Int32"),
            "boolean": pd.array([None, True, False] * (ROWS // 3), dtype="boolean"),
            "interval": pd.interval_range(0, ROWS),
            "sparse": pd.arrays.SparseArray(np.where(numbers % 50, 0, numbers)),
            "arrow": pd.array(texts, dtype=pd.ArrowDtype(pa.string())),
            "object": [(None, "x", 1, date(2026, 1, 1))[n % 4] for n in numbers],
        }
    )
    names = pd.MultiIndex.from_arrays([few, numbers], names=["kind", None])
    return {
        "frame": frame,
        "frame with levels": frame[["int64", "text"]].set_axis(names),
        "frame by time": frame[["int32", "few"]].set_index(times.rename("when")),
        "labels": pd.DataFrame([[1, 2.0, "x"]], columns=pd.Index([1, "a.b", "$c"], dtype=object)),
        "series": pd.Series(few, index=texts, name=("a", 1)),
        "index": pd.Index(numbers * 7, name="n"),
        "polars": pl.DataFrame({"n": numbers, "text": texts, "few": few}),
        "arrow": pa.table({"n": numbers, "text": texts, "list": [[n, n] for n in numbers]}),
        "array": np.asfortranarray(numbers.reshape(3, -1) * 0.5),
        "masked": np.ma.masked_less(numbers, 10),
        "sparse": scipy.sparse.csr_array(np.diag(numbers[:20] * 1.0)),
        "data": {"when": datetime(2026, 1, 1, tzinfo=UTC), "of": [1, 2.5, ("x", None)]},
        "bytes": bytes(range(256)) * 4,
    }
