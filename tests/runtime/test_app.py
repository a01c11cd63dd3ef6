"""The Celery application: JSON alone, and the right transport for each URL."""

from __future__ import annotations

import pytest

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.runtime.app import make_app
from omega_jupyter.runtime.transport import Transport


@pytest.mark.parametrize(
    "url", ["mongodb://alice:secret@h/db", "mongodb+srv://alice:secret@db.example/omega"]
)
def test_mongodb_carries_messages_through_our_transport(url: str) -> None:
    app = make_app(OmegaConfig(), SecretUrl(url))

    with app.connection_for_write() as connection:
        assert connection.get_transport_cls() is Transport
        assert "secret" not in connection.as_uri()


def test_no_pickle_on_any_wire() -> None:
    conf = make_app(OmegaConfig(), SecretUrl("amqp://h")).conf

    assert conf.accept_content == ["json"]
    assert (conf.task_serializer, conf.result_serializer) == ("json", "json")
    assert conf.broker_transport_options["confirm_publish"]
