"""What users get wrong is refused by name, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pytest

from omega_jupyter.errors import Invalid
from omega_jupyter.store.database.schema import names, versions
from omega_jupyter.store.datasets import DatasetStore
from omega_jupyter.store.store import Store

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})

MISTAKES: dict[str, tuple[Callable[[DatasetStore], Any], str]] = {
    "tag None": (lambda ds: ds.tag("X", None), "None can't be a tag"),  # type: ignore[arg-type]
    "tag True": (lambda ds: ds.tag("X", True), "True can't be a tag"),  # type: ignore[arg-type]
    "columns as text": (lambda ds: ds.get("X", columns="ab"), "columns='ab' is one label"),
    "columns, a number": (lambda ds: ds.get("X", columns=3), "columns=3 is no list"),  # type: ignore[arg-type]
    "list of no kind": (
        lambda ds: ds.list(kind="dataframes"),
        r"(?s)no kind 'dataframes'. Did you mean 'dataframe'.*kinds are: array, ",
    ),
    "entries of no kind": (lambda ds: ds.entries("X*", kind="Dataframe"), "mean 'dataframe'"),
    "list of a number": (lambda ds: ds.list(kind=3), "no kind 3"),  # type: ignore[arg-type]
    "check of a number": (lambda ds: Store(ds._url).check(3), "text, not int"),  # type: ignore[arg-type]
    "grace, a number": (lambda ds: Store(ds._url).gc(grace=5), "grace=5 is no timedelta"),  # type: ignore[arg-type]
    "usage of a number": (lambda ds: Store(ds._url).usage(3), "text, not int"),  # type: ignore[arg-type]
    "lazy columns as text": (lambda ds: ds.getl("X", columns="ab"), "columns='ab' is one label"),
    "two choices": (lambda ds: ds.get("X[a]", columns=["b"]), "Two choices of columns"),
    "two choices, without": (lambda ds: ds.get("X[^a]", columns=["a"]), "Two choices of columns"),
    "head of text": (lambda ds: ds.head("X", "3"), "not '3'"),  # type: ignore[arg-type]
    "head of a float": (lambda ds: ds.head("X", 2.5), "not 2.5"),  # type: ignore[arg-type]
    "head of None": (lambda ds: ds.head("X", None), "not None"),  # type: ignore[arg-type]
    "lazy head": (lambda ds: ds.getl("X").head(2.5), "not 2.5"),  # type: ignore[arg-type]
    "chunks of text": (lambda ds: list(ds.getl("X").iter_chunks("9")), "chunksize='9'"),  # type: ignore[arg-type]
    "attributes, a list": (lambda ds: ds.put(FRAME, "X", attributes=["a"]), "not a list"),  # type: ignore[arg-type]
    "wanted attributes": (lambda ds: ds.list(attributes=3), "not a int"),  # type: ignore[arg-type]
    "inputs, a list": (lambda ds: ds.put(FRAME, "X", inputs=["X@1"]), "Inputs are roles"),  # type: ignore[arg-type]
    "inputs, a number": (lambda ds: ds.put(FRAME, "X", inputs={"X": 1}), "Inputs are roles"),  # type: ignore[dict-item]
    "added inputs": (
        lambda ds: ds.put(FRAME, "X", append=True, inputs={"X": 1}),  # type: ignore[dict-item]
        "Inputs are roles",
    ),
    "a task's own folder": (lambda ds: ds.put(1, ".staged/X"), "'.staged' goes after a day"),
    "added to a task's": (lambda ds: ds.put(FRAME, ".staged/X", append=True), "goes after a day"),
    "renamed to a task's": (lambda ds: ds.rename("X", ".results/X"), "goes after a day"),
    "copied to a task's": (lambda ds: ds.copy("X", ".results/X"), "goes after a day"),
    "task, a number": (lambda ds: ds.put(FRAME, "X", task=5), "task=5 is no text"),  # type: ignore[arg-type]
    "added task": (
        lambda ds: ds.put(FRAME, "X", append=True, task=5),  # type: ignore[arg-type]
        "task=5 is no text",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_and_changes_nothing(mistake: str, shared_datasets: DatasetStore) -> None:
    call, told = MISTAKES[mistake]
    shared_datasets.put(FRAME, "X")
    before = stored(shared_datasets)

    with pytest.raises(Invalid, match=told):
        call(shared_datasets)

    assert stored(shared_datasets) == before


def test_series_without_a_name_has_none_in_polars(shared_datasets: DatasetStore) -> None:
    shared_datasets.put(pd.Series([1, 2]), "without")
    shared_datasets.put(pd.DataFrame({"": [1], "a": [2]}), "empty label")

    assert shared_datasets.get("without", as_="polars").equals(pl.Series("", [1, 2]))
    assert shared_datasets.get("empty label", as_="polars").columns == ["", "a"]


def stored(datasets: DatasetStore) -> list[list[dict[str, Any]]]:
    return [list(found(datasets._url).find().sort("_id")) for found in (versions, names)]
