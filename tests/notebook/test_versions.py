"""Names, versions and tags as a notebook shows and changes them."""

from __future__ import annotations

import pytest

from omega_jupyter.errors import Conflict, Invalid, NotFound
from omega_jupyter.verbs.usage import UsageError
from tests.notebook.conftest import Notebook


@pytest.fixture
def data(notebook: Notebook) -> Notebook:
    """Three versions of a model, and two of a data set."""
    notebook(
        "import pandas as pd\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "X = pd.DataFrame({'a': [1.0, 2.0, 3.0]})\n"
        "for C in (1.0, 2.0, 3.0):\n"
        "    model = LogisticRegression(C=C)\n"
        "    %omega put model note={f'C is {C}'}\n"
        "%omega put X\n"
        "%omega put X source=crm"
    )
    return notebook


def test_tag_names_a_version(data: Notebook) -> None:
    tagged = data("%omega tag model@2 staging")

    assert (tagged.ref, tagged.tags) == ("model@2", ("staging",))
    assert data("%omega get model@staging").C == 2.0
    assert data("%omega tag model@staging prod").ref == "model@2"
    assert data("%omega tag model prod").ref == "model@3"
    assert list(data("%omega tag model")) == [("prod", 3), ("staging", 2)]
    assert "model@3" in data.run("%omega tag model").text
    assert data.run("%omega tag model staging --remove").value is None
    assert list(data("%omega tag model")) == [("prod", 3)]
    assert "X has no tags" in data.run("%omega tag X").text


def test_tags_are_shown_where_one_looks(data: Notebook) -> None:
    data("%omega tag model prod\n%omega tag model@1 first")

    assert "tags" in data.run("%omega info model").text
    assert "prod" in data.run("%omega ls -l").text
    assert "prod" in data("%omega info model")._repr_html_()
    assert data("%omega info model --versions")[0].tags == ("first",)


def test_versions_show_where_they_come_from(remote: Notebook) -> None:
    remote("%omega fit mymodel X y\n%omega score mymodel X y\n%omega tag mymodel prod")

    versions = remote("%omega info mymodel --versions")
    shown = remote.run("%omega info mymodel --versions").text
    page = versions._repr_html_()

    fitted = versions[1]
    assert fitted.inputs == {"model": "mymodel@1", "X": "X@1", "y": "y@1"}
    assert fitted.environment["scikit-learn"]
    for told in (shown, page):
        assert "mymodel@2" in told
        assert "prod" in told
        assert "mymodel@1, X@1, y@1" in told
        assert f"{fitted.scores[0]['score']:.4g}" in told
        assert (fitted.task or "-")[:8] in told
        assert f"scikit-learn {fitted.environment['scikit-learn']}" in told
        assert "created" in told
    assert "attributes" not in shown  # there are none


def test_object_gets_another_name(data: Notebook) -> None:
    assert data("%omega mv model folder/model").ref == "folder/model@3"
    assert "was renamed to 'folder/model'" in data.fails("%omega get model")
    assert [entry.name for entry in data("%omega ls")] == ["X", "folder/model"]
    assert data("%omega get model@2").C == 2.0


def test_version_gets_a_second_name(data: Notebook) -> None:
    assert data("%omega cp model@1 model").ref == "model@4"
    assert data("%omega get model").C == 1.0
    assert data("%omega cp X Y").inputs == {"copy": "X@2"}


def test_object_keeps_its_newest_versions(data: Notebook) -> None:
    data("%omega tag model@1 first")

    assert "model keeps all its versions" in data.run("%omega keep model").text
    kept = data.run("%omega keep model 1").text
    assert "model keeps its newest version, and those with a tag; removed 2" in kept
    assert [md.version for md in data("%omega info model --versions")] == [1, 3]
    assert "its newest version" in data.run("%omega keep model").text
    assert "keeps" in data.run("%omega info model").text
    assert "keeps all its versions" in data.run("%omega keep model all").text


def test_single_versions_are_removed(data: Notebook) -> None:
    data("%omega tag model@2 prod")

    assert "removed model@1 (model), X@2 (data set)" in data.run("%omega rm model@1 X@-1").text
    assert "model@2 has the tag prod" in data.fails("%omega rm X model@prod")
    assert [entry.ref for entry in data("%omega ls")] == ["X@1", "model@3"]
    data("%omega rm -f model@prod")
    assert [md.version for md in data("%omega info model --versions")] == [3]


def test_list_of_one_kind(data: Notebook) -> None:
    assert [entry.name for entry in data("%omega ls --kind estimator")] == ["model"]
    assert "nothing stored is of kind 'array'" in data.run("%omega ls --kind array").text
    assert "matches 'x*' is of kind" in data.run("%omega ls 'x*' --kind array").text
    assert "Did you mean 'array'" in data.fails("%omega ls --kind arrays")


@pytest.mark.parametrize(
    ("line", "kind", "named"),
    [
        ("%omega tag model@9 prod", NotFound, "has no version 9"),
        ("%omega tag modle prod", NotFound, "Did you mean 'model'?"),
        ("%omega tag model 1st", Invalid, "can't be a tag"),
        ("%omega tag model prod --remove", NotFound, "has no tag 'prod'; it has none"),
        ("%omega tag model --remove", UsageError, "--remove needs a tag"),
        ("%omega get model@prod", NotFound, "has no tag 'prod'"),
        ("%omega mv model Y@1", Invalid, "plain name"),
        ("%omega mv model@1 Y", Invalid, "plain name"),
        ("%omega mv nothing Y", NotFound, "Nothing named 'nothing' is stored"),
        ("%omega cp X[a] Y", Invalid, "names columns"),
        ("%omega keep model five", UsageError, "'five' is no number of versions"),
        ("%omega keep model 0", Invalid, "from 1"),
        ("%omega keep model@1 2", Invalid, "plain name"),
        ("%omega rm '*@2'", UsageError, "names a part"),
    ],
)
def test_mistake_is_a_short_error_and_changes_nothing(
    data: Notebook, line: str, kind: type[Exception], named: str
) -> None:
    assert named in data.fails(line)
    assert isinstance(data.run(line).error, kind)
    assert [entry.ref for entry in data("%omega ls")] == ["X@2", "model@3"]


def test_taken_name_is_refused(data: Notebook) -> None:
    data("%omega put X as Y")

    assert "'Y' is stored already" in data.fails("%omega mv X Y")
    assert isinstance(data.run("%omega mv X Y").error, Conflict)
    # Data sets and models have names of their own.
    assert data("%omega mv X model --store datasets").ref == "model@2"
