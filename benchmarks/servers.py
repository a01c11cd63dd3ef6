"""The MongoDB that the benchmarks run against."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pymongo import MongoClient

from omega_jupyter.local.mongod import find_mongod

__all__ = ["Mongod", "forget_pages", "mongod"]


class Mongod:
    """A mongod on a unix socket, with its files in a folder of its own.

    Attributes
    ----------
    url : str
        Without a database.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="omega-bench-"))
        self._socket = self._folder / "mongod.sock"
        self.url = f"mongodb://{quote(str(self._socket), safe='')}"
        self._start()

    def restart_cold(self) -> None:
        """Start it again with nothing of its files in memory, neither its own nor the system's."""
        self._stop()
        forget_pages(self._folder)
        self._start()

    def close(self) -> None:
        """Stop it and delete its files."""
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        arguments = ["--dbpath", self._folder, "--bind_ip", self._socket]
        arguments += ["--unixSocketPrefix", self._folder]
        self._server = subprocess.Popen(
            [find_mongod(), *arguments, "--wiredTigerCacheSizeGB", "4"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with MongoClient(self.url) as client:  # which waits for half a minute
            client.admin.command("ping")

    def _stop(self) -> None:
        self._server.terminate()
        self._server.wait(60)


@contextmanager
def mongod() -> Iterator[str]:
    """Run a mongod on a unix socket for the time of the block; yields its URL."""
    server = Mongod()
    try:
        yield server.url
    finally:
        server.close()


def forget_pages(folder: Path) -> None:
    """Drop the pages of all files in a folder from the system's memory."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
