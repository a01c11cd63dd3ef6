"""Where the local services keep their files."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Unavailable

__all__ = ["LocalPaths"]

SOCKET = "mongod.sock"
# The operating system's limit for the path of a unix socket, without the final NUL.
SOCKET_PATH_BYTES = 107
DATABASE = "omega"


class LocalPaths:
    """The files of one set of local services, in a folder that only its owner can enter.

    Parameters
    ----------
    data_dir : Path
        The user's setting; the files are in its folder ``local``.

    Attributes
    ----------
    root, database, logs : Path
        Folders: of everything, of MongoDB's files, of the logs.
    lock, state, used : Path
        Files: locked by the supervisor; what it runs; touched at each use.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.root = self.data_dir / "local"
        self.database = self.root / "mongodb"
        self.logs = self.root / "logs"
        self.lock = self.root / "lock"
        self.state = self.root / "state.json"
        self.used = self.root / "used"
        self._run = self.root / "run"

    @property
    def socket(self) -> Path:
        """MongoDB's unix socket, which may not exist."""
        if self._run.is_symlink():
            return Path(os.readlink(self._run), SOCKET)
        return self._run / SOCKET

    @property
    def url(self) -> SecretUrl:
        """The URL of the database on that socket."""
        return SecretUrl(f"mongodb://{quote(str(self.socket), safe='')}/{DATABASE}")

    def log(self, name: str) -> Path:
        """Return the log of ``mongod``, ``worker`` or ``supervisor``."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Create the folders; those that exist must be the user's own.

        Raises
        ------
        Unavailable
            That is not possible there.
        """
        try:
            self.data_dir.mkdir(0o700, parents=True, exist_ok=True)
            for folder in (self.root, self.database, self.logs):
                _private(folder)
            if not os.access(self.root, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise Unavailable(
                f"The local services can't keep their files in {self.data_dir}: {error.strerror}",
                hop="local",
                hint="set OMEGA_DATA_DIR to a folder that you can write to",
            ) from None

    def create_socket_folder(self) -> Path:
        """Create the socket's folder anew: elsewhere where the path is too long for one.

        Other processes find it through a symbolic link, since their ideas of the
        temporary folder may differ.

        Returns
        -------
        Path
            The folder.
        """
        if self._run.is_symlink():
            self._run.unlink()
        near = _private(self._run)
        if _fits(near):
            return near
        near.rmdir()
        name = f"omega-{os.getuid()}-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]}"
        for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
            if base and Path(base).is_dir() and _fits(Path(base, name)):
                folder = _private(Path(base, name))
                self._run.symlink_to(folder)
                return folder
        raise Unavailable(
            f"No folder is short enough for a unix socket, {self.root} neither",
            hop="local",
            hint="set OMEGA_DATA_DIR to a folder with a shorter path",
        )


def _fits(folder: Path) -> bool:
    # mongod makes a second socket beside ours, of the name of its default port.
    return len(os.fsencode(folder / "mongodb-27017.sock")) <= SOCKET_PATH_BYTES


def _private(folder: Path) -> Path:
    """Create the folder for the user alone; refuse one that somebody else has made."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(20, f"{folder} is no folder") from None
        if found.st_uid != os.getuid():
            raise PermissionError(1, f"{folder} belongs to another user") from None
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    return folder
