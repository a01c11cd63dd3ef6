"""Connections and their errors."""

from __future__ import annotations

import pytest

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid, Unavailable
from omega_jupyter.store.database.connection import connect, mongo_errors


def test_one_client_serves_a_url(mongo_url: str) -> None:
    assert connect(SecretUrl(mongo_url)).client is connect(SecretUrl(mongo_url)).client


def test_server_that_is_not_there_is_named_without_the_password() -> None:
    url = SecretUrl("mongodb://alice:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=50")

    with pytest.raises(Unavailable) as caught, mongo_errors(url):
        connect(url).command("ping")

    assert caught.value.hop == "mongodb"
    assert "127.0.0.1:1/db" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_url_that_is_none_is_refused_without_the_password() -> None:
    with pytest.raises(Invalid) as caught:
        connect(SecretUrl("mongodb://alice:sec%zzret@host:notaport/db"))

    assert "ret" not in caught.value.message.partition(":")[2]
