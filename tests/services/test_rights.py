"""Users of one RabbitMQ who do not trust each other have the rights that they need, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection, Producer
from sklearn.linear_model import LinearRegression

from omega_jupyter.cli import main
from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.doctor import diagnose
from omega_jupyter.errors import AuthError, QueueWarning
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.app import make_app
from omega_jupyter.worker.rights import check_rights
from tests.mongo_server import wait_for
from tests.processes import kill_tree, start_worker
from tests.rabbit_server import (
    SERVER,
    RabbitServer,
    Rights,
    definitions,
    rights_of_users,
    rights_of_workers,
)

pytestmark = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)

PASSWORD = "looking-glass-9"
ALICES, BOBS = "user.alice", "user.bob"
REPLY = r".+\.reply\.celery\.pidbox"


def without(rights: Rights, right: str, what: str) -> Rights:
    """Return the rights without one to what has that name."""
    return rights | {right: rf"^(?!{what}$)({rights[right].strip('^$')})$"}


# Each right that a user has: its kind, to what, and who needs it.
OF_USERS: dict[str, tuple[str, str, Callable[[Omega], Any]]] = {
    "send": ("write", "user\\.alice", lambda om: om.runtime.model("m").predict("X")),
    "make": ("configure", REPLY, lambda om: om.runtime.workers()),
    "ask": ("write", "celery\\.pidbox", lambda om: om.runtime.workers()),
    "bind": ("write", REPLY, lambda om: om.runtime.workers()),
    "route": ("read", "reply\\.celery\\.pidbox", lambda om: om.runtime.workers()),
    "hear": ("read", REPLY, lambda om: om.runtime.workers()),
}
OWN = r".+@.+\.celery\.pidbox"
OF_WORKERS: dict[str, tuple[str, str]] = {
    "make": ("configure", "user\\.alice"),
    "make-box": ("configure", OWN),
    "make-control": ("configure", "celery\\.pidbox"),
    "make-replies": ("configure", "reply\\.celery\\.pidbox"),
    "put-back": ("write", "user\\.alice"),
    "bind-box": ("write", OWN),
    "answer": ("write", "reply\\.celery\\.pidbox"),
    "take": ("read", "user\\.alice"),
    "hear-control": ("read", "celery\\.pidbox"),
    "read-box": ("read", OWN),
}


def missing(user: str, right: str, what: str) -> str:
    """Return what an error says of a right that a user has not."""
    return rf"'{user}' the right to {right} the \w+ '{what}'"


@dataclass(frozen=True)
class Site:
    """A RabbitMQ with many users, and alice's worker on it."""

    port: int
    mongo_url: str

    def url(self, user: str, password: str = PASSWORD, vhost: str = "omega") -> str:
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/{vhost}"

    def omega(self, user: str = "alice", queue: str = ALICES, **changes: str) -> Omega:
        return Omega(self.mongo_url, self.url(user, **changes), queue=queue)

    def check_worker(self, user: str) -> None:
        url = SecretUrl(self.url(user))
        check_rights(make_app(OmegaConfig(), url), url, [ALICES])


