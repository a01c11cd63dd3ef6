"""The local services, as the rest of the package sees them."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import Unavailable
from omega_jupyter.local.environment import supervisor_environment
from omega_jupyter.local.idle import Idle, touch
from omega_jupyter.local.logs import last_lines, private_log
from omega_jupyter.local.mongo_child import check_space
from omega_jupyter.local.mongod import find_mongod
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.probe import answers
from omega_jupyter.local.state import LocalState
from omega_jupyter.local.status import LocalStatus

__all__ = ["LocalServices"]

START_SECONDS = 150.0  # mongod's own limit and what comes before it
WORKER_SECONDS = 60.0
STOP_SECONDS = 60.0
HELLO_SECONDS = 2.0
# Within this time after an answer it isn't asked again.
_PROVEN_SECONDS = 1.0
_POLL_SECONDS = 0.02

_proven: dict[Path, float] = {}
_starting = threading.Lock()


class LocalServices:
    """A MongoDB and a worker of this user, on this machine, started on demand.

    Parameters
    ----------
    config : OmegaConfig
        ``data_dir``, ``idle_timeout``, ``mongod``, and the worker's settings. Whoever
        starts them decides for all; the next start takes the settings anew.
    """

    def __init__(self, config: OmegaConfig) -> None:
        self._config = config
        self._paths = LocalPaths(config.data_dir)

    def ensure(self, notify: Callable[[str], None]) -> SecretUrl:
        """Make sure that MongoDB answers; start it, and a worker, where it does not.

        Parameters
        ----------
        notify : callable
            Called with one line before something that takes a second.

        Returns
        -------
        SecretUrl
            The database. The worker may need some seconds more.

        Raises
        ------
        Unavailable
            They can't be started; the message says why, the hint what to do.
        """
        if time.monotonic() - _proven.get(self._paths.root, -1.0) < _PROVEN_SECONDS:
            return self._paths.url
        if not self._answers():
            with _starting:  # the threads of one kernel start them once
                if not self._answers():
                    self._start(notify)
        touch(self._paths)
        return self._paths.url

    def peek(self) -> SecretUrl | None:
        """Return the database's URL if it answers now; start nothing, count as no use."""
        return self._paths.url if self._answers() else None

    def start(self, notify: Callable[[str], None]) -> LocalStatus:
        """Start MongoDB and worker, and wait until both answer.

        Raises
        ------
        Unavailable
            One of them can't be started.
        """
        url = self.ensure(notify)
        end = time.monotonic() + WORKER_SECONDS
        failures = LocalState.read(self._paths.state).worker_failures
        while not self._worker_answers(url):
            state = LocalState.read(self._paths.state)
            if state.worker_failures > failures + 1 or time.monotonic() > end:
                raise self._failure("The worker of the local services does not start", "worker")
        return self.status()

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """End them. What a worker could not finish in some seconds runs at the next start.

        Parameters
        ----------
        timeout : float
            Seconds after which they are killed.

        Returns
        -------
        bool
            Whether something ran.

        Raises
        ------
        Unavailable
            They run on another machine, or don't end.
        """
        supervisor = LocalState.read(self._paths.state).supervisor
        if not self._is_supervised():
            return False
        self._refuse_other_host()
        if supervisor is not None:
            supervisor.end((signal.SIGTERM, timeout), (signal.SIGKILL, 5.0))
        end = time.monotonic() + timeout
        while self._is_supervised() or self._answers():
            if time.monotonic() > end:
                raise self._failure("The local services don't end", "supervisor")
            time.sleep(_POLL_SECONDS)
        return True

    def status(self) -> LocalStatus:
        """Return what runs, where its files are, and why it stopped."""
        state = LocalState.read(self._paths.state)
        supervised = self._is_supervised()
        running = supervised and self._answers()
        found = {
            name: identity.pid if identity is not None and identity.alive else None
            for name, identity in (
                ("supervisor", state.supervisor),
                ("mongod", state.mongod),
                ("worker", state.worker),
            )
        }
        return LocalStatus(
            running=running,
            phase=state.phase if supervised else "stopped",
            **found,
            worker_failures=state.worker_failures,
            data_dir=self._paths.data_dir,
            socket=self._paths.socket,
            url=self._paths.url,
            logs={name: self._paths.log(name) for name in ("mongod", "worker", "supervisor")},
            disk_bytes=_disk_bytes(self._paths.root),
            idle_seconds=Idle(self._paths, self._config.idle_timeout).seconds(),
            idle_timeout=self._config.idle_timeout,
            began=datetime.fromtimestamp(state.began, UTC) if running else None,
            failure=None if running else state.failure,
            hint=None if running else state.hint,
        )

    def _answers(self) -> bool:
        if answers(self._paths.socket, HELLO_SECONDS):
            _proven[self._paths.root] = time.monotonic()
            return True
        _proven.pop(self._paths.root, None)
        return False

    def _start(self, notify: Callable[[str], None]) -> None:
        self._paths.create()
        find_mongod(self._config.mongod)
        check_space(self._paths)
        end = time.monotonic() + START_SECONDS
        launcher: subprocess.Popen[bytes] | None = None
        while not self._answers():
            if launcher is not None and launcher.poll() is None:
                pass  # it decides whether it is needed
            elif self._is_supervised():
                self._refuse_other_host()
            elif launcher is None:
                notify(f"Starting MongoDB and a worker on this machine ({self._paths.data_dir}) …")
                launcher = self._launch()
            else:
                raise self._failure("The local services can't be started", "supervisor")
            if time.monotonic() > end:
                raise self._failure("The local services don't answer", "mongod")
            time.sleep(_POLL_SECONDS)
        if launcher is not None:
            launcher.wait()

    def _launch(self) -> subprocess.Popen[bytes]:
        with private_log(self._paths.log("supervisor")) as log:
            return subprocess.Popen(
                [sys.executable, "-m", "omega_jupyter.local.supervisor"],
                cwd=self._paths.root,  # not the notebook's folder: Python imports from there
                env=supervisor_environment(self._config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_supervised(self) -> bool:
        """Return whether a supervisor holds the lock."""
        try:
            descriptor = os.open(self._paths.lock, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _refuse_other_host(self) -> None:
        host = LocalState.read(self._paths.state).host
        if host and host != socket.gethostname():
            raise Unavailable(
                f"The local services of {self._paths.data_dir} run on another machine, {host}",
                hop="local",
                hint="set OMEGA_DATA_DIR to a folder of this machine",
            )

    def _worker_answers(self, url: SecretUrl) -> bool:
        from omega_jupyter.local.worker_child import NAME
        from omega_jupyter.runtime.app import client_app

        name = f"{NAME}@{socket.gethostname()}"
        return bool(client_app(self._config, url).control.ping([name], timeout=0.5))

    def _failure(self, what: str, log: str) -> Unavailable:
        state = LocalState.read(self._paths.state)
        if log != "worker" and state.failure is not None:
            return Unavailable(state.failure, hop="local", hint=state.hint)
        check_space(self._paths)
        path = self._paths.log(log)
        said = "".join(f"\n    {line[:200]}" for line in last_lines(path))
        return Unavailable(f"{what}{':' if said else ''}{said}", hop="local", hint=f"see {path}")


def _disk_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:  # it was removed meanwhile
            continue
    return total
