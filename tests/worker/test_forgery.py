"""Whoever can write to the broker makes no worker do anything, stop, or tell anything."""

from __future__ import annotations

import json
import pickle
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kombu import Producer

from omega_jupyter.omega import Omega
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.envelope import HEADER, Envelope, digest
from omega_jupyter.runtime.keypair import KeyPair, read_key_file
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.records import records
from omega_jupyter.runtime.terms import Terms
from tests.mongo_server import wait_for
from tests.processes import OperatorKeys, kill_tree, start_worker
from tests.rabbit_server import SERVER, RabbitServer
from tests.sleeper import TRUSTED, Sleeper, runs

QUEUE = "forged"
NEEDS_RABBITMQ = pytest.mark.skipif(
    not SERVER.exists(), reason="RabbitMQ is not installed (Debian: rabbitmq-server)"
)


@dataclass
class Message:
    """A message as a sender writes it, to be changed by a forger."""

    task_id: str
    headers: dict[str, Any]
    body: list[Any]
    raw: Any = None
    content_type: str = "application/json"
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Stage:
    """A worker on a broker, and somebody who can write to that."""

    om: Omega
    folder: Path
    keys: OperatorKeys
    worker: Any = None

    def start(self) -> None:
        self.worker = start_worker(
            self.om.broker_url.reveal(),
            self.folder,
            OMEGA_QUEUE=QUEUE,
            OMEGA_TRUSTED=TRUSTED,
            **self.keys.of_workers,
        )

    def log(self) -> list[str]:
        return (self.folder / "worker.log").read_text().splitlines()

    def said(self, *words: str) -> list[str]:
        """Return the lines of the worker's log with all these words."""
        return [line for line in self.log() if all(word in line for word in words)]

    def refusals(self, message: Message) -> list[str]:
        """Return what the worker's log says of messages of this task that it did not run."""
        told = self.said(message.task_id)
        return [line for line in told if "Refused" in line or "Ignored" in line]

    def message(self, seconds: float = 0.0, **changes: Any) -> Message:
        """Return the message of a fit whose record is there; changes: how it is sealed."""
        task_id = uuid.uuid4().hex
        model = self.om.models.put(Sleeper(seconds, str(self.folder / task_id)), task_id).ref
        arguments = {"model": model, "params": {}, "X": "X@1", "result": None}
        record = {"_id": task_id, "verb": "fit", "model": model, "model_name": task_id}
        record |= {"arguments": arguments, "queue": QUEUE, "user": "alice"}
        Ledger(self.om.mongo_url).submit(record)
        sealed: dict[str, Any] = {
            "recipient": self.keys.public_key,
            "sender_key": read_key_file(self.keys.sender_key, "sender")[0].private,
            "terms": Terms(QUEUE, time_limit=60.0),
            **changes,
        }
        envelope = Envelope.seal(
            Credentials(self.om.mongo_url, self.om.mongo_url),
            task="omega.fit",
            task_id=task_id,
            arguments=digest((), arguments),
            **sealed,
        )
        headers = {"lang": "py", "task": "omega.fit", "id": task_id, "retries": 0}
        embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
        headers |= {"timelimit": [None, None], HEADER: envelope.to_header()}
        return Message(task_id, headers, [[], arguments, embed])

    def publish(self, message: Message, queue: str = QUEUE) -> None:
        body = json.dumps(message.body) if message.raw is None else message.raw
        with client_app(self.om.config, self.om.broker_url).connection_for_write() as connection:
            Producer(connection).publish(
                body,
                exchange="",
                routing_key=queue,
                content_type=message.content_type,
                content_encoding="utf-8" if isinstance(body, str) else "binary",
                headers=message.headers,
                **message.properties,
            )

    def state(self, message: Message) -> str:
        return str((Ledger(self.om.mongo_url).find(message.task_id) or {}).get("state"))

    def runs(self, message: Message) -> tuple[int, int]:
        return runs(self.folder / message.task_id)

    def works(self) -> None:
        """Have the worker do a genuine task."""
        self.om.models.put(Sleeper(0), "genuine")
        assert self.om.runtime.model("genuine").fit("X").get(30).name == "genuine"


