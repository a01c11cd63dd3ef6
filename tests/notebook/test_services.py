"""What the verbs tell of the services."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Notebook


def test_local_tells_that_nothing_runs_and_starts_nothing(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMEGA_MONGO_URL")

    shown = notebook.run("%omega local")

    assert shown.value.status.running is False
    assert "stopped" in shown.text
    assert "not running" in shown.value._repr_html_()
    assert "Starting" not in shown.text
    assert "nothing was running" in notebook.run("%omega local stop").text


def test_local_says_where_other_services_are_set(notebook: Notebook) -> None:
    assert "mongo_url is set (environment" in notebook.fails("%omega local")


def test_doctor_finds_nothing_wrong_where_all_is_well(remote: Notebook) -> None:
    checks = remote("%omega doctor")

    assert checks.ok, repr(checks)
    assert {check.hop for check in checks} >= {"mongodb", "broker", "worker"}


def test_doctor_says_what_to_do_without_a_worker(notebook: Notebook) -> None:
    shown = notebook.run("%omega doctor")

    assert shown.error is None
    assert not shown.value.ok
    assert "FAILED" in shown.text
    assert "omega worker" in shown.text
