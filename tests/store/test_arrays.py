"""Arrays, sparse matrices and plain data come back equal, of the same type."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import math
import uuid
from collections import OrderedDict, namedtuple
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from omega_jupyter.errors import Invalid
from omega_jupyter.store import typed
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.inline import decode, encode

RNG = np.random.default_rng(0)
STRUCTURE = np.dtype([("a", "i4"), ("b", "f8", (2,)), ("c", "U3")], align=True)
ARRAYS: dict[str, Any] = {
    "matrix": RNG.random((30, 4)),
    "no dimension": np.array(1.5),
    "empty": np.empty((0, 3), "f4"),
    "empty in the middle": np.empty((2, 0, 3)),
    "Fortran order": np.asfortranarray(RNG.random((30, 4))),
    "a view with steps": RNG.random((30, 9))[::2, ::3],
    "reversed": np.arange(10)[::-1],
    "several parts": RNG.random((700, 500)),
    "several parts in Fortran order": np.asfortranarray(RNG.random((700, 500))),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "half": np.array([1.5, np.nan], "f2"),
    "long double": np.array([1, 2], "g"),
    "big endian": np.arange(3, dtype=">i2"),
    "text": np.array(["a", "ü", "longer", ""]),
    "bytes": np.array([b"a", b"bcd"]),
    "datetimes": np.array(["2026-01-01", "NaT"], "M8[D]"),
    "differences": np.array([1, 2], "m8[ns]"),
    "structure": np.zeros(3, STRUCTURE),
    "raw": np.array([b"ab", b"cd"], "V2"),
    "strings of any width": np.array(["a", "ü" * 100], dtype=np.dtypes.StringDType()),
    "strings with missing": np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)),
    "four dimensions": np.arange(24).reshape(1, 2, 3, 4),
}


def assert_same(expected: Any, found: Any) -> None:
    assert type(found) is np.ndarray
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes() if expected.dtype.kind != "T" else True
    assert str(found.tolist()) == str(expected.tolist())


@pytest.mark.parametrize("name", ARRAYS)
def test_array_comes_back_equal(name: str, shared_datasets: DatasetStore) -> None:
    array = ARRAYS[name]

    metadata = shared_datasets.put(array, "a")

    found = shared_datasets.get("a")
    assert_same(array, found)
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        assert found.flags.f_contiguous
    assert metadata.shape == array.shape
    assert found.flags.writeable
    if array.ndim:
        assert_same(array[:2], shared_datasets.head("a", 2))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes(allow_subarrays=False),
        hnp.array_shapes(min_dims=0, max_side=4, min_side=0),
    )
)
def test_any_array_comes_back_equal(array: Any) -> None:
    text = encode(array)

    assert text is not None
    assert_same(array, decode(text))


@pytest.mark.parametrize("array", [np.array([object()]), np.array([(1, "a")], "i4,O")], ids=str)
def test_array_of_objects_is_refused(array: Any, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="array of Python objects"):
        datasets.put(array, "a")


def test_subclass_of_an_array_is_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="MaskedArray can't be kept"):
        datasets.put(np.ma.masked_array([1, 2], [True, False]), "a")


def test_columns_of_an_array_are_refused(datasets: DatasetStore) -> None:
    datasets.put(np.zeros((3, 2)), "a")

    with pytest.raises(Invalid, match="a@1 is kind 'array'"):
        datasets.get("a[0]")


@pytest.mark.parametrize("make", ["array", "matrix"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
def test_sparse_matrix_comes_back_equal(
    form: str, make: str, shared_datasets: DatasetStore
) -> None:
    matrix = getattr(scipy.sparse, f"{form}_{make}")(np.eye(5, 4) * 3)

    metadata = shared_datasets.put(matrix, "m")

    found = shared_datasets.get("m")
    assert type(found) is type(matrix)
    assert found.dtype == matrix.dtype
    assert (found.toarray() == matrix.toarray()).all()
    assert metadata.shape == (5, 4)


def test_sparse_matrix_of_python_objects_is_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match="lil_matrix can't be kept"):
        datasets.put(scipy.sparse.lil_matrix((2, 2)), "m")


DATA: dict[str, Any] = {
    "text": "ü\ud800\0",
    "integers": [0, -1, 2**63, -(10**5000)],
    "floats": [1.5, -0.0, 5e-324, math.inf],
    "nested": {"a": [1, {"b": None}], "": True},
    "keys of any type": {1: "a", None: "b", (1, 2): "c", "1": "d"},
    "looks like a tag": {"$tuple": [1], "$": 2},
    "one key that looks like a tag": {"$date": "x"},
    "tuples and sets": (1, [2, (3,)], {4}, frozenset({5}), ()),
    "bytes": [b"\0\xff", bytearray(b"x"), b""],
    "times": [
        dt.date(1, 1, 1),
        dt.datetime(2026, 10, 25, 2, 30, 1, 5, ZoneInfo("Europe/Berlin"), fold=1),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.time(1, 2, 3, 4, dt.timezone(dt.timedelta(hours=-3))),
        dt.timedelta(-1, 2, 3),
    ],
    "numbers": [decimal.Decimal("1.100"), fractions.Fraction(1, 3), complex(1, -0.0)],
    "others": [uuid.UUID(int=1), range(1, 9, 2), slice(None, 3)],
    "numpy": [np.float32(1.1), np.int8(-1), np.bool_(True), np.datetime64("2026-01-01", "D")],
    "array inside": {"a": np.arange(6, dtype="i2").reshape(2, 3)},
    "pandas": [
        pd.Timestamp("2026", tz="UTC"),
        pd.NA,
        pd.NaT,
        pd.Timedelta("1s"),
        pd.Period("2026"),
    ],
    "scalar": np.float64(0.1),
    "stamp": pd.Timestamp("2026-01-01 12:00", tz="Europe/Berlin").as_unit("ns"),
    "nothing": None,
    "true": True,
}


@pytest.mark.parametrize("name", DATA)
def test_plain_data_comes_back_equal(name: str, shared_datasets: DatasetStore) -> None:
    value = DATA[name]

    shared_datasets.put(value, "d")

    assert _same(value, shared_datasets.get("d"))


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and bool((one == other).all())
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return len(one) == len(other) and all(_same(a, b) for a, b in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int):
        return one == other
    return repr(one) == repr(other)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.fractions()
    | st.complex_numbers()
    | st.uuids(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_any_plain_data_comes_back_equal(value: Any) -> None:
    text = typed.dumps(value)

    assert text.isascii()
    assert _same(value, typed.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        namedtuple("P", "x")(1),
        OrderedDict(a=1),
        [1, object()],
        {"a": {object()}},
        dt.UTC,
        np.array([object()]),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "own name")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_data_that_would_change_is_refused(value: Any, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid):
        datasets.put([value], "d")


def test_data_that_contains_itself_is_refused(datasets: DatasetStore) -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(Invalid, match="contains itself"):
        datasets.put(value, "d")


def test_large_data_is_kept_in_chunks(datasets: DatasetStore) -> None:
    value = ["x" * 1000] * 5000

    datasets.put(value, "d")

    assert datasets.get("d") == value
    assert datasets.head("d", 2) == value[:2]


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        np.float64(0.1),
        [1, "a", None],
        {"a": (1,)},
        np.arange(5.0),
        pd.DataFrame({"a": pd.Categorical(["x", None])}, index=pd.Index([3, 4], name="i")),
        pd.Series(["a", None], name="s"),
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_small_result_is_text_and_back(value: Any) -> None:
    text = encode(value)

    assert text is not None
    assert text.isascii()
    found = decode(text)
    assert type(found) is type(value)
    assert encode(found) == text


def test_large_result_is_no_text() -> None:
    assert encode(np.zeros(10_000)) is None
    assert encode(np.zeros(10_000), limit=200_000) is not None
    assert encode(["x" * 70_000]) is None
    # The limit is that of the text, which is longer than the data.
    assert encode(np.zeros(8_000)) is None


@pytest.mark.parametrize("text", ["", "x", "ü", "e30=", "AAAA"])
def test_text_that_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="can't be read"):
        decode(text)