@pytest.fixture(scope="module", params=["mongodb", pytest.param("rabbitmq", marks=NEEDS_RABBITMQ)])
def stage(
    request: pytest.FixtureRequest, mongod: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    url = f"{mongod}/forgery_{request.param}"
    server = RabbitServer() if request.param == "rabbitmq" else None
    keys = OperatorKeys(folder)
    # Nobody checks this user's password on the tests' own server.
    om = Omega(url, server and server.url, queue=QUEUE, trusted=(TRUSTED,), **keys.of_clients)
    om.datasets.put(np.zeros((3, 2)), "X")
    stage = Stage(om, folder, keys)
    stage.start()
    yield stage
    kill_tree(stage.worker)
    if server is not None:
        server.__exit__(None, None, None)


def sets(where: str, name: str, value: Any) -> Callable[[Message], Any]:
    return lambda m: {
        "header": m.headers,
        "seal": m.headers[HEADER],
        "body": m.body[1],
        "embed": m.body[2],
    }[where].update({name: value})


OTHER_TASK = {"task": "omega.fit", "args": [], "kwargs": {}, "options": {"task_id": "x"}}
CHANGES: dict[str, tuple[str, Callable[[Message], Any]]] = {
    "another task": ("altered", sets("header", "task", "omega.predict")),
    "Celery's own task": ("none of ours", sets("header", "task", "celery.group")),
    "no such task": ("none of ours", sets("header", "task", "os.system\nCRITICAL")),
    "another id": ("altered", sets("header", "id", "0" * 32)),
    "an id that is none": ("is no task", sets("header", "id", "x\ny")),
    "other arguments": ("arguments", sets("body", "result", "stolen")),
    "more arguments": ("arguments", sets("body", "keywords", {"y": "X@1"})),
    "a longer limit": ("altered", sets("seal", "limit", 9e9)),
    "no limit": ("altered", sets("seal", "limit", None)),
    "another number": ("altered", sets("seal", "n", 2)),
    "another start": ("altered", sets("seal", "eta", 9e9)),
    "another expiry": ("altered", sets("seal", "exp", 2**40)),
    "another sender": ("nobody", sets("seal", "from", "0" * 16)),
    "Celery's start": ("eta", sets("header", "eta", "2999-01-01T00:00:00")),
    "Celery's expiry": ("expires", sets("header", "expires", "2000-01-01T00:00:00")),
    "Celery's limit": ("timelimit", sets("header", "timelimit", [0.01, None])),
    "Celery's retries": ("retries", sets("header", "retries", 2)),
    "a group": ("group", sets("header", "group", "g")),
    "stamps": ("stamped_headers", sets("header", "stamped_headers", ["a"])),
    "callbacks": ("callbacks", sets("embed", "callbacks", [OTHER_TASK])),
    "errbacks": ("errbacks", sets("embed", "errbacks", [OTHER_TASK])),
    "a chain": ("chain", sets("embed", "chain", [OTHER_TASK])),
    "a chord": ("chord", sets("embed", "chord", OTHER_TASK)),
    "no seal": ("without sealed", lambda m: m.headers.pop(HEADER)),
    "no signature": ("altered", sets("seal", "sig", "")),
    "half a seal": ("malformed", lambda m: m.headers[HEADER].pop("box")),
    "no id": ("is no task", lambda m: m.headers.pop("id")),
    "no headers": ("is no task", lambda m: m.headers.clear()),
    "positional arguments": ("none of a task", lambda m: m.body[0].append(1)),
    "a short body": ("none of a task", lambda m: m.body.pop()),
    "no JSON": ("can't be read", lambda m: setattr(m, "raw", "{[")),
    "nested JSON": ("can't be read", lambda m: setattr(m, "raw", "[" * 100_000)),
    "a date": ("arguments", sets("body", "X", {"__type__": "date", "__value__": "2026-01-01"})),
    "deep arguments": (
        "of task",
        lambda m: setattr(m, "raw", '[[], {"a": ' + "[" * 900 + "]" * 900 + "}, {}]"),
    ),
    "a huge number": ("malformed", sets("seal", "limit", 2**62)),
    "compressed": ("can't be read", sets("header", "compression", "application/x-gzip")),
    "a huge body": ("too large", lambda m: setattr(m, "raw", json.dumps(["x" * 9_000_000]))),
}
SEALS: dict[str, tuple[str, dict[str, Any]]] = {
    "expired": ("expired", {"lifetime": -1}),
    "of a stranger": ("nobody", {"sender_key": KeyPair.new("sender").private}),
    "to a retired key": ("another worker's key", {"recipient": KeyPair.new("worker").public_text}),
    "for another queue": ("'gpu'", {"terms": Terms("gpu")}),
}
TYPES = ("application/x-python-serialize", "application/x-yaml", "application/data", "text/plain")


def refused(stage: Stage, message: Message, why: str) -> None:
    """The worker says so in one line, the user's record is as before, and the next task is done."""
    before = len(stage.log())
    query = {"_id": message.task_id}
    record = records(stage.om.mongo_url).find_one(query)
    stage.publish(message)
    stage.works()
    told = [line for line in stage.log()[before:] if "INFO" not in line]
    assert len(told) == 1, told
    assert "Refused: " in told[0]
    assert why in told[0]
    assert len(told[0]) < 300
    assert records(stage.om.mongo_url).find_one(query) == record
    assert stage.runs(message) == (0, 0)


@pytest.mark.parametrize("name", CHANGES)
def test_changed_message_is_refused(stage: Stage, name: str) -> None:
    why, change = CHANGES[name]
    message = stage.message()
    change(message)
    refused(stage, message, why)


@pytest.mark.parametrize("name", SEALS)
def test_message_that_is_not_for_this_worker_is_refused(stage: Stage, name: str) -> None:
    why, how = SEALS[name]
    refused(stage, stage.message(**how), why)


@pytest.mark.parametrize("content_type", TYPES)
def test_message_that_is_no_json_is_refused(stage: Stage, content_type: str) -> None:
    message = stage.message()
    message.content_type = content_type
    message.raw = pickle.dumps(Bomb(stage.folder / "loaded"))
    refused(stage, message, "JSON alone")
    assert not (stage.folder / "loaded").exists()


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_sender_who_was_shut_out_is_refused(stage: Stage) -> None:
    message = stage.message()
    known = stage.keys.senders.read_text()
    stage.works()
    stage.keys.senders.write_text(f"other {KeyPair.new('sender').public_text}\n")
    stage.publish(message)
    wait_for(lambda: stage.said("Refused", message.task_id, "nobody"))
    stage.keys.senders.write_text(known)
    stage.works()
    assert stage.state(message) == "QUEUED"


def test_message_waits_while_nobody_knows_whether_it_may_come_in(stage: Stage) -> None:
    message = stage.message()
    known = stage.keys.senders.read_text()
    stage.keys.senders.write_text(f"{known}bob\n")  # somebody is about to write his key

    stage.publish(message)
    wait_for(lambda: stage.said("Kept waiting", "is not a name and a public key"))
    stage.keys.senders.write_text(known)

    assert stage.om.runtime.task(message.task_id).get(30).version == 2
    assert stage.runs(message) == (1, 1)


def test_copies_of_a_message_run_nothing_whatever_becomes_of_the_task(stage: Stage) -> None:
    message = stage.message(1.0)

    def copied() -> str:
        before = len(stage.refusals(message))
        stage.publish(message)
        return wait_for(lambda: stage.refusals(message)[before:])[0]

    stage.publish(message)
    stage.publish(message)  # while it is queued
    wait_for(lambda: stage.runs(message) == (1, 0))
    assert "copy" in wait_for(lambda: stage.refusals(message))[0]
    assert "copy" in copied()
    wait_for(lambda: stage.state(message) == "SUCCESS")
    record = records(stage.om.mongo_url).find_one({"_id": message.task_id})
    stage.works()  # its worker has let go of it by then
    assert "is SUCCESS" in copied()
    assert records(stage.om.mongo_url).find_one({"_id": message.task_id}) == record
    records(stage.om.mongo_url).delete_one({"_id": message.task_id})  # as retention does
    assert "has no record" in copied()

    assert record is not None
    assert (record["attempts"], stage.runs(message)) == (1, (1, 1))
    assert len(stage.om.models.versions(message.task_id)) == 2
    stage.works()


def test_copies_of_a_cancelled_task_run_nothing(stage: Stage) -> None:
    message = stage.message(60.0)
    stage.publish(message)
    wait_for(lambda: stage.runs(message) == (1, 0))
    task = stage.om.runtime.task(message.task_id)
    assert task.cancel(grace=0) == "killed"

    stage.publish(message)

    wait_for(lambda: stage.refusals(message))
    assert (stage.runs(message), task.attempts) == ((1, 0), 1)


def test_copy_is_told_from_the_message_of_a_killed_worker(stage: Stage) -> None:
    """The task waits for its own message to come back; the copy begins nothing."""
    message = stage.message(1.0)
    stage.publish(message)
    wait_for(lambda: stage.runs(message) == (1, 0))
    kill_tree(stage.worker)
    for _ in range(3):
        stage.publish(message)
    stage.start()

    task = stage.om.runtime.task(message.task_id)
    assert task.get(60).version == 2
    wait_for(lambda: len(stage.refusals(message)) == 3)
    assert (stage.runs(message), task.attempts) == ((2, 1), 2)


COMMANDS: dict[str, dict[str, Any]] = {
    "shutdown": {},
    "revoke": {"task_id": "all", "terminate": True, "signal": "KILL"},
    "pool_restart": {"modules": ["os"]},
    "pool_shrink": {"n": 2},
    "add_consumer": {"queue": "elsewhere"},
    "cancel_consumer": {"queue": QUEUE},
    "time_limit": {"task_name": "omega.fit", "hard": 0.001},
    "conf": {},
    "reserved": {},
    "enable_events": {},
}


def control(stage: Stage, body: Any, why: str) -> None:
    """Send a control message; the worker says why it does not do it, and works on."""
    app = client_app(stage.om.config, stage.om.broker_url)
    before = len(stage.log())
    with app.connection_for_write() as connection:
        raw = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
        Producer(connection, app.control.mailbox.exchange).publish(
            body, **(raw if isinstance(body, bytes) else {"serializer": "json"})
        )
    wait_for(lambda: len(stage.log()) > before)
    stage.works()
    told = [line for line in stage.log()[before:] if "INFO" not in line]
    assert len(told) == 1, told
    assert "Refused: " in told[0]
    assert why in told[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_change_something_are_refused(stage: Stage, command: str) -> None:
    body = {"method": command, "arguments": COMMANDS[command], "destination": None}
    control(stage, body, f"command {command!r}")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"method": None}, "none"),
        ({"arguments": {"task_ids": ["a"], "state": []}}, "arguments"),
        ({"arguments": {"task_ids": 5}}, "arguments"),
        ({"destination": 5}, "nobody"),
        ({"pattern": "(a+)+$", "matcher": "pcre"}, "pattern"),
        ({"reply_to": {"exchange": "", "routing_key": QUEUE}}, "elsewhere"),
        ({"reply_to": 5}, "elsewhere"),
        ({"reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "x" * 300}}, "elsewhere"),
        ({"ticket": 2**62}, "none"),
        ({"self": 1}, "none"),
    ],
)
def test_control_messages_that_want_more_are_refused(
    stage: Stage, change: dict[str, Any], why: str
) -> None:
    control(stage, {"method": "omega_holds", "arguments": {"task_ids": []}, **change}, why)


def test_control_message_that_is_pickled_is_refused_and_not_loaded(stage: Stage) -> None:
    control(stage, pickle.dumps(Bomb(stage.folder / "loaded")), "can't be read")
    assert not (stage.folder / "loaded").exists()
    wait_for(lambda: len(stage.om.runtime.workers()) == 1)
