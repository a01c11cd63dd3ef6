"""The verb that makes keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_jupyter.cli import main
from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime.keypair import read_key_file, read_senders
from omega_jupyter.runtime.keys import DatabaseKeys


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_worker_key_is_made_and_its_public_half_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "worker", "worker.key"]) == 0

    (pair,) = read_key_file(Path("worker.key"), "worker")
    shown = capsys.readouterr()
    assert shown.out == f"OMEGA_WORKER_PUBLIC_KEY={pair.public_text}\n"
    assert pair.private_text not in shown.out + shown.err


def test_sender_key_is_made_with_the_line_for_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "sender", "alice.key", "--name", "alice"]) == 0

    Path("senders").write_text(capsys.readouterr().out)
    (pair,) = read_key_file(Path("alice.key"), "sender")
    assert read_senders(Path("senders")) == {pair.id: ("alice", pair.public)}


def test_rotated_file_keeps_the_older_key_behind_the_new_one() -> None:
    main(["keys", "create", "worker", "worker.key"])
    (old,) = read_key_file(Path("worker.key"), "worker")

    assert main(["keys", "rotate", "worker", "worker.key"]) == 0

    new, kept = read_key_file(Path("worker.key"), "worker")
    assert kept == old
    assert new != old


def test_keys_of_the_database_are_rotated(mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMEGA_MONGO_URL", mongo_url)
    keys = DatabaseKeys(SecretUrl(mongo_url))
    before = keys.current("worker"), keys.current("sender")

    assert main(["keys", "rotate"]) == 0

    after = keys.current("worker"), keys.current("sender")
    assert after[0] != before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(
    "line",
    ["keys", "keys create", "keys create worker", "keys create king k", "keys rotate sender k"],
)
def test_wrong_line_changes_nothing(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    assert "omega:" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_existing_file_is_never_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "worker", "worker.key"])
    before = Path("worker.key").read_bytes()

    assert main(["keys", "create", "worker", "worker.key"]) == 1
    assert "rotate" in capsys.readouterr().err
    assert Path("worker.key").read_bytes() == before
