"""The magics in a real shell, on a real database."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.verbs.usage import UsageError
from tests.notebook.conftest import Notebook

DATA = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]})
y = np.array([0, 1, 0])
model = LogisticRegression()
"""


@pytest.fixture
def data(notebook: Notebook) -> Notebook:
    notebook(DATA)
    return notebook


def test_put_and_get_round_trip(data: Notebook) -> None:
    put = data("%omega put X")
    got = data("back = %omega get X\nback")

    assert put.ref == "X@1"
    pd.testing.assert_frame_equal(got, data("X"))


def test_put_takes_several_and_as_names_the_one_before(data: Notebook) -> None:
    data("%omega put X as features y model as mymodel")

    assert [md.name for md in data("%omega ls")] == ["features", "y", "mymodel"]
    assert data("%omega get mymodel").get_params() == data("model").get_params()


def test_put_takes_expressions_and_notes(data: Notebook) -> None:
    data("%omega put {X[X.a > 1]} as big source='crm' n={len(X)}")

    assert data("%omega info big").attributes == {"source": "crm", "n": 3}
    assert len(data("%omega get big")) == 2


def test_put_keeps_a_file_that_get_gives_back(data: Notebook, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    data(f"from pathlib import Path\nfolder = {str(tmp_path)!r}")

    data("%omega put {Path(folder) / 'report.pdf'} as report")
    saved = data("file = %omega get report\nfile.save(Path(folder) / 'copy.pdf')")

    assert saved.read_bytes() == b"%PDF"
    assert "There is no file" in data.fails("%omega put {Path('missing')} as x")
    data("text = open(folder + '/copy.pdf')")
    assert "text mode" in data.fails("%omega put text")
    data("text.close()")


def test_get_converts_tables(data: Notebook) -> None:
    data("%omega put X")

    assert data("%omega get X[a] a__gt=1 --as polars").to_dict(as_series=False) == {"a": [2.0, 3.0]}
    assert data("%omega get X --as arrow").schema.names == ["a", "b"]
    assert "'dask'" in data.fails("%omega get X --as dask")


def test_put_refuses_taken_names(data: Notebook) -> None:
    data("%omega put X")

    assert re.search("stored already.*--new", data.fails("%omega put X --new"), re.DOTALL)
    assert isinstance(data.run("%omega put X --new").error, Conflict)


def test_get_takes_columns_version_and_filters(data: Notebook) -> None:
    data("%omega put X\nX['a'] = 0.0\n%omega put X")

    got = data("%omega get X[a]@1 a__gte=2")

    assert list(got.columns) == ["a"]
    assert list(got["a"]) == [2.0, 3.0]


def test_any_column_can_be_a_filter(data: Notebook) -> None:
    data("%omega put {pd.DataFrame({'name': ['a', 'b'], 'self': [1, 2]})} as people")

    assert len(data("%omega get people name=a self=1")) == 1


def test_get_binds_with_o(data: Notebook) -> None:
    shown = data.run("%omega put y\n%omega get y -o z")

    assert shown.value is None
    assert "z: ndarray (3,)" in shown.text
    np.testing.assert_array_equal(data("z"), data("y"))


def test_value_goes_wherever_a_value_goes(data: Notebook) -> None:
    data("%omega put y")
    data(
        "def load():\n"
        "    local = [1, 2]\n"
        "    %omega put local\n"
        "    r = %omega get local\n"
        "    return r"
    )

    assert data("load()") == [1, 2]
    assert data("a, b, c = %omega get y\nb") == 1


def test_semicolon_silences_an_expression_but_not_an_assignment(data: Notebook) -> None:
    data("%omega put y")

    assert data("%omega get y;") is None
    assert data("v = %omega get y;\nlen(v)") == 3


def test_cell_gives_keywords_by_line(data: Notebook) -> None:
    data(
        "%%omega put y as target\n# where it comes from\nsource = 'the lab'\nruns = [\n  1,\n  2]\n"
    )

    assert data("%omega info target").attributes == {"source": "the lab", "runs": [1, 2]}


def test_ls_filters_and_shows_a_table(data: Notebook) -> None:
    data("%omega put X as sales/2025 X as sales/2026 model as sales/model y")

    names = data("[md.name for md in get_ipython().run_line_magic('omega', 'ls sales/')]")
    shown = data.run("%omega ls 'sales/20*' -l")

    assert names == ["sales/2025", "sales/2026", "sales/model"]
    assert shown.text.split()[1:4] == ["name", "kind", "version"]
    assert "3 × 2" in shown.text
    assert "<td" in data("%omega ls --store models")._repr_html_()


def test_head_and_info(data: Notebook) -> None:
    data("%omega put X model")

    assert len(data("%omega head X -n 2")) == 2
    assert data("%omega info X").columns[0].name == "a"
    assert "C" in data("%omega info model").params
    assert "LogisticRegression" in data.run("%omega info model").text
    assert [md.version for md in data("%omega put X\n%omega info X --versions")] == [1, 2]


def test_rm_removes_what_it_names(data: Notebook) -> None:
    data("%omega put X as a/1 X as a/2 y model")

    shown = data.run("%omega rm 'a/*' model")

    assert "removed a/1 (data set), a/2 (data set), model (model)" in shown.text
    assert [md.name for md in data("%omega ls")] == ["y"]
    assert "nothing to remove" in data.run("%omega rm -f gone").text


def test_rm_removes_nothing_where_a_name_is_wrong(data: Notebook) -> None:
    data("%omega put X y")

    assert "No data set 'yy'. Did you mean 'y'?" in data.fails("%omega rm X yy")
    assert "not in quotes" in data.fails("%omega rm X*")
    assert "names a part" in data.fails("%omega rm X[a]")
    assert "has no version 2" in data.fails("%omega rm X@2 y")
    assert len(data("%omega ls")) == 2


def test_one_name_of_two_kinds_needs_the_store(data: Notebook) -> None:
    data("%omega put X as thing\n%omega put model as thing")

    assert "both a data set and a model" in data.fails("%omega info thing")
    assert data("%omega info thing --store models").kind == "estimator"
    data("%omega rm thing --store models")
    assert data("%omega info thing").kind == "dataframe"


@pytest.mark.parametrize(
    ("line", "kind", "named"),
    [
        ("%omega fitt m X", UsageError, "No such verb 'fitt'. Did you mean 'fit'?"),
        ("%omega ls --stor models", UsageError, "No such option '--stor'. Did you mean '--store'?"),
        ("%omega ls --store jobs", UsageError, "'jobs' is not one of datasets, models"),
        ("%omega ls a=1", UsageError, "ls takes no key=value"),
        ("%omega ls a b", UsageError, "unexpected extra argument (b)"),
        ("%omega get", UsageError, "Missing argument 'NAME'"),
        ("%omega get nothing", NotFound, "Nothing named 'nothing' is stored"),
        ("%omega get X[a", UsageError, "The bracket [ is not closed"),
        ("%omega get 'X", UsageError, "The quote ' is not closed"),
        ("%omega get X@3v", Invalid, "neither a whole number nor a tag"),
        ("%omega get X -o 1a", UsageError, "can't be the name of a variable"),
        ("%omega head X -n many", UsageError, "'many' is not a whole number"),
        ("%omega put modle", UsageError, "no variable 'modle'. Did you mean 'model'?"),
        ("%omega put {1 / 0} as q", UsageError, "ZeroDivisionError: division by zero"),
        ("%omega put {y + 1}", UsageError, "needs a name"),
        ("%omega put X as", UsageError, "as stands between an object and its name"),
        ("%omega put LogisticRegression", Invalid, "is a class, not an estimator"),
        ("%omega put np", Invalid, "module"),
        ("%omega put X a=1 a=2", UsageError, "a= is given twice"),
        ("%omega status 12", NotFound, "12"),
        ("%omega status", NotFound, "There is no task yet"),
        ("%omega fit model X y", Invalid, "an estimator (LogisticRegression) that is not stored"),
        ("%omega fit {model} X y", Invalid, "that is not stored"),
        ("%omega fit nomodel X y", NotFound, "nomodel"),
        ("%omega predict nomodel noX", NotFound, "no"),
        ("%omega predict m model", Invalid, "which is no data"),
        ("%omega predict m X[a]", Invalid, "goes with a stored data set"),
        ("%omega predict m X X=1", UsageError, "X= can't be a keyword of predict"),
        ("%omega predict m X self=1", UsageError, "self= can't be a keyword of predict"),
        ("%omega fit m X -b --timeout 3", UsageError, "-b does not wait"),
        ("%%omega ls\na = 1", UsageError, "ls takes no key=value"),
        ("%%omega put X\nwhat", UsageError, "not of the form name=value"),
    ],
)
def test_mistake_is_a_short_error_and_the_cell_fails(
    data: Notebook, line: str, kind: type[Exception], named: str
) -> None:
    text = data.fails(line)

    assert named in text
    assert isinstance(data.run(line).error, kind)
    assert len(data("%omega ls")) == 0


def test_error_stops_the_cell(data: Notebook) -> None:
    data.fails("%omega get nothing\nafterwards = 1")

    assert not data("'afterwards' in globals()")


def test_wrong_settings_are_named(data: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", "http://alice:secret@example")
    shown = data.fails("%omega ls")

    assert "mongo_url" in shown
    assert "secret" not in shown


def test_settings_changed_in_the_notebook_count_at_once(
    data: Notebook, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data("%omega put X")
    monkeypatch.setenv("OMEGA_MONGO_URL", f"{mongo_url}_other")

    assert len(data("%omega ls")) == 0


def test_help_does_not_fail_and_has_no_value(notebook: Notebook) -> None:
    for line in ("%omega", "%omega -h", "%omega help", "%omega fit -h", "%omega help fit"):
        shown = notebook.run(line)
        assert (shown.error, shown.value) == (None, None)
        assert "%omega" in shown.text
