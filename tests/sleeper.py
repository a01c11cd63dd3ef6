"""An estimator whose fit takes as long as a test wants, and no processor time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

# For `OMEGA_TRUSTED` of workers that are to fit it.
TRUSTED = f"{__name__}.Sleeper"
TRUSTED_TOO = f"{__name__}.Hoarder"
TRUSTED_CANDIDATE = f"{__name__}.Candidate"


class Sleeper(BaseEstimator):
    """Sleeps, and notes each run.

    Parameters
    ----------
    seconds : float
        How long a fit takes.
    log : str
        A file: a line is added when a fit begins, and one when it ends. :func:`wake` ends
        what is going on.
    prints : tuple of str
        What it prints, evenly spread over this time.
    publishing : float
        How long it takes to be published, once it is fitted; a line is added when that begins.
    """

    def __init__(
        self,
        seconds: float = 1.0,
        log: str = "",
        prints: tuple[str, ...] = (),
        publishing: float = 0.0,
    ) -> None:
        self.seconds = seconds
        self.log = log
        self.prints = prints
        self.publishing = publishing

    def fit(self, X: Any, y: Any = None) -> Sleeper:
        self._note("began")
        pause = self.seconds / (len(self.prints) + 1)
        for text in self.prints:
            self._sleep(pause)
            print(text)  # noqa: T201
        self._sleep(pause)
        self._note("ended")
        self.fitted_ = True
        return self

    def __getstate__(self) -> Any:
        if self.publishing and hasattr(self, "fitted_"):
            self._note("publishes")
            self._sleep(self.publishing)
        return super().__getstate__()

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (self.log and _is_awake(Path(self.log))):
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))

    def _note(self, event: str) -> None:
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{event} {os.getpid()}\n")


class Candidate(BaseEstimator):
    """What a search may find: its score is its value, and some values do something else.

    Parameters
    ----------
    value : int
    deeds : dict of str to str
        By value: ``kill`` its process, always; ``kill once``; ``raise``; ``sleep`` for a minute;
        ``hoard`` a gigabyte of memory for as long.
    seconds : float
        How long a fit takes.
    log : str
        A folder: notes each run, by value.
    """

    def __init__(
        self, value: int = 0, deeds: Any = None, seconds: float = 0.0, log: str = ""
    ) -> None:
        self.value = value
        self.deeds = deeds
        self.seconds = seconds
        self.log = log

    def fit(self, X: Any, y: Any = None) -> Candidate:
        log = Path(self.log, f"{self.value}.log")
        with log.open("a") as file:
            file.write(f"began {os.getpid()}\n")
        deed = (self.deeds or {}).get(str(self.value))
        if deed == "kill" or (deed == "kill once" and runs(log)[0] == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "raise":
            raise ValueError(f"no fit with {self.value}")
        kept = b"x" * (1_000_000_000 if deed == "hoard" else 0)
        time.sleep(60.0 if deed in ("sleep", "hoard") else self.seconds)
        del kept
        with log.open("a") as file:
            file.write(f"ended {os.getpid()}\n")
        self.fitted_ = True
        return self

    def score(self, X: Any, y: Any = None) -> float:
        return float(self.value)


def runs(log: Path) -> tuple[int, int]:
    """Return how many fits began, and how many ended."""
    events = log.read_text().split() if log.exists() else []
    return events.count("began"), events.count("ended")


def wake(log: Path) -> None:
    """End the fits, and the publishing, that are going on."""
    with log.open("a") as file:
        file.write("awake 0\n")


def _is_awake(log: Path) -> bool:
    return log.exists() and "awake" in log.read_text()


def publishes(log: Path) -> bool:
    """Return whether a fit has begun to be published."""
    return log.exists() and "publishes" in log.read_text()


def process_of(log: Path) -> int:
    """Return the number of the process that began the last fit."""
    return int([line for line in log.read_text().splitlines() if "began" in line][-1].split()[1])


class Hoarder(BaseEstimator):
    """Takes memory, and keeps it for a while.

    Parameters
    ----------
    megabytes : int
    seconds : float
    """

    def __init__(self, megabytes: int = 1, seconds: float = 60.0) -> None:
        self.megabytes = megabytes
        self.seconds = seconds

    def fit(self, X: Any, y: Any = None) -> Hoarder:
        kept = b"x" * (self.megabytes << 20)
        time.sleep(self.seconds)
        self.fitted_ = len(kept)
        return self
