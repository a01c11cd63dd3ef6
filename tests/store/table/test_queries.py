"""Conditions can be combined, compared and shown, and read no more than they must."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from omega_jupyter import Q
from omega_jupyter.errors import Invalid, NotFound
from omega_jupyter.store.datasets import DatasetStore

FRAME = pd.DataFrame(
    {
        "amount": [1.0, 5.0, np.nan, 7.0, 5.0],
        "country": ["DE", "AT", "DE", None, "FR"],
        "name": list("abcde"),
        "columns": [1, 2, 3, 4, 5],
        "version": [5, 4, 3, 2, 1],
        "unit price": [1, 1, 2, 2, 3],
    }
)


@pytest.fixture
def stored(datasets: DatasetStore, _tiny_chunks: None) -> DatasetStore:
    datasets.put(FRAME, "sales")
    return datasets


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (Q(amount__gte=100), "Q(amount__gte=100)"),
        (Q(a=1, b="x"), "Q(a=1) & Q(b='x')"),
        (Q(a=1) & Q(b=2) & Q(c=3), "Q(a=1) & Q(b=2) & Q(c=3)"),
        (Q(a=1) & Q(b=2) | ~Q(c=3), "(Q(a=1) & Q(b=2)) | ~Q(c=3)"),
        (~(Q(a=1) | Q(b=2)), "~(Q(a=1) | Q(b=2))"),
        (~~Q(a=1), "Q(a=1)"),
        (Q(**{"unit price__gt": 3}), "Q(**{'unit price__gt': 3})"),
        (Q(a__in=[1, 2]), "Q(a__in=(1, 2))"),
        (Q(), "Q()"),
    ],
    ids=repr,
)
def test_condition_shows_how_to_write_it(condition: Q, shown: str) -> None:
    assert repr(condition) == shown
    assert eval(shown, {"Q": Q}) == condition


def test_many_values_are_not_all_shown() -> None:
    shown = repr(~Q(a__in=range(10_000)))

    assert shown.startswith("~Q(a__in=(0, 1, 2, ")
    assert shown.endswith(", 19, … 10,000 values))")


def test_equal_conditions_are_equal() -> None:
    one, same = (Q(a__in=[1, 2]) | ~Q(b=pd.Timestamp("2026")) for _ in range(2))

    assert one == same
    assert len({one, same, copy.deepcopy(one), pickle.loads(pickle.dumps(one))}) == 1
    assert Q(a=1) != Q(a=True)
    assert Q(a=1) != Q(a=1.0)
    assert Q(a=1) & Q(b=2) != Q(a=1) | Q(b=2)
    assert Q(a=1) != "Q(a=1)"


def test_condition_does_not_change() -> None:
    values = [1]
    condition = Q(columns__in=values)
    values.append(2)

    assert condition == Q(columns__in=[1])
    with pytest.raises(AttributeError):
        condition.joint = "or"  # type: ignore[misc]  # what is tested


def test_and_or_not_are_refused() -> None:
    with pytest.raises(Invalid, match=r"neither true nor false.*\n.*&, \| and ~"):
        Q(a=1) and Q(b=2)
    with pytest.raises(Invalid, match="neither true nor false"):
        not Q(a=1)
    with pytest.raises(TypeError):
        Q(a=1) & True  # type: ignore[operator]  # what is tested


def test_conditions_are_those_of_pandas(stored: DatasetStore) -> None:
    f = FRAME
    for condition, mask in (
        (Q(amount__gte=5, country="AT"), (f.amount >= 5) & (f.country == "AT")),
        (Q(amount__gt=5) | Q(country="DE"), (f.amount > 5) | (f.country == "DE")),
        (~Q(amount__gt=1), ~(f.amount > 1)),
        (~(Q(amount__gt=1) & Q(country__isnull=False)), ~((f.amount > 1) & f.country.notna())),
        (Q(country__like="_T") | Q(country__like="D%"), f.country.isin(["AT", "DE"])),
        (~Q(), f.amount == "nothing"),
        (Q(), f["name"] != ""),
    ):
        assert_frame_equal(f[mask], stored.get("sales", condition))
        assert_frame_equal(f.loc[mask, ["name"]], stored.get("sales[name]", condition))


def test_conditions_and_filters_must_all_hold(stored: DatasetStore) -> None:
    found = stored.get("sales", Q(amount__gt=1) | Q(country="DE"), ~Q(amount=7), columns__lt=5)

    assert list(found["columns"]) == [1, 2, 3]


def test_columns_that_are_called_as_parameters(stored: DatasetStore) -> None:
    assert list(stored.get("sales", name__eq="b").index) == [1]
    assert list(stored.get("sales", columns__eq=2, version__eq=4).index) == [1]
    assert list(stored.get("sales", Q(name="b") | Q(columns=3) | Q(version=1)).index) == [1, 2, 4]
    assert list(stored.get("sales", Q(**{"unit price__gte": 2})).index) == [2, 3, 4]


def test_labels_that_are_not_text_are_named_by_their_text(datasets: DatasetStore) -> None:
    index = pd.MultiIndex.from_arrays([list("abc"), [1, 2, 3]], names=[7, None])
    frame = pd.DataFrame(np.arange(9).reshape(3, 3), index=index)
    frame.columns = pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)])
    datasets.put(frame, "X")
    datasets.put(pd.DataFrame([[1, 2]], columns=["a", "a"]), "twice")

    assert_frame_equal(datasets.get("X", Q(**{"('x', 2)__gt": 1})), frame[1:])
    assert_frame_equal(datasets.get("X", Q(**{"7__in": ["a", "c"]})), frame[::2])
    with pytest.raises(NotFound, match="no column 'None'"):
        datasets.get("X", Q(**{"None": 1}))
    with pytest.raises(Invalid, match="2 columns have the label 'a'"):
        datasets.get("twice", ~Q(a=1))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("a%", ["a", "ab", "a%", "a\nb", "a\\"]),
        ("%b", ["ab", "a\nb"]),
        ("%\n%", ["a\nb"]),
        ("a_", ["ab", "a%", "a\\"]),
        ("_", ["a", "A", "日", "$", "%"]),
        (r"a\%", ["a%"]),
        (r"\%", ["%"]),
        (r"\a", ["a"]),
        ("", [""]),
        ("%", ["a", "ab", "A", "a%", "日", "$", "%", "", "a\nb", "(?s:.*)", "a\\"]),
        ("%$", ["$"]),
        ("a%b", ["ab", "a\nb"]),
        ("%(?s:.*)", ["(?s:.*)"]),
        (r"a\\", ["a\\"]),
    ],
)
def test_like_is_that_of_sql(
    pattern: str, matches: list[str], shared_datasets: DatasetStore
) -> None:
    texts = ["a", "ab", "A", "a%", None, "日", "$", "%", "", "a\nb", "(?s:.*)", "a\\"]
    dtypes: list[Any] = ["object", "string[python]", "string[pyarrow]", "category"]
    dtypes += [pd.StringDtype("pyarrow", na_value=np.nan), pd.ArrowDtype(pa.string())]
    frame = pd.DataFrame({str(t): pd.Series(texts, dtype="object").astype(t) for t in dtypes})
    shared_datasets.put(frame, "texts")

    for column in frame:
        found = shared_datasets.get("texts", Q(**{f"{column}__like": pattern}))
        assert found[column].tolist() == matches
        others = shared_datasets.get("texts", ~Q(**{f"{column}__like": pattern}))
        unknown = frame[column].str.startswith("a").isna().sum()
        assert len(found) + len(others) == len(texts) - unknown


def test_unknown_names_are_named(stored: DatasetStore) -> None:
    with pytest.raises(NotFound, match=r"no column 'amuont'\. Did you mean 'amount'"):
        stored.get("sales", Q(country="DE") | ~Q(amuont__gt=1))
    with pytest.raises(Invalid, match=r"no filter operator 'lik' \(name__lik\)"):
        stored.get("sales", ~Q(name__lik="a%"))


def test_what_is_no_condition_is_refused(stored: DatasetStore) -> None:
    with pytest.raises(Invalid, match="A condition is a Q, not a list"):
        stored.get("sales", ["amount"])  # type: ignore[arg-type]  # what is tested


def test_condition_on_what_has_no_rows_is_refused(datasets: DatasetStore) -> None:
    datasets.put({"a": 1}, "d")

    with pytest.raises(Invalid, match="d@1 is kind 'data'"):
        datasets.get("d", Q(a=1))
