"""Metadata for people and for machines."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from omega_jupyter.store.versions.metadata import Column, Metadata

METADATA = Metadata(
    store="datasets",
    name="sales/<b>",
    version=3,
    kind="dataframe",
    type="pandas.DataFrame",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    size=80_000_000,
    shape=(1_000_000, 2),
    columns=(Column("a & b", "int64"), Column("c", "str")),
    attributes={"note": "<script>"},
    inputs={"X": "X@1"},
    scores=[{"value": 0.5}],
)


def test_repr_is_short() -> None:
    text = repr(METADATA)

    assert "sales/<b>@3" in text
    assert "80.0 MB" in text
    assert len(text) < 80


def test_html_is_escaped() -> None:
    shown = METADATA._repr_html_()

    assert "a &amp; b (int64)" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "sales/&lt;b&gt;@3" in shown


def test_dict_is_json() -> None:
    told = json.loads(json.dumps(METADATA.to_dict()))

    assert told["shape"] == [1_000_000, 2]
    assert told["columns"][1] == {"name": "c", "dtype": "str"}
    assert told["created"] == "2026-01-02T03:04:05+00:00"
