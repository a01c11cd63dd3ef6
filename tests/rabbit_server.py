"""A real RabbitMQ that a test can kill and start again."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from kombu import Connection
from kombu.exceptions import OperationalError

from omega_jupyter.config import SecretUrl
from omega_jupyter.runtime.amqp_url import tls_of
from tests.mongo_server import wait_for
from tests.processes import kill_tree

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


Rights = dict[str, str]


def rights_of_users(queue: str) -> Rights:
    """Return the rights that docs/security.md gives users: for sending to one queue."""
    queue = re.escape(queue)
    return {
        "configure": r"^.+\.reply\.celery\.pidbox$",
        "write": rf"^({queue}|celery\.pidbox|.+\.reply\.celery\.pidbox)$",
        "read": r"^(.+\.)?reply\.celery\.pidbox$",
    }


def rights_of_workers(queue: str) -> Rights:
    """Return those that it gives workers which listen to one queue."""
    queue = re.escape(queue)
    return {
        "configure": rf"^({queue}|(.+@.+\.|reply\.)?celery\.pidbox)$",
        "write": rf"^({queue}|(.+@.+|reply)\.celery\.pidbox)$",
        "read": rf"^({queue}|(.+@.+\.)?celery\.pidbox)$",
    }


def definitions(password: str, rights: dict[str, Rights], vhosts: list[str]) -> str:
    """Return users with their rights in the first vhost, as RabbitMQ loads them at its start."""
    salted = b"salt" + hashlib.sha256(b"salt" + password.encode()).digest()
    user = {
        "password_hash": base64.b64encode(salted).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }
    return json.dumps(
        {
            "users": [{"name": name, **user} for name in rights],
            "vhosts": [{"name": name} for name in vhosts],
            "permissions": [{"user": n, "vhost": vhosts[0], **own} for n, own in rights.items()],
        }
    )


class RabbitServer(AbstractContextManager["RabbitServer"]):
    """A RabbitMQ of our own on loopback, with a data folder that outlives a kill.

    Parameters
    ----------
    *settings : str
        Further lines of `rabbitmq.conf`.
    url : str, optional
        With what to look whether it answers, `{port}` in it; with `amqps:` it listens
        with TLS alone.
    """

    def __init__(self, *settings: str, url: str = "amqp://guest:guest@127.0.0.1:{port}//") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="omega-rabbit-"))
        self.port, self._epmd = free_port(), free_port()
        self.url = url.replace("{port}", str(self.port))
        kind = "ssl" if url.startswith("amqps:") else "tcp"
        lines = [f"listeners.{kind}.1 = 127.0.0.1:{self.port}", *settings]
        (self.folder / "rabbitmq.conf").write_text("".join(f"{line}\n" for line in lines))
        (self.folder / "plugins").write_text("[].")
        # Timeouts are looked at every minute by default.
        advanced = "[{rabbit, [{channel_tick_interval, 1000}]}]."
        (self.folder / "advanced.config").write_text(advanced)
        self._environment = os.environ | {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"omega-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd),
        }
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self) -> None:
        with (self.folder / "out.log").open("ab") as log:
            self.process = subprocess.Popen([SERVER], env=self._environment, stdout=log, stderr=log)
        wait_for(self._answers, 120)

    def kill(self) -> None:
        """As when the power goes."""
        kill_tree(self.process)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "out.log").read_text()
        try:
            address, tls = tls_of(SecretUrl(self.url))
            with Connection(address, ssl=tls) as connection:
                connection.connect()
        except (OSError, OperationalError):
            return False
        return True

    def _epmd_is_gone(self) -> bool:
        """End the name server that RabbitMQ has started; it stays while it knows of a node."""
        stop = ["epmd", "-port", str(self._epmd), "-kill"]
        subprocess.run(stop, check=False, capture_output=True)
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self._epmd)) != 0

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.kill()
        wait_for(self._epmd_is_gone)
        shutil.rmtree(self.folder, ignore_errors=True)
