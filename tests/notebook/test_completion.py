"""What Tab offers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from omega_jupyter.notebook.names import LiveNames
from omega_jupyter.verbs.table import VERBS
from tests.notebook.conftest import Notebook

NAMES = [verb.name for verb in VERBS]


@pytest.fixture
def stocked(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.chdir(tmp_path)
    Path("part").mkdir()
    for file in ("sales.csv", "notes.txt", "part/a.parquet", ".hidden.csv"):
        Path(file).touch()
    notebook(
        "import numpy as np, pandas as pd\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "frame = pd.DataFrame({'alpha': [1], 'beta': [2]})\n"
        "model = LogisticRegression()\n"
        "number = 1\n"
        "%omega put frame as sales/2026 model as mymodel\n"
        "%omega tag mymodel prod\n"
        "%omega tag mymodel staging\n"
        "%omega tag sales/2026 gold"
    )
    return notebook


def after(offered: list[str], begun: str) -> list[str]:
    return [text.removeprefix(begun) for text in offered]


@pytest.mark.parametrize("begun", ["%omega ", "x = %omega ", "%%omega ", "1\n%omega ", "  %omega "])
def test_verbs_come_first_and_alone(notebook: Notebook, begun: str) -> None:
    assert after(notebook.complete(begun), begun) == NAMES


def test_begun_verb_is_completed(notebook: Notebook) -> None:
    offered = ["%omega predict_log_proba", "%omega predict_proba"]

    assert sorted(notebook.complete("%omega predict_")) == offered


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("%omega ls --s", ["--store"]),
        ("%omega ls --store ", ["datasets", "models"]),
        ("%omega tasks --state S", ["STARTED", "SUCCESS"]),
        ("%omega local st", ["start", "stop", "status"]),
        ("%omega help fit", ["fit", "fit_predict", "fit_transform"]),
        ("%omega get s", ["sales/2026"]),
        ("%omega get sales/", ["sales/2026"]),
        ("%omega get sales/2026[", ["alpha", "beta"]),
        ("%omega get sales/2026[alpha, b", ["beta"]),
        ("%omega get sales/2026[alpha]@", ["gold"]),
        ("%omega predict mymodel@p", ["prod"]),
        ("%omega predict mymodel sales/2026@", ["gold"]),
        ("%omega get nothing@", []),
        ("%omega tag mymodel ", ["prod", "staging"]),
        ("%omega tag mymodel@prod st", ["staging"]),
        ("%omega cp my", ["mymodel"]),
        ("%omega mv mymodel sa", ["sales/2026"]),
        ("%omega keep mymodel ", []),
        ("%omega fit my", ["mymodel"]),
        ("%omega fit mymodel ", ["sales/2026", "frame"]),
        ("%omega fit mymodel :f", [":frame"]),
        ("%omega fit -b mymodel fr", ["frame"]),
        ("%omega fit --queue gpu my", ["mymodel"]),
        ("%omega fit mymodel a b ", []),
        ("%omega put ", ["frame", "model"]),
        ("%omega put frame mo", ["model"]),
        ("%omega put frame as m", []),
        ("%omega rm sales/2026 my", ["mymodel"]),
        ("%omega status l", ["last"]),
        ("%omega import ", ["part/", "sales.csv"]),
        ("%omega import sa", ["sales.csv"]),
        ("%omega import part/", ["part/a.parquet"]),
        ("%omega export sales/2026 part/a", ["part/a.parquet"]),
        ("%omega get 'sa", []),
        ("%omega nonsense ", []),
    ],
)
def test_words_are_completed_by_their_place(
    stocked: Notebook, begun: str, offered: list[str]
) -> None:
    begun_word = begun.rpartition(" ")[2].rpartition("@")[2].rpartition("[")[2]
    found = [text[len(begun) - len(begun_word) :] for text in stocked.complete(begun)]

    assert found == offered


def test_new_names_are_offered_at_once(stocked: Notebook) -> None:
    assert stocked.complete("%omega get n") == []
    stocked("%omega put frame as newest")
    stocked.complete("%omega get n")

    assert stocked.complete("%omega get n") == ["%omega get newest"]


def test_other_lines_are_left_to_others(notebook: Notebook) -> None:
    assert "%omega " not in notebook.complete("impor")
    assert "import" in notebook.complete("impor")


def test_database_that_is_away_costs_a_quarter_second_at_most(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", "mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=20000")

    began = time.monotonic()
    offered = notebook.complete("%omega get ")

    assert offered == []
    assert time.monotonic() - began < 5


def test_nothing_is_started_by_completion(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OMEGA_MONGO_URL")

    assert notebook.complete("%omega get ") == []
    assert "Starting" not in capsys.readouterr().out


def test_late_answer_serves_the_next_question() -> None:
    answer = threading.Event()
    answered = threading.Event()

    def fetch(kind: str) -> list[tuple[str, str]]:
        answer.wait()
        try:
            return [(kind, "data set")]
        finally:
            answered.set()

    names = LiveNames(fetch, budget=0.01)

    assert list(names.get("X")) == []
    assert list(names.get("X")) == []  # one question is under way already
    answer.set()
    answered.wait()
    while not names.get("X"):
        time.sleep(0.001)
    assert list(names.get("X")) == [("X", "data set")]


def test_names_that_can_not_be_had_are_none() -> None:
    def fetch(kind: str) -> list[tuple[str, str]]:
        raise ValueError(kind)

    assert list(LiveNames(fetch).get("X")) == []


def test_known_names_are_not_asked_for_again() -> None:
    asked: list[str] = []

    def fetch(kind: str) -> list[tuple[str, str]]:
        asked.append(kind)
        return [(kind, "data set")]

    names = LiveNames(fetch, budget=5)
    for _ in range(3):
        names.get("X")
    assert asked == ["X"]

    names.forget()
    assert list(names.get("X")) == [("X", "data set")]
    assert asked == ["X", "X"]
