"""The key pairs of workers and senders, and the files that operators keep them in."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from omega_jupyter.errors import Conflict, Invalid

__all__ = ["KeyPair", "key_id", "read_key_file", "read_senders", "write_key_file"]

Kind = Literal["worker", "sender"]

_BYTES = 32
_SIGNING = b"omega-jupyter sender of a worker 1"


@dataclass(frozen=True)
class KeyPair:
    """A private key and its public half.

    Attributes
    ----------
    kind : {'worker', 'sender'}
        What it is for: an X25519 key that opens credentials, or an Ed25519 key
        that signs them.
    private : bytes
        32 bytes.
    """

    kind: Kind
    private: bytes = field(repr=False)

    @classmethod
    def new(cls, kind: Kind) -> KeyPair:
        """Make a new pair."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        if kind == "worker":
            return cls(kind, X25519PrivateKey.generate().private_bytes_raw())
        return cls(kind, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, kind: Kind, text: str) -> KeyPair:
        """Read a private key in base64.

        Raises
        ------
        ValueError
            It is something else.
        """
        return cls(kind, _decoded(text))

    def signing(self) -> KeyPair:
        """Return the sender's key of a worker, which all workers with its key know."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(SHA256(), length=_BYTES, salt=None, info=_SIGNING)
        return KeyPair("sender", derive.derive(self.private))

    @property
    def private_text(self) -> str:
        """The private key in base64."""
        return base64.b64encode(self.private).decode()

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        if self.kind == "worker":
            private = X25519PrivateKey.from_private_bytes(self.private)
            return private.public_key().public_bytes_raw()
        signing = Ed25519PrivateKey.from_private_bytes(self.private)
        return signing.public_key().public_bytes_raw()

    @property
    def public_text(self) -> str:
        """The public key in base64."""
        return base64.b64encode(self.public).decode()

    @property
    def id(self) -> str:
        """The short name of the public key, which may be shown and logged."""
        return key_id(self.public)


def read_key_file(path: Path, kind: Kind) -> list[KeyPair]:
    """Read a file of private keys: base64, a line each, the current one first.

    Raises
    ------
    Invalid
        It can't be used, or others can read it.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Invalid(f"{path} can be read by others", hint=f"chmod 600 {path}")
            lines = file.read().decode("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The {kind} key {path} can't be read: {error}") from None
    try:
        keys = [KeyPair.from_text(kind, line) for line in lines]
    except ValueError:
        keys = []
    if not keys:
        raise Invalid(
            f"The {kind} key {path} does not hold {_BYTES} bytes as base64",
            hint=f"omega keys create {kind} FILE makes one",
        )
    return keys


def write_key_file(path: Path, keys: Sequence[KeyPair], *, new: bool) -> None:
    """Write a file of private keys, whole or not at all, for its owner alone.

    Parameters
    ----------
    path : Path
    keys : sequence of KeyPair
        The current one first.
    new : bool
        Refuse where there is a file.

    Raises
    ------
    Conflict
        There is a file, and `new`.
    Invalid
        It can't be written.
    """
    try:
        # mkstemp makes a file that its owner alone can read.
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.writelines(f"{key.private_text}\n" for key in keys)
                file.flush()
                os.fsync(file.fileno())
            if new:
                # Unlike a rename, a link never replaces what is there.
                Path(path).hardlink_to(part)
            else:
                Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except FileExistsError:
        raise Conflict(
            f"{path} exists already", hint=f"omega keys rotate worker {path} adds a new key to it"
        ) from None
    except OSError as error:
        raise Invalid(f"{path} can't be written: {error}") from None


def read_senders(path: Path) -> dict[str, tuple[str, bytes]]:
    """Read who may send tasks: lines of a name and a public key in base64.

    Returns
    -------
    dict
        :func:`~omega_jupyter.runtime.keypair.key_id` to name and public key.

    Raises
    ------
    Invalid
        The file can't be read, a line is something else, or others can write it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o022:
                raise Invalid(f"{path} can be written by others", hint=f"chmod 644 {path}")
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The list of senders {path} can't be read: {error}") from None
    known: dict[str, tuple[str, bytes]] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            name, text = words
            public = _decoded(text)
        except ValueError:
            raise Invalid(
                f"Line {number} of {path} is not a name and a public key",
                hint="omega keys create sender FILE prints such a line",
            ) from None
        known[key_id(public)] = (name, public)
    return known


def _decoded(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if len(raw) != _BYTES:
        raise ValueError(f"{len(raw)} bytes")
    return raw


def key_id(public: bytes) -> str:
    """Return the short name of a public key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]
