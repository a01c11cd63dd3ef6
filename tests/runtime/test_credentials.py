"""Credentials are sealed to the workers and bound to one task."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.envelope import Envelope, digest
from omega_jupyter.runtime.keypair import KeyPair
from omega_jupyter.runtime.terms import Terms

URL = SecretUrl("mongodb://alice:wonderland@db.example/omega_alice")
CREDENTIALS = Credentials(URL, URL)
WORKER, SENDER = KeyPair.new("worker"), KeyPair.new("sender")
KNOWN = {SENDER.id: SENDER.public}
BOUND = {"task": "omega.fit", "task_id": "1"}
NUMBERS = ("exp", "n", "limit", "eta")
TERMS = Terms("omega", 1, 60, 1.8e9)


def sealed(**changes: object) -> Envelope:
    given_ = {"arguments": digest((), {"X": "X@1"}), "terms": TERMS, **BOUND, **changes}
    return Envelope.seal(CREDENTIALS, WORKER.public_text, SENDER.private, **given_)  # type: ignore[arg-type]


def opened(envelope: Envelope, **changes: object) -> Credentials:
    given_ = {"private_keys": [WORKER.private], "senders": KNOWN, **BOUND, **changes}
    envelope.verify(given_.pop("senders"), task=given_["task"], task_id=given_["task_id"])  # type: ignore[arg-type]
    return envelope.open(**given_)  # type: ignore[arg-type]


def test_worker_opens_what_was_sealed_to_it() -> None:
    assert (
        opened(sealed(), private_keys=[KeyPair.new("worker").private, WORKER.private])
        == CREDENTIALS
    )


def test_header_survives_json_and_shows_no_password() -> None:
    text = json.dumps(sealed().to_header())

    assert "wonderland" not in text
    assert opened(Envelope.from_header(json.loads(text))) == CREDENTIALS


@pytest.mark.parametrize(
    "other", [{"task": "omega.predict", "task_id": "1"}, {"task": "omega.fit", "task_id": "2"}]
)
def test_copied_to_another_task_it_does_not_open(other: dict[str, str]) -> None:
    with pytest.raises(AuthError, match="another task"):
        opened(sealed(), **other)


@pytest.mark.parametrize(
    "change",
    [
        {"arguments": digest((), {})},
        {"expires": 2**40},
        {"terms": Terms("gpu", 1, 60, 1.8e9)},
        {"terms": Terms("omega", 2, 60, 1.8e9)},
        {"terms": Terms("omega", 1, 61, 1.8e9)},
        {"terms": Terms("omega", 1, None, 1.8e9)},
        {"terms": Terms("omega", 1, 60)},
        {"box": sealed().box},
        {"signature": sealed().signature},
        {"signature": ""},
        {"signature": "nonsense"},
    ],
)
def test_with_anything_changed_it_does_not_open(change: dict[str, Any]) -> None:
    with pytest.raises(AuthError, match="altered"):
        opened(dataclasses.replace(sealed(), **change))


def test_signed_by_somebody_else_it_does_not_open() -> None:
    stranger = KeyPair.new("sender")
    envelope = Envelope.seal(
        CREDENTIALS,
        WORKER.public_text,
        stranger.private,
        arguments=digest((), {}),
        terms=TERMS,
        **BOUND,
    )

    with pytest.raises(AuthError, match="nobody that this worker knows"):
        opened(envelope)
    with pytest.raises(AuthError, match="altered"):
        opened(dataclasses.replace(envelope, sender=SENDER.id))


@pytest.mark.parametrize("change", [{}, {"terms": Terms("omega", 2)}])
def test_taken_over_by_another_sender_who_is_known_it_does_not_open(change: dict[str, Any]) -> None:
    """Who may send tasks of his own can't send another's again under his own signature."""
    bob = KeyPair.new("sender")
    taken = dataclasses.replace(sealed(), sender=bob.id, **change)
    signature = Ed25519PrivateKey.from_private_bytes(bob.private).sign(taken._signed(**BOUND))
    signed = dataclasses.replace(taken, signature=base64.b64encode(signature).decode())

    signed.verify({bob.id: bob.public}, **BOUND)
    with pytest.raises(AuthError, match="altered"):
        opened(signed, senders={bob.id: bob.public})


def test_expired_it_does_not_open() -> None:
    with pytest.raises(AuthError, match="expired"):
        opened(sealed(lifetime=-1))


def test_sealed_to_another_worker_it_does_not_open() -> None:
    with pytest.raises(AuthError, match="another worker"):
        opened(sealed(), private_keys=[KeyPair.new("worker").private])


@given(st.binary(max_size=200))
def test_no_forged_box_opens(box: bytes) -> None:
    text = base64.b64encode(box).decode()
    envelope = dataclasses.replace(sealed(), box=text)
    signing = Ed25519PrivateKey.from_private_bytes(SENDER.private)
    signature = signing.sign(envelope._signed(**BOUND))
    forged = dataclasses.replace(envelope, signature=base64.b64encode(signature).decode())

    with pytest.raises(AuthError):
        opened(forged)


@pytest.mark.parametrize(
    "header",
    [None, "", {}, {"v": 1}, {"v": 3}, [], *(sealed().to_header() | {n: "x"} for n in NUMBERS)],
)
def test_missing_or_malformed_header_is_refused(header: object) -> None:
    with pytest.raises(AuthError):
        Envelope.from_header(header)


def test_public_key_that_is_none_is_refused() -> None:
    with pytest.raises(AuthError, match="public key"):
        Envelope.seal(CREDENTIALS, "nonsense", SENDER.private, **BOUND, arguments="", terms=TERMS)


def test_repr_shows_no_password() -> None:
    assert "wonderland" not in repr(CREDENTIALS)
    assert repr(SENDER) == "KeyPair(kind='sender')"
