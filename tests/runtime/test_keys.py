"""Keys of the database and of the operator's files, and what happens when they change."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import AuthError, Conflict, Invalid, Unavailable
from omega_jupyter.runtime import keyring as keyring_module
from omega_jupyter.runtime import keys as keys_module
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.envelope import LIFETIME_SECONDS, Envelope
from omega_jupyter.runtime.keypair import KeyPair, read_key_file, read_senders, write_key_file
from omega_jupyter.runtime.keyring import Keyring
from omega_jupyter.runtime.keys import DatabaseKeys, SendingKeys, sending_keys
from omega_jupyter.runtime.records import WAITING_DAYS
from omega_jupyter.runtime.terms import Terms
from omega_jupyter.store.database.connection import connect
from tests.mongo_server import MongoServer
from tests.processes import OperatorKeys

URL = SecretUrl("mongodb://alice:wonderland@db.example/omega_alice")
CREDENTIALS = Credentials(URL, URL)
TASK = {"task": "omega.fit", "task_id": "1"}


def sealed(keys: SendingKeys, **how: Any) -> dict[str, Any]:
    envelope = Envelope.seal(
        CREDENTIALS,
        keys.recipient,
        keys.sender.private,
        arguments="",
        terms=Terms("omega"),
        **TASK,
        **how,
    )
    return envelope.to_header()


def let_in(ring: Keyring, header: dict[str, Any]) -> Credentials:
    """As the worker's main process does, and then a process of its pool."""
    ring.verify(header, **TASK)
    return ring.open(Envelope.from_header(header), **TASK)


@pytest.fixture
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(keyring_module, "AGAIN_SECONDS", -1.0)
    monkeypatch.setattr(keyring_module, "FRESH_SECONDS", -1.0)


@pytest.fixture
def operator(tmp_path: Path) -> tuple[OperatorKeys, OmegaConfig, OmegaConfig]:
    """An operator's files, the settings of a worker and those of a client."""
    keys = OperatorKeys(tmp_path)
    worker = OmegaConfig.load(worker_key=keys.worker_key, senders=keys.senders)
    return keys, worker, OmegaConfig.load(**keys.of_clients)


def test_client_and_worker_of_one_database_need_no_settings(mongo_url: str) -> None:
    config = OmegaConfig.load(mongo_url=mongo_url)

    header = sealed(sending_keys(config, SecretUrl(mongo_url)))

    assert let_in(Keyring(config), header) == CREDENTIALS


def test_another_database_sends_nothing_to_this_worker(mongo_url: str) -> None:
    header = sealed(sending_keys(OmegaConfig(), SecretUrl(f"{mongo_url}_other")))

    with pytest.raises(AuthError):
        let_in(Keyring(OmegaConfig.load(mongo_url=mongo_url)), header)

    database = connect(SecretUrl(f"{mongo_url}_other"))
    database.client.drop_database(database.name)


@pytest.mark.usefixtures("_always_fresh")
def test_rotation_in_the_database_is_followed_without_restart(mongo_url: str) -> None:
    config, url = OmegaConfig.load(mongo_url=mongo_url), SecretUrl(mongo_url)
    worker = Keyring(config)
    before = sending_keys(config, url)

    DatabaseKeys(url).rotate("worker")
    DatabaseKeys(url).rotate("sender")
    after = sending_keys(config, url)

    assert after.recipient != before.recipient
    assert after.sender.id != before.sender.id
    assert let_in(worker, sealed(after)) == CREDENTIALS
    assert let_in(worker, sealed(before)) == CREDENTIALS  # what was on its way


@pytest.mark.usefixtures("_always_fresh")
def test_retired_keys_open_nothing_after_their_time(mongo_url: str) -> None:
    config, url = OmegaConfig.load(mongo_url=mongo_url), SecretUrl(mongo_url)
    header = sealed(sending_keys(config, url))
    DatabaseKeys(url).rotate("worker")
    DatabaseKeys(url).rotate("sender")

    past = datetime(2020, 1, 1, tzinfo=UTC)
    connect(url)["omega_keys"].update_many({"expires": {"$exists": 1}}, {"$set": {"expires": past}})

    with pytest.raises(AuthError):
        let_in(Keyring(config), header)


def test_registered_sender_is_served_and_a_stranger_is_not(
    operator: tuple[OperatorKeys, OmegaConfig, OmegaConfig],
) -> None:
    _, worker, client = operator
    ours = sending_keys(client, URL)

    assert let_in(Keyring(worker), sealed(ours)) == CREDENTIALS
    with pytest.raises(AuthError, match="nobody that this worker knows"):
        let_in(Keyring(worker), sealed(ours._replace(sender=KeyPair.new("sender"))))


