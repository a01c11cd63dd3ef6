"""Any array and any plain data come back equal, of the same type."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from omega_jupyter.store.codecs.inline import decode, encode
from omega_jupyter.store.values import typed


def _assert_same(expected: Any, found: Any) -> None:
    assert type(found) is np.ndarray
    assert repr(found.dtype) == repr(expected.dtype)
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes() if expected.dtype.kind != "T" else True
    assert str(found.tolist()) == str(expected.tolist())


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes() | hnp.array_dtypes(hnp.array_dtypes()),
        hnp.array_shapes(min_dims=0, max_side=4, min_side=0),
    )
)
def test_any_array_comes_back_equal(array: Any) -> None:
    text = encode(array)

    assert text is not None
    _assert_same(array, decode(text))


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
