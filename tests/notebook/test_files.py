"""Rows and files from a notebook."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.errors import Conflict, Invalid
from omega_jupyter.store.interchange import arrow_files, arrow_form, exporting
from omega_jupyter.verbs.usage import UsageError
from omega_jupyter.verbs.waiting import Line
from tests.notebook.conftest import Notebook


@pytest.fixture
def data(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.chdir(tmp_path)
    notebook(
        "import numpy as np, pandas as pd\n"
        "from pathlib import Path\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "model = LogisticRegression()\n"
        "X = pd.DataFrame({'n': range(10), 's': ['a', 'b'] * 5})\n"
        "X.to_parquet('X.parquet')\n"
        "X.to_csv('my data.csv', index=False)"
    )
    return notebook


def test_rows_are_appended(data: Notebook) -> None:
    first = data("%omega put X as sales source=crm")
    second = data("%omega put {X[:3]} as sales --append")

    assert (first.shape, second.ref, second.shape) == ((10, 2), "sales@2", (13, 2))
    assert data("%omega info sales").attributes == {"source": "crm"}
    expected = data("pd.concat([X, X[:3]], ignore_index=True)")
    pd.testing.assert_frame_equal(data("%omega get sales"), expected)


def test_rows_that_do_not_fit_are_refused(data: Notebook) -> None:
    data("%omega put X model")

    told = data.fails("%omega put {X.rename(columns={'n': 'm'})} as X --append")
    assert "The rows can't be added to X@1: column 'n' is missing; column 'm' is not there" in told
    assert isinstance(data.run("%omega put {np.arange(3)} as X --append").error, Invalid)
    assert isinstance(data.run("%omega put model --append").error, UsageError)
    assert isinstance(data.run("%omega put X --append --new").error, Invalid)
    assert data("%omega get X").shape == (10, 2)


def test_frames_of_a_generator_are_put(data: Notebook) -> None:
    data("%omega put {(X[n : n + 3] for n in range(0, 10, 3))} as parts")

    pd.testing.assert_frame_equal(data("%omega get parts"), data("X"))


def test_files_are_imported_and_exported(data: Notebook) -> None:
    listed = data("%omega import X.parquet 'my data.csv' as sales/data source=here")
    data("%omega import {Path('X.parquet')} as sales/data --append")
    shown = data.run("%omega export 'sales/data[s]@2' out.feather n__lt=2")

    assert [md.ref for md in listed] == ["X@1", "sales/data@1"]
    assert data("%omega info X").attributes == {"source": "here"}
    assert data("%omega get sales/data").shape == (20, 2)
    assert shown.value is None
    assert shown.text.startswith("wrote out.feather (")
    assert pd.read_feather("out.feather")["s"].tolist() == ["a", "b", "a", "b"]
    assert isinstance(data.run("%omega import X.parquet --new").error, Conflict)


def test_mistakes_are_short(data: Notebook) -> None:
    assert "There is no file 'Y.parquet'" in data.fails("%omega import Y.parquet")
    assert "ends in none of" in data.fails("%omega import X.parquet notes.txt")
    assert "is a int, not the path of a file" in data.fails("%omega import {3} as X")
    assert len(data("%omega ls")) == 0
    data("%omega put X {np.arange(3)} as y")
    assert "is kind 'array'" in data.fails("%omega export y y.csv")
    assert "no column 'm'" in data.fails("%omega export X X.csv m=1")
    assert "There is no folder" in data.fails("%omega export X none/X.csv")
    assert sorted(path.name for path in Path().iterdir()) == ["X.parquet", "my data.csv"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown of long work, which all is here."""
    lines: list[str] = []
    monkeypatch.setattr(Line, "after", 0.0)
    monkeypatch.setattr("omega_jupyter.verbs.waiting.REDRAWN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(
        "omega_jupyter.verbs.waiting.TerminalLine.draw",
        lambda self, what, fraction, activity: lines.append(f"{what} {fraction} {activity}"),
    )
    return lines


def test_generators_show_how_far_they_are(data: Notebook, drawn: list[str]) -> None:
    data("%omega put {(X for _ in range(3))} as parts")

    assert [line.partition(",  ")[0].rpartition(", ")[0] for line in drawn] == [
        f"put parts None {done} rows" for done in (10, 20, 30)
    ]


def test_large_ones_show_how_far_they_are(
    data: Notebook, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (arrow_form, exporting):
        monkeypatch.setattr(module, "CHUNK_ROWS", 1000)
    for name in ("BATCH_ROWS", "MIN_BATCH_ROWS"):
        monkeypatch.setattr(arrow_files, name, 1000)
    data("%omega put {pd.DataFrame({'n': np.arange(4000)})} as Y")

    data("%omega export Y Y.parquet\n%omega import Y.parquet")

    assert [line.partition(",  ")[0].rpartition(", ")[0] for line in drawn] == [
        f"{verb} Y.parquet {done / 4000} {done:,} of 4,000 rows"
        for verb in ("export", "import")
        for done in (1000, 2000, 3000, 4000)
    ]
    np.testing.assert_array_equal(data("Y = %omega get Y\nY['n']"), np.arange(4000))
