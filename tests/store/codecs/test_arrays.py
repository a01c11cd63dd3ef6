"""Arrays, sparse matrices and plain data come back equal."""

from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.connection import connect, forget
from omega_jupyter.store.datasets import DatasetStore

RNG = np.random.default_rng(0)


def _column(values: list[Any]) -> Any:
    array = np.empty(len(values), object)
    for place, value in enumerate(values):
        array[place] = value
    return array


DTYPES = [
    *("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"),
    *(">i4", ">f8", "S3", "U5", ">U2", "V4", "m8[ns]", "m8[D]", "m8"),
    *("M8[ns]", "M8[us]", "M8[s]", "M8[D]", "M8[Y]", "M8[25s]"),
]

ARRAYS: dict[str, Any] = {
    "0-d": np.array(1.5),
    "0-d text": np.array("abc"),
    "empty": np.empty(0),
    "empty rows": np.empty((0, 3), "f4"),
    "empty columns": np.empty((3, 0), "i2"),
    "fortran": np.asfortranarray(RNG.random((4, 3))),
    "fortran 3-d": np.asfortranarray(RNG.random((2, 3, 4))),
    "transposed": RNG.random((2, 3, 4)).transpose(1, 0, 2),
    "strided": RNG.random((10, 10))[::2, ::-3],
    "broadcast": np.broadcast_to(np.arange(3), (2, 3)),
    "5-d": RNG.random((1, 2, 3, 2, 1)),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "structured": np.array([(1, 2.5, "a")], dtype=[("i", "i4"), ("f", "f8"), ("s", "U3")]),
    "nested": np.zeros(2, dtype=[("p", [("x", "f8"), ("y", "f8")]), ("v", "i2", (2, 2))]),
    "aligned": np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "titles": np.zeros(2, np.dtype([(("Title", "a"), "i4"), ("b", "f8")])),
    "overlapping": np.zeros(2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]}),
    "out of order": np.zeros(2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [4, 0]}),
    "padded": np.zeros(2, {"names": ["a"], "formats": ["i4"], "offsets": [4], "itemsize": 20}),
    "no fields": np.zeros(2, []),
    "records": np.zeros(2, np.dtype((np.record, [("a", "i4")]))),
    "of no width": np.zeros(2, "S0"),
    "long doubles": np.array([1, np.pi], np.longdouble),
    "long complex": np.array([1j], np.clongdouble),
    "huge and empty": np.empty((0, 2**40), "i1"),
    "strings": np.array(["a", "", "ü" * 100], dtype=np.dtypes.StringDType()),
    "strings with NaN": np.array(["a", np.nan], dtype=np.dtypes.StringDType(na_object=np.nan)),
    "strings with None": np.array([["a", None]], dtype=np.dtypes.StringDType(na_object=None)),
    "objects": np.array(["yes", "no", None, 1.5, np.float32(2), dt.date(2026, 1, 2)], object),
    "objects fortran": np.asfortranarray(np.array([["a", 1], ["b", 2], ["c", None]], object)),
    "0-d object": np.array(None),
    "no objects": np.empty((0, 2), object),
    "lists as objects": _column([[1, 2], [3, 4]]),
    "large": RNG.random((300_000,)),
    "large fortran": np.asfortranarray(RNG.random((1000, 300))),
    **{f"dtype {name}": np.zeros((2, 3), name) for name in DTYPES},
}


@pytest.fixture(scope="module")
def datasets(mongod: str) -> Iterator[DatasetStore]:
    """One database for all of this file, since making one takes longer than a test."""
    url = SecretUrl(f"{mongod}/test_arrays")
    yield DatasetStore(url)
    connect(url).client.drop_database("test_arrays")
    forget(url)


