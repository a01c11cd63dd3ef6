"""Small results cross a message as text, and come back equal."""

from __future__ import annotations

import base64
import math
from typing import Any

import bson
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.linear_model import LogisticRegression

from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.codecs.inline import decode, encode

FRAME = pd.DataFrame(
    {"a": [1, 2], "b": pd.Categorical(["x", None]), "c": pd.array(["u", None], dtype="str")},
    index=pd.MultiIndex.from_tuples([(1, "p"), (2, "q")], names=["n", None]),
)


def round_trip(obj: Any) -> Any:
    text = encode(obj)
    assert text is not None
    assert text.isascii()
    return decode(text)


@pytest.mark.parametrize(
    "value", [0.1, np.float64(0.1), np.float32(0.1), 1 << 70, None, "ü", [1.5]]
)
def test_scalars_come_back_exactly(value: Any) -> None:
    found = round_trip(value)

    assert type(found) is type(value)
    assert found == value


def test_not_a_number_comes_back() -> None:
    assert math.isnan(round_trip(math.nan))
    assert round_trip(-math.inf) == -math.inf


def test_arrays_come_back_equal() -> None:
    for array in (np.arange(10.0), np.array(["a", "bc"]), np.empty((0, 3)), np.array(5)):
        np.testing.assert_array_equal(round_trip(array), array, strict=True)


def test_arrays_that_came_back_can_be_written_to() -> None:
    found = round_trip(np.zeros(3))

    found[0] = 1


def test_frames_series_and_sparse_matrices_come_back_equal() -> None:
    assert_frame_equal(round_trip(FRAME), FRAME, check_exact=True)
    assert_series_equal(round_trip(FRAME["c"]), FRAME["c"], check_exact=True)
    found = round_trip(scipy.sparse.eye_array(5, format="csr"))
    np.testing.assert_array_equal(found.toarray(), np.eye(5))


def test_text_keeps_to_the_limit() -> None:
    assert encode(np.zeros(10_000)) is None
    assert encode("x" * 100, limit=100) is None
    for rows in (1, 100, 1000, 5000, 6000, 7000, 8000):
        text = encode(np.zeros(rows))
        assert text is None or len(text) <= 65_536
    assert encode(np.zeros(10_000), limit=200_000) is not None


def test_large_categories_travel_too() -> None:
    frame = pd.DataFrame({"a": pd.Categorical(["x" * 100_000, None])})

    text = encode(frame, limit=1 << 20)

    assert text is not None
    assert_frame_equal(decode(text), frame)


def test_what_data_sets_refuse_is_refused() -> None:
    for obj in (object(), LogisticRegression(), np.array([object()]), [print]):
        with pytest.raises(Invalid):
            encode(obj)


def as_text(document: dict[str, Any]) -> str:
    return base64.b64encode(bson.encode(document)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "§§",
        "AAAA",
        "not base64!",
        as_text({}),
        as_text({"kind": "array"}),
        as_text({"kind": "array", "body": {}, "segments": []}),
        as_text({"kind": "array", "body": 5, "segments": []}),
        as_text({"kind": "data", "body": {"size": 3}, "segments": [{"0.0": b"{]x"}]}),
        as_text({"kind": "data", "body": {"size": 3}, "segments": [{}]}),
        as_text({"kind": "data", "body": {"size": 3}, "segments": 7}),
    ],
    ids=range(11),
)
def test_text_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        decode(text)


def test_kind_that_is_not_installed_is_named() -> None:
    with pytest.raises(NotFound, match="'hologram'"):
        decode(as_text({"kind": "hologram", "body": {}, "segments": []}))
