"""Credentials are sealed to the workers and bound to one task."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError
from omega_jupyter.runtime.credentials import (
    Credentials,
    Envelope,
    digest,
    new_private_key,
    public_key,
)

URL = SecretUrl("mongodb://alice:wonderland@db.example/omega_alice")
CREDENTIALS = Credentials(URL, URL)
KEY = new_private_key()
BOUND = {"task": "omega.fit", "task_id": "1"}


def sealed(**changes: object) -> Envelope:
    given_ = {"arguments": digest((), {"X": "X@1"}), **BOUND, **changes}
    return Envelope.seal(CREDENTIALS, public_key(KEY), **given_)  # type: ignore[arg-type]


def test_worker_opens_what_was_sealed_to_it() -> None:
    assert sealed().open([new_private_key(), KEY], **BOUND) == CREDENTIALS


def test_header_survives_json_and_shows_no_password() -> None:
    text = json.dumps(sealed().to_header())

    assert "wonderland" not in text
    assert Envelope.from_header(json.loads(text)).open([KEY], **BOUND) == CREDENTIALS


@pytest.mark.parametrize(
    "other", [{"task": "omega.predict", "task_id": "1"}, {"task": "omega.fit", "task_id": "2"}]
)
def test_copied_to_another_task_it_does_not_open(other: dict[str, str]) -> None:
    with pytest.raises(AuthError, match="another task"):
        sealed().open([KEY], **other)


@pytest.mark.parametrize("change", [{"arguments": digest((), {})}, {"expires": 2**40}])
def test_with_changed_arguments_or_expiry_it_does_not_open(change: dict[str, object]) -> None:
    with pytest.raises(AuthError, match="altered"):
        dataclasses.replace(sealed(), **change).open([KEY], **BOUND)


def test_expired_it_does_not_open() -> None:
    with pytest.raises(AuthError, match="expired"):
        sealed(lifetime=-1).open([KEY], **BOUND)


def test_sealed_to_another_worker_it_does_not_open() -> None:
    with pytest.raises(AuthError, match="another worker"):
        sealed().open([new_private_key()], **BOUND)


@given(st.binary(max_size=200))
def test_no_forged_box_opens(box: bytes) -> None:
    import base64

    forged = dataclasses.replace(sealed(), box=base64.b64encode(box).decode())

    with pytest.raises(AuthError):
        forged.open([KEY], **BOUND)


@pytest.mark.parametrize("header", [None, "", {}, {"v": 1}, {"v": 1, "kid": 1, "exp": "x"}, []])
def test_missing_or_malformed_header_is_refused(header: object) -> None:
    with pytest.raises(AuthError):
        Envelope.from_header(header)


def test_public_key_that_is_none_is_refused() -> None:
    with pytest.raises(AuthError, match="public key"):
        Envelope.seal(CREDENTIALS, "nonsense", **BOUND, arguments="")


def test_repr_shows_no_password() -> None:
    assert "wonderland" not in repr(CREDENTIALS)