@pytest.mark.parametrize("name", ARRAYS)
def test_array_comes_back_equal(name: str, datasets: DatasetStore) -> None:
    array = ARRAYS[name]

    metadata = datasets.put(array, "a")
    found = datasets.get("a")

    assert type(found) is np.ndarray
    assert found.dtype == array.dtype
    # More than is compared: alignment, and the type of records.
    assert repr(found.dtype) == repr(array.dtype)
    assert metadata.kind == "array"
    assert metadata.shape == found.shape == array.shape
    np.testing.assert_array_equal(found, array, strict=True)
    if array.dtype == object:
        assert [*map(type, found.flat)] == [*map(type, array.flat)]
        assert found.flags.f_contiguous == array.flags.f_contiguous
    elif array.dtype.kind not in "TV":
        assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


def test_order_in_memory_is_kept(datasets: DatasetStore) -> None:
    for name in ("fortran", "large fortran"):
        datasets.put(ARRAYS[name], "a")
        assert datasets.get("a").flags.f_contiguous


def test_objects_that_are_no_plain_data_are_refused(datasets: DatasetStore) -> None:
    with pytest.raises(Invalid, match=r"holds a pathlib\.\w+Path"):
        datasets.put(np.array([1, Path("/tmp")], dtype=object), "refused")
    with pytest.raises(Invalid, match="fields of objects"):
        datasets.put(np.zeros(1, [("o", object)]), "refused")
    assert not datasets.exists("refused")


def test_dtype_with_metadata_is_refused(datasets: DatasetStore) -> None:
    noted = np.dtype("i4", metadata={"unit": "€"})
    for array in (np.zeros(2, noted), np.zeros(2, [("a", noted)])):
        with pytest.raises(Invalid, match="metadata") as error:
            datasets.put(array, "refused")
        assert "drop_metadata" in str(error.value)
    assert not datasets.exists("refused")


def test_long_double_of_another_processor_is_refused(url: SecretUrl) -> None:
    datasets = DatasetStore(url)
    datasets.put(np.zeros(2, np.longdouble), "a")
    versions = connect(url)["omega_versions"]
    for other in ('{"str":"<f16","bits":112}', '{"str":"<f12","bits":63}'):
        versions.update_one({"name": "a"}, {"$set": {"body.descr": other}})
        with pytest.raises(Invalid, match="kind of processor"):
            datasets.get("a")


RECORDS = np.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U1")])


@pytest.mark.parametrize("array", [np.matrix("1 2; 3 4"), RECORDS.view(np.recarray)], ids=type)
def test_views_of_arrays_keep_their_class(array: Any, datasets: DatasetStore) -> None:
    assert datasets.put(array, "a").type == f"numpy.{type(array).__name__}"

    for found, expected in ((datasets.get("a"), array), (datasets.head("a", 1), array[:1])):
        assert type(found) is type(array)
        assert repr(found.dtype) == repr(expected.dtype)
        np.testing.assert_array_equal(found, expected, strict=True)


MASKED: dict[str, Any] = {
    "masked": np.ma.array([1.5, 2.5, 3.5], mask=[0, 1, 0], fill_value=-1.0),
    "without mask": np.ma.array([1, 2]),
    "hard": np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]], hard_mask=True),
    "of records": np.ma.array(RECORDS, mask=[(0, 1), (1, 0)]),
    "0-d": np.ma.array(1.5, mask=True),
    "text": np.ma.array(["a", "b"], mask=[1, 0]),
    "fortran": np.ma.array(np.asfortranarray(RNG.random((300, 400))), mask=False),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_array_comes_back(name: str, datasets: DatasetStore) -> None:
    array = MASKED[name]

    metadata = datasets.put(array, "a")
    found = datasets.get("a")

    assert (metadata.kind, metadata.type) == ("array", "numpy.ma.MaskedArray")
    assert type(found) is np.ma.MaskedArray
    assert (found.dtype, found.shape, found.hardmask) == (array.dtype, array.shape, array.hardmask)
    # What is under the mask, too.
    np.testing.assert_array_equal(found.data, array.data, strict=True)
    np.testing.assert_array_equal(np.ma.getmask(found), np.ma.getmask(array), strict=True)
    assert (np.ma.getmask(found) is np.ma.nomask) == (np.ma.getmask(array) is np.ma.nomask)
    assert str(found.fill_value) == str(array.fill_value)
    if array.ndim:
        np.testing.assert_array_equal(datasets.head("a", 1).data, array.data[:1])


