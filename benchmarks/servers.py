"""The MongoDB that the benchmarks run against."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from omega_jupyter.config import SecretUrl
from omega_jupyter.local.mongod import find_mongod
from omega_jupyter.store.connection import connect


@contextmanager
def mongod() -> Iterator[str]:
    """Run a mongod on a unix socket for the time of the block; yields its URL."""
    folder = Path(tempfile.mkdtemp(prefix="omega-bench-"))
    socket = folder / "mongod.sock"
    arguments = ["--dbpath", folder, "--bind_ip", socket, "--unixSocketPrefix", folder]
    server = subprocess.Popen(
        [find_mongod(), *arguments, "--wiredTigerCacheSizeGB", "4"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"mongodb://{quote(str(socket), safe='')}"
    try:
        connect(SecretUrl(f"{url}/admin")).command("ping")
        yield url
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
