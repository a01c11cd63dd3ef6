"""A network between a process and a server that a test can cut."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from select import select
from typing import Literal

# `reset`: connections end, and no new one is had. `silence`: nothing comes through any more,
# and nobody is told; what was sent arrives once the network is back, as TCP sees to it.
Cut = Literal["reset", "silence"]

LOOK_SECONDS = 0.05


class Proxy(AbstractContextManager["Proxy"]):
    """Listens on loopback, and passes on what comes.

    Parameters
    ----------
    server : Path or int
        The server's unix socket, or its port on loopback.

    Attributes
    ----------
    port : int
    """

    def __init__(self, server: Path | int) -> None:
        self._server = server
        self._passes = threading.Event()
        self._passes.set()
        self._refuses = False
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self, how: Cut) -> Iterator[None]:
        """Cut the network for the time of the block."""
        if how == "silence":
            self._passes.clear()
        else:
            self._refuses = True
            for one in list(self._open):
                _reset(one)
        try:
            yield
        finally:
            self._refuses = False
            self._passes.set()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                near, _ = self._listener.accept()
                if self._refuses:
                    _reset(near)
                    continue
                far = self._connected()
                self._open |= {near, far}
                threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()

    def _connected(self) -> socket.socket:
        if isinstance(self._server, int):
            return socket.create_connection(("127.0.0.1", self._server))
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._server))
        return far

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, suppress(OSError, ValueError):  # it was reset
            while True:
                # No longer: as long as somebody waits there, a socket is not really closed.
                for source in select([near, far], [], [], LOOK_SECONDS)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    self._passes.wait()
                    (far if source is near else near).sendall(data)

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            _reset(one)


def _reset(one: socket.socket) -> None:
    """End a connection as a machine does that knows nothing of it."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
