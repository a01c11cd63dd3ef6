"""The broker in MongoDB: real servers and real worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Consumer, Exchange, Producer, Queue
from pymongo.collection import Collection

from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime.transport import Transport
from omega_jupyter.runtime.transport.messages import Messages
from omega_jupyter.store.database.connection import Document, connect, forget
from tests.mongo_server import MongoServer, wait_for
from tests.runtime.tiny_app import make_app


class Bench:
    """A database, the application on it, and worker processes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.app: Celery = make_app(url)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_workers(
        self, count: int = 1, *options: str, **environment: str
    ) -> list[subprocess.Popen[bytes]]:
        started = [self._start_worker(*options, **environment) for _ in range(count)]
        names = [f"w{number}@test" for number in range(len(self.workers))]
        wait_for(lambda: len(self.app.control.ping(names, timeout=1.0)) == len(names))
        return started

    def _start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        name = f"w{len(self.workers)}"
        command = [sys.executable, "-m", "celery", "-A", "tests.runtime.tiny_app", "worker"]
        with self.log(name).open("wb") as log:
            worker = subprocess.Popen(
                [*command, "-l", "INFO", "-n", f"{name}@test", "-c", "2", *options],
                env=os.environ | {"TINY_BROKER": self.url} | environment,
                cwd=Path(__file__).parents[2],
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def send(self, text: str, seconds: float = 0.0) -> str:
        return str(self.app.send_task("note", [text, seconds]).id)

    @property
    def queue(self) -> Collection[Document]:
        return connect(SecretUrl(self.url))["omega_queue"]

    def notes(self, event: str, text: str | None = None) -> list[Document]:
        wanted = {"event": event} | ({} if text is None else {"text": text})
        return list(connect(SecretUrl(self.url))["ran"].find(wanted))

    def close(self) -> None:
        self.app.close()
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(10)


@pytest.fixture
def bench(mongo_url: str, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(mongo_url, tmp_path)
    yield bench
    bench.close()


def test_worker_answers_runs_and_is_revoked_on_a_fresh_database(bench: Bench) -> None:
    bench.start_workers()
    assert bench.app.control.ping(timeout=30, limit=1) == [{"w0@test": {"ok": "pong"}}]
    bench.send("hello")
    wait_for(lambda: bench.notes("ended", "hello"))
    wait_for(lambda: bench.queue.count_documents({}) == 0)

    long = bench.send("long", 600)
    wait_for(lambda: bench.notes("began", "long"))
    active = bench.app.control.inspect(timeout=30, limit=1).active()
    assert [task["id"] for task in active["w0@test"]] == [long]
    bench.app.control.revoke(long, terminate=True)
    wait_for(lambda: bench.queue.count_documents({}) == 0)
    assert not bench.notes("ended", "long")


def test_message_of_a_killed_worker_goes_to_another_one(bench: Bench) -> None:
    first, second = bench.start_workers(2)
    bench.send("a", 600)
    [began] = wait_for(lambda: bench.notes("began"))
    assert not began["redelivered"]
    assert began["count"] is None
    victim = first if began["main"] == first.pid else second
    victim.kill()
    again = wait_for(lambda: len(bench.notes("began")) == 2 and bench.notes("began")[1])
    assert again["main"] == ({first.pid, second.pid} - {victim.pid}).pop()
    assert again["redelivered"]
    assert again["count"] == 1
    assert again["task"] == began["task"]


def test_long_task_keeps_its_message_while_another_worker_is_idle(bench: Bench) -> None:
    bench.start_workers(2, "-c", "1")  # who is full does not ask for messages
    bench.send("long", 3.0)  # three leases
    wait_for(lambda: bench.notes("ended", "long"))
    assert len(bench.notes("began", "long")) == 1


def test_two_workers_run_everything_once_while_processes_are_replaced(bench: Bench) -> None:
    # A process that is replaced is a fork of a process with running threads.
    bench.start_workers(2, TINY_TASKS_PER_CHILD="5")
    sent = [bench.send(str(number)) for number in range(60)]
    wait_for(lambda: len(bench.notes("ended")) >= 60)
    wait_for(lambda: bench.queue.count_documents({}) == 0)
    assert Counter(note["task"] for note in bench.notes("began")) == Counter(sent)
    assert len({note["pid"] for note in bench.notes("began")}) > 4
    assert len({note["main"] for note in bench.notes("began")}) == 2


def test_closed_connection_gives_back_what_it_has_not_acknowledged(bench: Bench) -> None:
    for number in range(8):
        bench.send(str(number))
    taken: list[Any] = []
    queue = bench.app.amqp.queues[bench.app.conf.task_default_queue]
    with (
        bench.app.connection_for_read() as connection,
        connection.Consumer([queue], on_message=taken.append),
    ):
        while len(taken) < 8:
            connection.drain_events(timeout=30)
        assert bench.queue.count_documents({"owner": None}) == 0
        for message in taken[:2]:
            message.ack()
    assert bench.queue.count_documents({}) == 6
    assert bench.queue.count_documents({"owner": None, "deliveries": 0}) == 6


def test_tasks_outlive_a_crash_of_mongod(tmp_path: Path) -> None:
    with MongoServer() as server:
        bench = Bench(server.url("tiny"), tmp_path)
        try:
            bench.start_workers()
            sent = {bench.send("through the crash", 2.0)}
            wait_for(lambda: bench.notes("began"))
            sent |= {bench.send(f"waiting {number}") for number in range(5)}
            sent.add(bench.send("beside it", 2.0))
            server.kill()
            server.start()
            sent |= {bench.send(f"after it {number}") for number in range(5)}
            # An acknowledgement may be lost with the crash: then a task ends twice.
            wait_for(lambda: {note["task"] for note in bench.notes("ended")} == sent)
            wait_for(lambda: bench.queue.count_documents({}) == 0)
            assert len(bench.notes("began", "through the crash")) == 1
            assert bench.app.control.ping(timeout=30, limit=1)
        finally:
            bench.close()
            forget(SecretUrl(bench.url))


def test_published_message_survives_a_crash_of_mongod() -> None:
    with MongoServer() as server:
        url = server.url("tiny")
        app = make_app(url)
        for _ in range(20):
            app.send_task("note", ["x"])
        server.kill()
        server.start()
        assert connect(SecretUrl(url))["omega_queue"].count_documents({}) == 20
        app.close()
        forget(SecretUrl(url))


def test_user_and_password_work_and_are_shown_nowhere(tmp_path: Path) -> None:
    with MongoServer(auth=True) as server:
        bench = Bench(server.alices_url(), tmp_path)
        try:
            bench.start_workers()
            bench.send("hello")
            wait_for(lambda: bench.notes("ended", "hello"))
            secret = bench.url.partition("alice:")[2].partition("@")[0]
            assert "alice:" in bench.log("w0").read_text()
            assert secret not in bench.log("w0").read_text()
            assert MongoServer.PASSWORD not in bench.log("w0").read_text()
            assert secret not in repr(bench.app.connection())
        finally:
            bench.close()
            forget(SecretUrl(bench.url))


def test_wrong_password_ends_at_once_and_is_not_shown() -> None:
    from pymongo.errors import OperationFailure

    with MongoServer(auth=True) as server:
        url = server.alices_url("looking-glass")
        with (
            pytest.raises(OperationFailure) as caught,
            Connection(url, transport=Transport) as connection,
        ):
            connection.connect()
        assert "looking-glass" not in str(caught.value)
        forget(SecretUrl(url))


@pytest.fixture
def connection(mongo_url: str) -> Iterator[Connection]:
    with Connection(mongo_url, transport=Transport, transport_options={"lease": 5}) as connection:
        yield connection


@pytest.fixture
def queue(connection: Connection) -> Queue:
    return Queue("q", Exchange("q"), "q")(connection.channel())


def publish(queue: Queue, *bodies: Any) -> None:
    producer = Producer(queue.channel, queue.exchange, queue.routing_key)
    for body in bodies:
        producer.publish(body, declare=[queue])


def test_requeued_message_comes_first_again_and_is_not_counted(queue: Queue) -> None:
    publish(queue, "a", "b")
    first = queue.get()
    assert first.payload == "a"
    first.reject(requeue=True)
    again = queue.get()
    assert again.payload == "a"
    assert "x-delivery-count" not in again.headers
    assert queue.get().payload == "b"
    assert queue.get() is None


def test_rejected_message_is_gone(queue: Queue) -> None:
    publish(queue, "a")
    queue.get().reject()
    assert queue.get() is None
    assert queue.queue_declare().message_count == 0


def test_closed_channel_gives_its_messages_back(connection: Connection) -> None:
    queue = Queue("q", Exchange("q"), "q")
    with connection.channel() as channel:
        publish(queue(channel), "a")
        assert queue(channel).get().payload == "a"
    with connection.channel() as channel:
        assert queue(channel).get(no_ack=True).payload == "a"
        assert queue(channel).get() is None


def test_queue_is_counted_purged_and_deleted(queue: Queue) -> None:
    publish(queue, *range(5))
    assert queue.queue_declare().message_count == 5
    queue.get()
    assert queue.queue_declare().message_count == 4
    assert queue.purge() == 5
    publish(queue, "a")
    queue.delete()
    queue.queue_declare()
    assert queue.get() is None


def test_topics_reach_the_queues_that_match_from_another_connection(
    mongo_url: str, connection: Connection
) -> None:
    topic = Exchange("topic", "topic")
    cars = Queue("cars", topic, "car.*")(connection.channel())
    every = Queue("every", topic, "#")(connection.channel())
    for queue in (cars, every):
        queue.declare()
    with Connection(mongo_url, transport=Transport) as other:
        producer = Producer(other.channel(), topic)
        producer.publish("beetle", routing_key="car.vw")
        producer.publish("ape", routing_key="bike.piaggio")
    assert [cars.get().payload, cars.get()] == ["beetle", None]
    assert [every.get().payload, every.get().payload] == ["beetle", "ape"]


def test_waiting_without_a_message_times_out(connection: Connection, queue: Queue) -> None:
    queue.declare()
    with connection.Consumer(queue), pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)


def test_late_acknowledgement_after_the_channel_closed_counts(
    connection: Connection, queue: Queue
) -> None:
    publish(queue, "a")
    message = queue.get()
    queue.channel.close()
    message.ack()
    assert queue(connection.channel()).get() is None


@pytest.mark.parametrize(
    "payload",
    [None, 5, "{", "[1]", "[" * 100_000, '{"body": "a", "headers": {}, "properties": {}}']
    + ['{"body": "", "headers": [], "properties": {}}', '{"body": "", "headers": {}}'],
)
def test_what_is_no_message_is_dropped_and_the_next_one_comes(
    mongo_url: str, connection: Connection, queue: Queue, payload: object
) -> None:
    broker = Messages(SecretUrl(mongo_url), 5)
    queue.declare()
    broker.put(queue.name, payload)  # type: ignore[arg-type]  # by whoever can write there
    publish(queue, "a")

    assert queue.get().payload == "a"
    assert queue.get() is None

    broker.put(queue.name, payload)  # type: ignore[arg-type]  # the same
    publish(queue, "b")
    got: list[object] = []
    with Consumer(queue.channel, [queue], callbacks=[lambda body, _: got.append(body)]):
        while not got:
            connection.drain_events(timeout=30)
    assert got == ["b"]