@pytest.fixture(scope="module")
def site(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rights")
    users, workers = rights_of_users(ALICES), rights_of_workers(ALICES)
    rights = {"guest": dict.fromkeys(("configure", "write", "read"), ".*"), "worker": workers}
    rights |= {"alice": users, "bob": rights_of_users(BOBS)}
    rights |= {f"alice-{name}": without(users, *what[:2]) for name, what in OF_USERS.items()}
    rights |= {f"worker-{name}": without(workers, *what) for name, what in OF_WORKERS.items()}
    file = folder / "definitions.json"
    file.write_text(definitions(PASSWORD, rights, ["omega", "others"]))
    answers = f"amqp://guest:{PASSWORD}@127.0.0.1:{{port}}/omega"
    with RabbitServer(f"load_definitions = {file}", url=answers) as rabbit:
        site = Site(rabbit.port, f"{mongod}/rights")
        worker = start_worker(
            site.url("worker"),
            folder,
            log_level="DEBUG",
            asking=site.url("alice"),
            OMEGA_MONGO_URL=site.mongo_url,
            OMEGA_QUEUE=ALICES,
        )
        om = site.omega()
        om.datasets.put(np.arange(6.0).reshape(3, 2), "X")
        om.models.put(LinearRegression().fit(np.arange(6.0).reshape(3, 2), np.arange(3.0)), "m")
        yield site
        kill_tree(worker)
        log = (folder / "worker.log").read_text()
        assert f"amqp://worker:**@127.0.0.1:{rabbit.port}/omega" in log  # in its banner
        assert PASSWORD not in log


def test_with_these_rights_everything_works(site: Site) -> None:
    om = site.omega()

    task = om.runtime.model("m").predict("X")

    np.testing.assert_allclose(task.get(30), [0, 1, 2], atol=1e-9)
    # Who is busy may answer too late, once.
    wait_for(lambda: [worker.queues for worker in om.runtime.workers()] == [(ALICES,)])
    assert om.runtime.ping(30) > 0
    wait_for(lambda: [(one.name, one.workers) for one in om.runtime.queues()] == [(ALICES, 1)])
    assert [check.hop for check in diagnose(om) if not check.ok] == []
    assert om.runtime.model("m").predict("X").cancel() in (
        "never started",
        "stopped",
        "had finished",
    )
    site.check_worker("worker")


@pytest.mark.parametrize("name", OF_USERS)
def test_user_needs_each_right(site: Site, name: str) -> None:
    right, what, do = OF_USERS[name]
    om = site.omega(f"alice-{name}")
    before = len(om.runtime.tasks(100))

    with pytest.raises(AuthError, match=missing(f"alice-{name}", right, what)) as caught:
        do(om)

    assert caught.value.hop == "broker"
    assert "docs/security.md" in str(caught.value.hint)
    assert PASSWORD not in repr(caught.value) + str(caught.value)
    assert len(om.runtime.tasks(100)) == before


def test_queue_that_somebody_removes_is_made_again(site: Site) -> None:
    om = site.omega("guest", "gone")
    with pytest.warns(QueueWarning):
        om.runtime.model("m").predict("X")
    with Connection(site.url("guest")) as connection:
        channel = connection.channel()
        channel.queue_delete("gone")
        channel.exchange_delete("gone")

    om.runtime.model("m").predict("X")

    with Connection(site.url("guest")) as connection:
        assert connection.channel().queue_declare("gone", passive=True).message_count == 1


def test_doctor_finds_the_right_to_send_missing(site: Site) -> None:
    (queue,) = [check for check in diagnose(site.omega("alice-send")) if not check.ok]

    assert queue.hop == "queue"
    assert "the right to write the exchange 'user.alice'" in queue.message
    assert "docs/security.md" in str(queue.hint)


@pytest.mark.parametrize("name", OF_WORKERS)
def test_worker_needs_each_right(site: Site, name: str) -> None:
    right, what = OF_WORKERS[name]

    with pytest.raises(AuthError, match=missing(f"worker-{name}", right, what)) as caught:
        site.check_worker(f"worker-{name}")
    # Where another queue would help.
    assert ("--queues" in str(caught.value.hint)) == ("pidbox" not in what)


def test_alice_can_neither_send_to_bobs_queue_nor_read_her_own(site: Site) -> None:
    with pytest.raises(AuthError, match=missing("alice", "configure", r"user\.bob")):
        site.omega().runtime.require(BOBS).model("m").predict("X")  # it is not there
    url = SecretUrl(site.url("guest"))
    check_rights(make_app(OmegaConfig(), url), url, [BOBS])
    with pytest.raises(AuthError, match=missing("alice", "write", r"user\.bob")):
        site.omega().runtime.require(BOBS).model("m").predict("X")

    def refused(do: Callable[[Any], Any]) -> None:
        with Connection(site.url("alice")) as connection, pytest.raises(AccessRefused):
            do(connection.channel())

    for queue in (ALICES, BOBS):
        refused(lambda channel, queue=queue: channel.basic_get(queue))
        refused(lambda channel, queue=queue: channel.basic_consume(queue))
        refused(lambda channel, queue=queue: channel.queue_purge(queue))
        refused(lambda channel, queue=queue: channel.queue_delete(queue))
        refused(lambda channel, queue=queue: channel.queue_bind(queue, queue, "x"))
        refused(lambda channel, queue=queue: channel.exchange_delete(queue))
    refused(lambda channel: channel.queue_declare("alice.spies"))
    # Only who confirms hears that a message was refused.
    options = {"confirm_publish": True}
    for exchange, key in (("", ALICES), ("", BOBS), (BOBS, BOBS), ("amq.direct", ALICES)):
        with (
            Connection(site.url("alice"), transport_options=options) as connection,
            pytest.raises(AccessRefused),
        ):
            Producer(connection).publish({}, exchange=exchange, routing_key=key)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"password": "rabbit-hole"}, "refuses the login of 'alice' .virtual host 'omega'"),
        ({"user": "mallory"}, "refuses the login of 'mallory'"),
        ({"vhost": "others"}, "no virtual host 'others' for the user 'alice'"),
        ({"vhost": "nowhere"}, "no virtual host 'nowhere' for the user 'alice'"),
    ],
)
def test_login_that_is_refused_is_told_everywhere_without_the_password(
    site: Site,
    wrong: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    om = site.omega(**wrong)

    for do in (
        lambda: om.runtime.model("m").predict("X"),
        om.runtime.workers,
        om.runtime.queues,
        om.runtime.ping,
    ):
        with pytest.raises(AuthError, match=message) as caught:
            do()
        assert caught.value.hop == "broker"
        assert f"127.0.0.1:{site.port}" in caught.value.message
        assert "rabbitmqctl" in str(caught.value.hint)

    (broker,) = [check for check in diagnose(om) if not check.ok]
    assert broker.hop == "broker"
    monkeypatch.setenv("OMEGA_MONGO_URL", site.mongo_url)
    monkeypatch.setenv("OMEGA_BROKER_URL", om.broker_url.reveal())
    assert main(["worker"]) == 1
    shown = capsys.readouterr()
    for text in (broker.message, shown.err):
        assert message.replace(".virtual", "(virtual") in text
    assert not any(word in str(shown) + repr(broker) for word in (PASSWORD, "rabbit-hole"))
