"""Whether a MongoDB answers, without a driver: what every access asks must be quick."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

__all__ = ["answers"]

_OP_MSG = 2013
# {hello: 1, $db: "admin"} in BSON.
_BODY = b"\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"
_DOCUMENT = struct.pack("<i", len(_BODY) + 4) + _BODY
_HELLO = struct.pack("<iiiiIB", 21 + len(_DOCUMENT), 1, 0, _OP_MSG, 0, 0) + _DOCUMENT


def answers(path: Path, timeout: float) -> bool:
    """Say hello on a unix socket, and return whether a MongoDB says hello too.

    Parameters
    ----------
    path : Path
        The socket, which may not exist.
    timeout : float
        Seconds for each step.

    Returns
    -------
    bool
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(_HELLO)
            header = connection.recv(16, socket.MSG_WAITALL)
        except OSError:
            return False
    return len(header) == 16 and struct.unpack("<iiii", header)[3] == _OP_MSG
