"""The store as a whole, from a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.store.database.schema import chunks
from omega_jupyter.store.upkeep import segments
from omega_jupyter.verbs.waiting import Line
from tests.notebook.conftest import Notebook


@pytest.fixture
def data(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.chdir(tmp_path)
    notebook(
        "import numpy as np\n"
        "X = np.arange(200_000.0)\n"
        "%omega put X\n"
        "%omega put X as sales/X\n"
        "%omega put {[1]} as y"
    )
    return notebook


def test_check_is_a_value_and_a_condition(data: Notebook, mongo_url: str) -> None:
    report = data("%omega store check")

    assert report.ok
    assert report.versions == 3
    assert data("report = %omega store check X\nbool(report)")
    chunks(SecretUrl(mongo_url)).delete_many({})
    shown = data.run("%omega store check 'sales/*'")
    assert [problem.ref for problem in shown.value.problems] == ["sales/X@1"]
    assert "1,600,000 of 1,600,000 bytes are missing" in shown.text
    assert "<table>" in shown.value._repr_html_()


def test_archive_brings_back_what_was_removed(data: Notebook) -> None:
    exported = data("%omega store export all.omega")
    data("%omega rm X y 'sales/*'\n%omega store gc --now")
    assert len(data("%omega ls")) == 0

    imported = data("%omega store import all.omega")

    assert (exported.versions, imported.versions) == (3, 3)
    assert data("len(X)") == data("Z = %omega get sales/X\nlen(Z)")
    Path("notes.txt").write_text("mine")
    assert "is no archive" in data.fails("%omega store export notes.txt")


def test_usage_and_garbage_are_values(data: Notebook) -> None:
    used = data("%omega store usage")
    data("%omega rm X")
    collected = data("%omega store gc --now")

    assert {found.name for found in used.objects} == {"X", "sales/X", "y"}
    assert (collected.versions, collected.segments) == (1, 1)
    assert collected.bytes == 1_600_000


def test_long_ones_show_how_far_they_are(data: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(Line, "after", 0.0)
    monkeypatch.setattr("omega_jupyter.verbs.waiting.REDRAWN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(segments, "CHUNKS_A_MESSAGE", 1)
    monkeypatch.setattr(
        "omega_jupyter.verbs.waiting.TerminalLine.draw",
        lambda self, what, fraction, activity: drawn.append(f"{what} {fraction} {activity}"),
    )

    data("%omega store check")

    assert drawn[-1].startswith("sales/X@1 1.0 3.2 MB of 3.2 MB")


def test_actions_and_names_are_completed(data: Notebook) -> None:
    assert "%omega store check" in data.complete("%omega store c")
    assert data.complete("%omega store export a.omega sa") == [
        "%omega store export a.omega sales/X"
    ]
    assert "%omega store gc --dry-run" in data.complete("%omega store gc --d")


def test_info_and_long_lists_tell_the_room_of_all_versions(data: Notebook) -> None:
    data("%omega put X")

    shown = data.run("%omega info X")
    assert "3.2 MB in 2 versions" in shown.text
    assert shown.value.usage.versions == 2
    assert shown.value.to_dict()["usage"]["stored"] > 3_200_000
    listed = data.run("%omega ls -l").text
    assert "all versions" in listed
    assert "3.2 MB" in listed
    assert "all versions" not in data.run("%omega ls").text
    assert "sales/X" in data.run("%omega ls sales/ -l").text