def test_sender_is_registered_and_removed_without_restart(
    operator: tuple[OperatorKeys, OmegaConfig, OmegaConfig],
) -> None:
    keys, worker, _ = operator
    ring, bob = Keyring(worker), KeyPair.new("sender")
    of_bob = sealed(SendingKeys(keys.public_key, bob))
    listed = keys.senders.read_text()

    keys.senders.write_text(f"{listed}bob {bob.public_text}  # since today\n")
    os.utime(keys.senders, (1, 1))
    assert let_in(ring, of_bob) == CREDENTIALS

    keys.senders.write_text(listed)
    os.utime(keys.senders, (2, 2))
    with pytest.raises(AuthError, match="nobody"):
        let_in(ring, of_bob)


def test_what_was_let_in_in_time_opens_as_long_as_it_runs(
    operator: tuple[OperatorKeys, OmegaConfig, OmegaConfig],
) -> None:
    keys, worker, client = operator
    ring = Keyring(worker)
    late = sealed(sending_keys(client, URL), lifetime=-1)
    keys.senders.write_text("")

    assert ring.open(Envelope.from_header(late), **TASK) == CREDENTIALS
    with pytest.raises(AuthError, match="expired"):
        let_in(ring, late)
    with pytest.raises(AuthError, match="another task"):
        ring.open(Envelope.from_header(late), task="omega.fit", task_id="2")


@pytest.mark.usefixtures("_always_fresh")
def test_keys_that_are_known_do_while_their_database_is_away() -> None:
    with MongoServer() as server:
        url = f"{server.url()}?serverSelectionTimeoutMS=100"
        config = OmegaConfig.load(mongo_url=url)
        ring, known = Keyring(config), sealed(sending_keys(config, SecretUrl(url)))
        unknown = sealed(SendingKeys(KeyPair.new("worker").public_text, KeyPair.new("sender")))
        server.kill()

        assert ring.verify(known, **TASK).terms.queue == "omega"
        with pytest.raises(Unavailable):
            ring.verify(unknown, **TASK)  # it may be known there by now


def test_no_message_outlives_the_record_of_its_task() -> None:
    assert LIFETIME_SECONDS <= WAITING_DAYS * 24 * 3600


def test_workers_know_each_other(
    operator: tuple[OperatorKeys, OmegaConfig, OmegaConfig],
) -> None:
    _, worker, _ = operator

    header = sealed(Keyring(worker).sending())

    assert let_in(Keyring(worker), header) == CREDENTIALS


def test_client_of_an_operators_workers_needs_a_key() -> None:
    config = OmegaConfig.load(worker_public_key=KeyPair.new("worker").public_text)

    with pytest.raises(AuthError, match="no key") as caught:
        sending_keys(config, URL)

    assert "OMEGA_SENDER_KEY" in str(caught.value)


@pytest.mark.parametrize("missing", ["worker_key", "senders"])
def test_worker_with_half_of_the_files_does_not_start(tmp_path: Path, missing: str) -> None:
    keys = OperatorKeys(tmp_path)
    files = {"worker_key": keys.worker_key, "senders": keys.senders}
    del files[missing]

    with pytest.raises(AuthError, match=r"needs a list of senders|no key to open"):
        Keyring(OmegaConfig.load(**files))


def test_worker_without_any_key_does_not_start() -> None:
    with pytest.raises(AuthError, match="no key"):
        Keyring(OmegaConfig())


def test_key_file_is_for_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "worker.key"
    first = KeyPair.new("worker")
    write_key_file(path, [first], new=True)

    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="exists already"):
        write_key_file(path, [KeyPair.new("worker")], new=True)
    assert read_key_file(path, "worker") == [first]
    assert os.listdir(tmp_path) == ["worker.key"]


def test_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "worker.key"
    write_key_file(path, [KeyPair.new("worker")], new=True)
    path.chmod(0o640)

    with pytest.raises(Invalid, match="can be read by others"):
        read_key_file(path, "worker")


@pytest.mark.parametrize("content", ["", "nonsense", "YWJj", "\xff"])
def test_key_file_with_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "worker.key"
    path.touch(0o600)
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(Invalid, match=r"worker\.key"):
        read_key_file(path, "worker")


@pytest.mark.parametrize("line", ["alice", "alice bob carol", "alice YWJj"])
def test_list_of_senders_with_something_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "senders"
    path.write_text(f"# ours\n\n{line}\n")

    with pytest.raises(Invalid, match="Line 3"):
        read_senders(path)


def test_list_of_senders_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "senders"
    path.write_text("")
    path.chmod(0o666)

    with pytest.raises(Invalid, match="can be written by others"):
        read_senders(path)
