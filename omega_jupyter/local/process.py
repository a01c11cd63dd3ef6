"""Processes that are told apart from later ones with the same number."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from omega_jupyter.local.logs import private_log

__all__ = ["ProcessId", "spawn"]

_PR_SET_PDEATHSIG = 1
# mongod asks for 64,000 and works with fewer.
_OPEN_FILES = 64_000
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ProcessId:
    """A process: its number and when it began, since numbers are used again.

    Attributes
    ----------
    pid : int
        The number.
    began : float
        Seconds since the epoch.
    """

    pid: int
    began: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the identity of a running process, or None."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        """Whether it runs; one that ended and that nobody waited for does not."""
        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.began) < 1.0
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def end(self, *steps: tuple[signal.Signals | None, float]) -> bool:
        """Send signals, each with its time to work, until the process has ended.

        Parameters
        ----------
        *steps : tuple of signal and float
            Which signal (None: none), and how many seconds to wait then.

        Returns
        -------
        bool
            Whether it has ended.
        """
        for number, seconds in steps:
            if number is not None and self.alive:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(self.pid).send_signal(number)
            end = time.monotonic() + seconds
            while self.alive and time.monotonic() < end:
                time.sleep(_POLL_SECONDS)
        return not self.alive


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    folder: Path,
    environment: Mapping[str, str],
    at_parents_death: signal.Signals,
) -> subprocess.Popen[bytes]:
    """Start a child process whose output is appended to a log.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    log : Path
        Its standard output and error.
    folder : Path
        Its working directory.
    environment : mapping
        All its environment variables.
    at_parents_death : signal
        What it gets when we are killed (Linux).

    Returns
    -------
    subprocess.Popen
    """
    with private_log(log) as output:
        return subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # Not risky: the supervisor has no other thread at this time.
            preexec_fn=_prepare(at_parents_death),  # noqa: PLW1509
        )


def _prepare(at_parents_death: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    # Looked up here: between fork and exec as little as possible should happen.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(most, _OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(at_parents_death), 0, 0, 0)
            if os.getppid() != parent:  # it died before it could be noticed
                os._exit(1)

    return prepare
