"""The supervisor's mongod: from its start to its end."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from omega_jupyter.errors import Unavailable
from omega_jupyter.local.logs import limit, reason
from omega_jupyter.local.mongod import find_mongod, mongod_command
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.probe import answers
from omega_jupyter.local.process import ProcessId, spawn

__all__ = ["MongoChild"]

NEEDED_BYTES = 256 << 20
# After a crash it replays its journal before it answers.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01
_FULL = ("No space left on device", "Disk quota exceeded", "ENOSPC")


class MongoChild:
    """A ``mongod`` on the socket of the local services.

    Parameters
    ----------
    paths : LocalPaths
        Where it keeps its files.
    setting : Path, optional
        The program (``OMEGA_MONGOD``).
    environment : dict
        Its environment variables.
    """

    def __init__(
        self, paths: LocalPaths, setting: Path | None, environment: dict[str, str]
    ) -> None:
        self._paths = paths
        self._setting = setting
        self._environment = environment
        self._log = paths.log("mongod")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> ProcessId | None:
        """The running process."""
        return None if self._process is None else ProcessId.of(self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether it was started and runs no longer."""
        return self._process is not None and self._process.poll() is not None

    def answers(self, timeout: float) -> bool:
        """Return whether it says hello within some seconds."""
        return answers(self._paths.socket, timeout)

    def start(self) -> ProcessId | None:
        """Start it; :meth:`wait` waits until it answers.

        Raises
        ------
        Unavailable
            There is no mongod, or no room on the disk.
        """
        program = find_mongod(self._setting)
        check_space(self._paths)
        self.end_leftover()
        limit(self._log)
        self._begin = self._log.stat().st_size if self._log.exists() else 0
        socket = self._paths.create_socket_folder() / self._paths.socket.name
        self._process = spawn(
            mongod_command(program, self._paths.database, socket),
            log=self._log,
            folder=self._paths.root,
            environment=self._environment,
            at_parents_death=signal.SIGTERM,
        )
        return self.process

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Wait until it answers.

        Raises
        ------
        Unavailable
            It ended instead, or needs too long; the message has its reason.
        """
        end = time.monotonic() + seconds
        while not self.answers(1.0):
            if self.ended:
                raise self._failure("ended while it started")
            if time.monotonic() > end:
                raise self._failure(f"does not answer after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it properly; kill it when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once; it replays its journal at the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def end_leftover(self) -> None:
        """End the mongod that still uses our files, of a supervisor that was killed."""
        if not self._is_locked():
            return
        # Not the number in the lock file: a mongod that starts has not written it yet.
        for process in psutil.process_iter(["cmdline"]):
            if f"--dbpath={self._paths.database}" in (process.info["cmdline"] or ()):
                leftover = ProcessId.of(process.pid)
                if leftover is not None:
                    leftover.end((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS))

    def _is_locked(self) -> bool:
        try:
            with (self._paths.database / "mongod.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _failure(self, what: str) -> Unavailable:
        said = reason(self._log, self._begin) or ""
        status = self._process.poll() if self._process is not None else None
        if any(word in said for word in _FULL) or _free(self._paths) < NEEDED_BYTES:
            return _full(self._paths)
        if status == -signal.SIGILL:
            return Unavailable(
                "The mongod can't run on this processor, which lacks the AVX instructions",
                hop="local",
                hint="set OMEGA_MONGO_URL to a MongoDB on another machine",
            )
        return Unavailable(
            f"The mongod of the local services {what}" + (f": {said}" if said else ""),
            hop="local",
            hint=f"its log is {self._log}",
        )


def check_space(paths: LocalPaths) -> None:
    """Refuse to start on a disk without room.

    Raises
    ------
    Unavailable
        There is not enough.
    """
    if _free(paths) < NEEDED_BYTES:
        raise _full(paths)


def _free(paths: LocalPaths) -> int:
    return shutil.disk_usage(paths.root).free


def _full(paths: LocalPaths) -> Unavailable:
    return Unavailable(
        f"The disk of {paths.data_dir} is full: {_free(paths) >> 20} MB are free, "
        f"the local services need {NEEDED_BYTES >> 20} MB",
        hop="local",
        hint="make room, or set OMEGA_DATA_DIR to a folder on another disk",
    )
