"""``python -m omega_jupyter.local.supervisor``: the parent of MongoDB and worker.

One for each data folder: a lock on a file decides. It leaves the session and the
process group of whoever started it, so that it outlives the kernel.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import replace

from omega_jupyter.config import OmegaConfig
from omega_jupyter.errors import OmegaError, Unavailable
from omega_jupyter.local.environment import worker_environment
from omega_jupyter.local.idle import Idle
from omega_jupyter.local.logs import limit
from omega_jupyter.local.mongo_child import MongoChild
from omega_jupyter.local.paths import LocalPaths
from omega_jupyter.local.process import ProcessId
from omega_jupyter.local.state import LocalState
from omega_jupyter.local.wakeup import Wakeup
from omega_jupyter.local.worker_child import WorkerChild
from omega_jupyter.store.database.connection import bounded, forget, mongo_errors

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

HEALTH_SECONDS = 10.0
# A mongod that says nothing for so long is stuck.
STUCK_CHECKS, HELLO_SECONDS = 6, 5.0
MONGOD_ATTEMPTS = 3
LEFTOVER_SECONDS = 5.0
LOCK_ATTEMPTS = 5


class Supervisor:
    """Runs MongoDB and worker until nobody needs them.

    Parameters
    ----------
    config : OmegaConfig
        Data folder, idle time, and the settings of the worker.
    """

    def __init__(self, config: OmegaConfig) -> None:
        self._paths = LocalPaths(config.data_dir)
        environment = dict(os.environ)
        self._mongod = MongoChild(self._paths, config.mongod, environment)
        self._config = config
        self._idle = Idle(self._paths, config.idle_timeout)
        self._wakeup = Wakeup(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
        self._worker: WorkerChild | None = None
        self._silent = 0
        self._next_check = 0.0
        self._written: LocalState | None = None
        self._state = LocalState(
            phase="starting",
            host=socket.gethostname(),
            supervisor=ProcessId.of(os.getpid()),
            began=time.time(),
        )

    def run(self) -> int:
        """Run until told to stop, idle or failed; return the exit status."""
        former = LocalState.read(self._paths.state)
        self._write()
        try:
            self._end_leftovers(former)
            self._start_mongod()
            self._worker = WorkerChild(
                self._paths,
                worker_environment(self._config, self._paths.url),
                self._give_back_messages,
            )
            self._idle.touch()
            while not self._is_over():
                self._wakeup.wait(self._look_after())
            return 0
        except OmegaError as error:
            logger.error("%s", error)
            self._state.failure, self._state.hint = error.message, error.hint
            return 1
        finally:
            self._stop()

    def _is_over(self) -> bool:
        if self._wakeup.seen(signal.SIGTERM, signal.SIGINT):
            return True
        if not self._idle.over():
            return False
        logger.info("nobody used the local services for %.0f s", self._config.idle_timeout)
        if self._worker is not None:
            self._worker.stop()
        return self._idle.over()  # somebody may have come meanwhile

    def _look_after(self) -> float:
        """Put right what is wrong; return in how many seconds to look again."""
        if self._mongod.ended:
            logger.warning("mongod ended by itself; it is started again")
            self._start_mongod()
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + HEALTH_SECONDS
            self._check_health()
        worker = self._worker.look_after() if self._worker is not None else None
        self._write()
        due = [self._next_check - time.monotonic(), self._idle.seconds_left()]
        return max(0.0, min([*due, worker] if worker is not None else due))

    def _start_mongod(self) -> None:
        for attempt in range(1, MONGOD_ATTEMPTS + 1):
            self._state.mongod = self._mongod.start()
            self._write()
            try:
                self._mongod.wait()
                break
            except Unavailable as error:
                self._mongod.kill()
                if attempt == MONGOD_ATTEMPTS or self._state.phase == "starting":
                    raise
                logger.warning("%s", error)
        self._state.phase = "running"
        self._silent = 0
        self._next_check = time.monotonic() + HEALTH_SECONDS
        self._write()

    def _check_health(self) -> None:
        for name in ("mongod", "worker", "supervisor"):
            limit(self._paths.log(name))
        if self._mongod.answers(HELLO_SECONDS):
            self._silent = 0
            return
        self._silent += 1
        gone = not self._paths.socket.exists()  # as by a cleaner of temporary files
        if gone or self._silent >= STUCK_CHECKS:
            logger.warning("mongod does not answer; it is started again")
            (self._mongod.stop if gone else self._mongod.kill)()
            self._start_mongod()

    def _give_back_messages(self, pid: int) -> None:
        """Let the next worker have what a dead one held, without waiting for its lease."""
        from omega_jupyter.runtime.transport.messages import Messages

        logger.warning("the worker (process %d) ended by itself", pid)
        url = bounded(self._paths.url, HELLO_SECONDS)
        try:
            with mongo_errors(url):
                Messages(url, lease=0.0).release_of(pid)
        except OmegaError as error:
            logger.warning("its messages come back when their lease ends: %s", error)
        finally:
            forget(url)

    def _end_leftovers(self, former: LocalState) -> None:
        """End what a supervisor that was killed left behind."""
        if former.worker is not None and former.host == self._state.host:
            # It got its signal when its parent died: at first it has time to follow it.
            former.worker.end((None, LEFTOVER_SECONDS), (signal.SIGKILL, LEFTOVER_SECONDS))
        self._mongod.end_leftover()

    def _stop(self) -> None:
        self._state.phase = "stopping"
        self._write()
        if self._worker is not None:
            self._worker.stop()
        # From here on a kernel that comes waits for the next supervisor.
        self._paths.socket.unlink(missing_ok=True)
        self._mongod.stop()
        self._state.phase = "stopped"
        self._state.supervisor = self._state.mongod = self._state.worker = None
        self._worker = None
        self._write()

    def _write(self) -> None:
        if self._worker is not None:
            self._state.worker = self._worker.process
            self._state.worker_failures = self._worker.failures
        if self._state != self._written:
            self._state.write(self._paths.state)
            self._written = replace(self._state)


def hold_lock(paths: LocalPaths) -> int | None:
    """Lock the data folder for the rest of this process, unless another one has it.

    Returns
    -------
    int or None
        The descriptor, which children made by fork share.
    """
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A kernel that looks whether there is a supervisor holds it for an instant.
            time.sleep(0.02)
        else:
            return descriptor
    os.close(descriptor)
    return None


def main() -> int:
    """Become the supervisor, unless there is one already."""
    os.umask(0o077)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        config = OmegaConfig.load()
        paths = LocalPaths(config.data_dir)
        paths.create()
        if hold_lock(paths) is None:
            return 0
        # Whoever started us waits for the parent's end only, and nobody for the child's.
        if os.fork():
            return 0
        return Supervisor(config).run()
    except OmegaError as error:
        logger.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
