"""Who submits a task, and from where."""

from __future__ import annotations

import getpass
import os
import socket
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omega_jupyter.store.database.connection import Document

__all__ = ["origin"]


def origin() -> Document:
    """Return what the record of a task tells of its submission.

    Returns
    -------
    dict
        ``user``, ``host``, and ``notebook``: the path of the notebook; None elsewhere.
    """
    return {
        "user": _user(),
        "host": socket.gethostname(),
        # What Jupyter tells its kernels.
        "notebook": os.environ.get("JPY_SESSION_NAME"),
    }


@cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a user id that has no name.
        return str(os.getuid())
