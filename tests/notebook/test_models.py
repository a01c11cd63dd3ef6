"""What a notebook says of models that are not to be used just so."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.database.schema import versions
from tests.notebook.conftest import Notebook

MODULE = """
from sklearn.base import BaseEstimator

class Doubler(BaseEstimator):
    def fit(self, X, y=None):
        return self
"""


@pytest.fixture
def own(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook with a stored model whose class is in a module of the user's own."""
    (tmp_path / "doubling_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    notebook("import doubling_module\n%omega put {doubling_module.Doubler()} as m")
    return notebook


def test_refused_type_says_how_to_trust_it(own: Notebook) -> None:
    text = own.fails("%omega get m")

    assert "m@1 holds types that are not trusted: doubling_module.Doubler" in text
    assert "--trust doubling_module.Doubler" in text
    assert "OMEGA_TRUSTED=doubling_module.Doubler" in text
    error = own.run("%omega get m").error
    assert isinstance(error, Untrusted)
    assert error.types == ["doubling_module.Doubler"]
    assert type(own("%omega get m --trust doubling_module.Doubler")).__name__ == "Doubler"


def test_class_of_the_notebook_is_said_to_be_known_there_alone(notebook: Notebook) -> None:
    notebook(MODULE + "\nDoubler.__module__ = '__main__'\nimport __main__")
    notebook("__main__.Doubler = Doubler\n%omega put {Doubler()} as m")

    assert "move it to a module" in notebook.fails("%omega get m")


def test_part_that_can_not_be_stored_is_named(notebook: Notebook) -> None:
    notebook(
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "model = make_pipeline(FunctionTransformer(lambda X: X))"
    )

    text = notebook.fails("%omega put model")

    assert "step 'functiontransformer', parameter 'func' holds a lambda" in text
    assert isinstance(notebook.run("%omega put model").error, Invalid)


def test_format_of_a_model_is_chosen_where_it_is_turned_on(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook("from sklearn.cluster import Birch\nmodel = Birch(n_clusters=2)\nX = [1, 2]")

    assert "joblib is not turned on" in notebook.fails("%omega put model --format joblib")
    assert "'X' is no model" in notebook.fails("%omega put model X --format joblib")
    monkeypatch.setenv("OMEGA_ALLOW_JOBLIB", "1")
    assert notebook("%omega put model --format joblib").kind == "joblib"
    assert repr(notebook("%omega get model")) == repr(notebook("model"))


def test_version_mismatch_is_one_line_beside_the_value(remote: Notebook, mongo_url: str) -> None:
    remote("%omega fit mymodel X y")
    versions(SecretUrl(mongo_url)).update_many(
        {"name": "mymodel"}, {"$set": {"environment.scikit-learn": "0.24.2"}}
    )

    # By its number, which nobody has looked up yet: the latest is known from the fit.
    shown = remote.run("pred = %omega predict mymodel@2 X")

    said = [line for line in shown.text.splitlines() if "scikit-learn 0.24.2" in line]
    assert len(said) == 1
    assert said[0].startswith("Model mymodel@2 was stored with scikit-learn 0.24.2; here it is")
    assert "warnings.warn" not in shown.text
    assert "VersionMismatch" not in shown.text
    assert len(remote("pred")) == 150
