"""Searches and cross-validations as one types them, in the notebook and in a shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from omega_jupyter.cli import main
from tests.notebook.conftest import Notebook


def test_search_takes_candidates_as_lists_and_variables(remote: Notebook) -> None:
    remote("cs = [0.1, 1.0, 10.0]\nimport numpy as np\nmore = np.array([0.01, 0.1])")

    found = remote("found = %omega search mymodel X y C=:cs --cv 3\nfound")
    home = remote(
        "from sklearn.model_selection import GridSearchCV\n"
        "GridSearchCV(model, {'C': cs}, cv=3).fit(X, y)"
    )

    assert found.best_params_ == home.best_params_
    assert found.model.ref == "mymodel@2"
    scores = home.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], scores)
    assert "best score" in remote.run("found").text
    assert (
        len(remote("%omega search mymodel X y C={more} fit_intercept=[True,False]").cv_results_)
        == 4
    )
    drawn = remote("%omega search mymodel X y C=:cs --n-iter 2 --random-state 1 --scoring accuracy")
    assert len(drawn.cv_results_) == 2
    assert (
        len(remote("%%omega search mymodel X y\nC = [1, 2]\nsolver = ['lbfgs']").cv_results_) == 2
    )


def test_cross_validation_gives_its_scores(remote: Notebook) -> None:
    scores = remote(
        "scores = %omega cross_validate mymodel X y cv=4 scoring=['accuracy','f1_macro']\nscores"
    )

    assert scores["test_accuracy"].shape == scores["test_f1_macro"].shape == (4,)


def test_mistakes_are_told_before_anything_is_sent(remote: Notebook) -> None:
    misspelt = remote.fails("%omega search mymodel X y c=[1,2]")
    assert "mymodel@1 has no parameter 'c' to try: it is a LogisticRegression" in misspelt
    assert "C" in misspelt
    remote(
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "piped = make_pipeline(StandardScaler(), model)\n"
        "%omega put piped"
    )
    assert "logisticregression__C" in remote.fails("%omega search piped X y C=[1,2]")
    assert "No model 'mymodle'. Did you mean" in remote.fails("%omega search mymodle X y C=[1]")
    assert "No data set 'XX'" in remote.fails("%omega cross_validate mymodel XX y")
    assert len(remote("%omega tasks")) == 0

    assert len(remote("%omega search piped X y logisticregression__C=[1,2]").cv_results_) == 2


def test_tab_offers_verbs_names_and_options(remote: Notebook) -> None:
    assert "%omega search" in remote.complete("%omega sear")
    assert "%omega search mymodel" in remote.complete("%omega search my")
    assert "%omega search mymodel X y --n-iter" in remote.complete("%omega search mymodel X y --n")


def test_same_in_a_shell(
    remote: Notebook,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    search = ["search", "mymodel", "X", "y"]

    assert main([*search, "C=[0.1, 1.0]", "--cv", "3"]) == 0
    assert "best params" in capsys.readouterr().out
    assert main([*search, 'solver=["lbfgs", "sag"]', "-o", "found.json"]) == 0
    found = json.loads(Path("found.json").read_text())
    assert set(found["best_params"]) == {"solver"}
    assert len(found["cv_results"]["mean_test_score"]) == 2
    assert main([*search, "c=[1]"]) == 1
    assert "no parameter 'c'" in capsys.readouterr().err
    assert main(["cross_validate", "mymodel", "X", "y", "cv=3", "-o", "scores.json"]) == 0
    assert len(json.loads(Path("scores.json").read_text())["test_score"]) == 3