class Quantity(np.ndarray):
    unit = "m"


def test_arrays_of_other_classes_are_refused(datasets: DatasetStore) -> None:
    own = np.zeros(2).view(Quantity)
    for obj in (own, np.ma.masked, np.ma.array(own, mask=[0, 1])):
        with pytest.raises(Invalid) as error:
            datasets.put(obj, "refused")
        assert "np." in str(error.value)
    assert not datasets.exists("refused")


def test_memory_map_is_an_array(datasets: DatasetStore, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")

    datasets.put(mapped, "a")

    np.testing.assert_array_equal(datasets.get("a"), np.arange(10))


def test_head_of_an_array_is_its_first_rows(datasets: DatasetStore) -> None:
    for name in ("large", "large fortran", "empty", "strings", "5-d"):
        datasets.put(ARRAYS[name], "a")
        np.testing.assert_array_equal(datasets.head("a", 3), ARRAYS[name][:3])


def test_part_of_an_array_is_refused(datasets: DatasetStore) -> None:
    datasets.put(np.zeros((2, 2)), "a")

    with pytest.raises(Invalid, match="columns"):
        datasets.get("a[x]")
    with pytest.raises(Invalid, match="columns"):
        datasets.get("a", x=1)


SPARSE = [
    scipy.sparse.random(20, 10, 0.2, format=kind, random_state=0)
    for kind in ("csr", "csc", "coo", "bsr", "dia")
]
SPARSE += [
    # In no order, and with indices wider than they need be.
    scipy.sparse.csr_array(
        (np.array([1.0, 2.0]), np.array([2, 0], "i8"), np.array([0, 2], "i8")), shape=(1, 3)
    ),
    scipy.sparse.csr_array(([1, 0, 3], ([0, 0, 1], [1, 1, 0])), shape=(2, 2)),
    scipy.sparse.bsr_array(np.kron(np.eye(2), np.ones((2, 3)))),
    scipy.sparse.coo_array(np.array([1, 0, 2])),
    scipy.sparse.coo_array(np.arange(8).reshape(2, 2, 2)),
    scipy.sparse.coo_array((0,)),
    scipy.sparse.dia_array(np.eye(3)),
    scipy.sparse.csr_array(np.eye(3, dtype="f4")),
    scipy.sparse.coo_array(np.eye(3, dtype=bool)),
    scipy.sparse.csc_matrix((0, 5)),
    scipy.sparse.csr_matrix((3, 0), dtype="i8"),
    scipy.sparse.random(3000, 3000, 0.02, format="csr", random_state=0),
]


@pytest.mark.parametrize("matrix", SPARSE, ids=lambda m: f"{type(m).__name__} {m.shape}")
def test_sparse_matrix_comes_back_equal(matrix: Any, datasets: DatasetStore) -> None:
    datasets.put(matrix, "s")

    found = datasets.get("s")

    assert type(found) is type(matrix)
    assert found.dtype == matrix.dtype
    assert found.shape == matrix.shape
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())
    assert datasets.metadata("s").kind == "sparse"
    for name in ("data", "indices", "indptr", "offsets"):
        if hasattr(matrix, name):
            np.testing.assert_array_equal(getattr(found, name), getattr(matrix, name), strict=True)
    for mine, theirs in zip(
        getattr(found, "coords", ()), getattr(matrix, "coords", ()), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs, strict=True)
    for name in ("has_sorted_indices", "has_canonical_format"):
        assert getattr(found, name, None) == getattr(matrix, name, None)


def test_sparse_matrix_of_duplicates_stays_so(datasets: DatasetStore) -> None:
    matrix = scipy.sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))

    datasets.put(matrix, "s")

    found = datasets.get("s")
    assert found.nnz == 2
    assert found.toarray()[0, 1] == 3.0


def test_sparse_formats_of_objects_are_refused(datasets: DatasetStore) -> None:
    for matrix, hint in (
        (scipy.sparse.lil_array((2, 2)), "tocsr()"),
        (scipy.sparse.dok_matrix((2, 2)), "tocsr()"),
        (scipy.sparse.csr_array(np.array([1, 0, 2])), "tocoo()"),
    ):
        with pytest.raises(Invalid, match=type(matrix).__name__) as error:
            datasets.put(matrix, "refused")
        assert hint in str(error.value)
    assert not datasets.exists("refused")


DATA: list[Any] = [
    None,
    True,
    -5,
    1 << 100,
    1 << 20_000,
    1.5,
    -0.0,
    math.inf,
    2 + 3j,
    "",
    "text ü \ud800 \0",
    [],
    [b"\0\xff", bytearray(b"ab")],
    [1, [2, {"a": None}]],
    {"a": {"b": [1.5]}},
    {1: "a", (1, 2): "b", None: "c", "$date": "d"},
    {"$date": "2026-01-01"},
    (1, (2,)),
    {1, 2},
    frozenset({"a"}),
    range(1, 10, 2),
    slice(1, None, 2),
    dt.date(2026, 3, 1),
    dt.datetime(2026, 3, 1, 12, 30, 1, 5),
    dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    dt.time(1, 2, 3),
    dt.timedelta(days=-1, microseconds=1),
    Decimal("1.50"),
    Fraction(1, 3),
    uuid.UUID(int=5),
    np.float64(1.5),
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.datetime64("2026-01-01", "D"),
    np.str_("a"),
    np.bytes_(b"a\0"),
    pd.Timestamp("2026-01-01 12:00:00.123456789", tz="Europe/Berlin"),
    pd.Timestamp("2026-01-01").as_unit("s"),
    pd.Timedelta("1 day"),
    pd.Period("2026-01", "M"),
    pd.Interval(0, 1.5, closed="left"),
    pd.NA,
    pd.NaT,
]


@pytest.mark.parametrize("value", DATA, ids=lambda v: type(v).__name__)
def test_plain_data_come_back_equal(value: Any, datasets: DatasetStore) -> None:
    metadata = datasets.put(value, "d")
    found = datasets.get("d")

    assert type(found) is type(value)
    assert metadata.kind == "data"
    assert found is value if value is pd.NA or value is pd.NaT else found == value
    if isinstance(value, float):
        assert math.copysign(1, found) == math.copysign(1, value)
    if isinstance(value, dt.datetime) and not isinstance(value, pd.Timestamp):
        assert (found.fold, found.tzinfo) == (value.fold, value.tzinfo)
    if isinstance(value, pd.Timestamp):
        assert found.unit == value.unit
        assert str(found.tz) == str(value.tz)


def test_large_data_come_back_equal(datasets: DatasetStore) -> None:
    listed = [{"n": n, "text": "x" * 50} for n in range(50_000)]

    assert datasets.put(listed, "d").size > 3_000_000

    assert datasets.get("d") == listed
    assert datasets.head("d", 2) == listed[:2]


class Point(NamedTuple):
    x: int


class Colour(enum.IntEnum):
    RED = 1


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [object(), [object()], {"a": Point(1)}, [Colour.RED], [OrderedDict(a=1)], CYCLE, print],
    ids=["object", "in a list", "named tuple", "enum", "ordered dict", "cycle", "function"],
)
def test_what_would_come_back_changed_is_refused(value: Any, datasets: DatasetStore) -> None:
    with pytest.raises(Invalid):
        datasets.put(value, "refused")
    assert not datasets.exists("refused")


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(plain)
@settings(deadline=None, max_examples=60)
def test_any_plain_data_come_back_equal(datasets: DatasetStore, value: Any) -> None:
    datasets.put(value, "d")

    found = datasets.get("d")

    assert found == value
    assert repr(found) == repr(value)
