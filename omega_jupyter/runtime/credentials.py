"""Credentials on their way to a worker: sealed, and bound to one task.

A task carries the client's ``mongo_url`` because a worker has no account of its
own. It is sealed to the workers' public key, so that neither the broker nor
anybody who can read its messages learns it, and bound (as associated data) to
task name, task id, arguments and expiry: a copied header opens on no other task.
The sender signs all of it (Ed25519, RFC 8032), and a worker opens nothing that was
not signed by somebody it knows: who can write to the broker can't make it work.

The construction is that of ECIES (X25519, HKDF-SHA256, ChaCha20-Poly1305; RFC
7748, 5869, 8439) with a new ephemeral key for each message, so that the derived
key is used once and the nonce may be fixed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError

__all__ = ["HEADER", "Credentials", "Envelope", "digest", "key_id"]

HEADER = "omega_seal"

# A task that waited longer than this in a queue is refused by the worker.
LIFETIME_SECONDS = 7 * 24 * 3600

_VERSION = 2
_NONCE = bytes(12)
_INFO = b"omega-jupyter seal 2"


@dataclass(frozen=True)
class Credentials:
    """What a worker needs to act for a user.

    Attributes
    ----------
    mongo_url : SecretUrl
        The database with the user's models and data sets.
    result_backend : SecretUrl
        The database with the user's task records.
    """

    mongo_url: SecretUrl
    result_backend: SecretUrl

    def to_bytes(self) -> bytes:
        """Return the bytes that are sealed."""
        return json.dumps([self.mongo_url.reveal(), self.result_backend.reveal()]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Credentials:
        """Read what :meth:`to_bytes` wrote."""
        mongo_url, result_backend = json.loads(data)
        return cls(SecretUrl(mongo_url), SecretUrl(result_backend))


@dataclass(frozen=True)
class Envelope:
    """Sealed credentials, as they travel in one message header.

    Attributes
    ----------
    key_id : str
        Which of the workers' keys opens it.
    expires : int
        Seconds since the epoch after which a worker refuses it.
    arguments : str
        SHA-256 of the task's arguments, hexadecimal.
    box : str
        Ephemeral public key (32 bytes) and cipher text, base64.
    sender : str
        Which sender's key has signed it.
    signature : str
        Of all of the above, of task name and id, base64.
    """

    key_id: str
    expires: int
    arguments: str
    box: str
    sender: str
    signature: str = ""

    @classmethod
    def seal(
        cls,
        credentials: Credentials,
        recipient: str,
        sender_key: bytes,
        *,
        task: str,
        task_id: str,
        arguments: str,
        lifetime: int = LIFETIME_SECONDS,
    ) -> Envelope:
        """Seal the credentials to the workers' public key, and sign them.

        Parameters
        ----------
        credentials : Credentials
        recipient : str
            The workers' public key, base64.
        sender_key : bytes
            The sender's Ed25519 private key, 32 bytes.
        task, task_id : str
            Celery's name and id of the only task that may use them.
        arguments : str
            :func:`digest` of the task's arguments.
        lifetime : int
            Seconds until it expires.

        Raises
        ------
        AuthError
            The recipient is no public key.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        try:
            raw = base64.b64decode(recipient, validate=True)
            public = X25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise AuthError(
                "The workers' public key can't be read",
                hint="OMEGA_WORKER_PUBLIC_KEY holds 32 bytes as base64",
            ) from None
        ephemeral = X25519PrivateKey.generate()
        mine = ephemeral.public_key().public_bytes_raw()
        key = _derive(ephemeral.exchange(public), mine, raw)
        expires = int(time.time()) + lifetime
        bound = _bound(task, task_id, arguments, expires)
        sealed = ChaCha20Poly1305(key).encrypt(_NONCE, credentials.to_bytes(), bound)
        box = base64.b64encode(mine + sealed).decode()
        signing = Ed25519PrivateKey.from_private_bytes(sender_key)
        sender = key_id(signing.public_key().public_bytes_raw())
        envelope = cls(key_id(raw), expires, arguments, box, sender)
        signature = signing.sign(envelope._signed(task, task_id))
        return replace(envelope, signature=base64.b64encode(signature).decode())

    def open(
        self,
        private_keys: Sequence[bytes],
        senders: Mapping[str, bytes],
        *,
        task: str,
        task_id: str,
    ) -> Credentials:
        """Return the credentials, if this envelope belongs to that very task.

        Parameters
        ----------
        private_keys : sequence of bytes
            The worker's keys, 32 bytes each.
        senders : mapping
            :func:`key_id` to public key of those who may send tasks.
        task, task_id : str
            Name and id of the task that came with it.

        Raises
        ------
        AuthError
            It was sealed to another key, is altered, expired, another task's, or
            signed by nobody who is known.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        if self.expires < time.time():
            raise AuthError(f"The credentials of task {task_id} have expired")
        self._check_signature(senders, task, task_id)
        for raw in private_keys:
            private = X25519PrivateKey.from_private_bytes(raw)
            mine = private.public_key().public_bytes_raw()
            if key_id(mine) != self.key_id:
                continue
            bound = _bound(task, task_id, self.arguments, self.expires)
            try:
                data = base64.b64decode(self.box, validate=True)
                shared = private.exchange(X25519PublicKey.from_public_bytes(data[:32]))
                key = _derive(shared, data[:32], mine)
                return Credentials.from_bytes(
                    ChaCha20Poly1305(key).decrypt(_NONCE, data[32:], bound)
                )
            except (InvalidTag, ValueError):
                raise AuthError(
                    f"The credentials of task {task_id} were altered or belong to another task"
                ) from None
        raise AuthError(f"The credentials of task {task_id} are sealed to another worker's key")

    def _check_signature(self, senders: Mapping[str, bytes], task: str, task_id: str) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        known = senders.get(self.sender)
        if known is None:
            raise AuthError(
                f"Task {task_id} was sent by nobody that this worker knows (key {self.sender:.16})"
            )
        try:
            signature = base64.b64decode(self.signature, validate=True)
            Ed25519PublicKey.from_public_bytes(known).verify(signature, self._signed(task, task_id))
        except (InvalidSignature, ValueError):
            raise AuthError(
                f"The credentials of task {task_id} were altered or belong to another task"
            ) from None

    def _signed(self, task: str, task_id: str) -> bytes:
        bound = [task, task_id, self.arguments, self.expires, self.key_id, self.box, self.sender]
        return json.dumps([_VERSION, *bound]).encode()

    def to_header(self) -> dict[str, Any]:
        """Return the JSON-able form that travels."""
        return {
            "v": _VERSION,
            "kid": self.key_id,
            "exp": self.expires,
            "args": self.arguments,
            "box": self.box,
            "from": self.sender,
            "sig": self.signature,
        }

    @classmethod
    def from_header(cls, header: object) -> Envelope:
        """Read what :meth:`to_header` wrote.

        Raises
        ------
        AuthError
            It is missing or malformed.
        """
        if not isinstance(header, Mapping) or header.get("v") != _VERSION:
            raise AuthError("The task came without sealed credentials")
        values = [header.get(name) for name in ("kid", "exp", "args", "box", "from", "sig")]
        match values:
            case [str(kid), int(expires), str(arguments), str(box), str(sender), str(signature)]:
                return cls(kid, expires, arguments, box, sender, signature)
        raise AuthError("The sealed credentials are malformed")


def digest(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a task's JSON-able arguments, hexadecimal."""
    text = json.dumps([list(args), dict(kwargs)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=ephemeral + recipient, info=_INFO).derive(shared)


def _bound(task: str, task_id: str, arguments: str, expires: int) -> bytes:
    return json.dumps([_VERSION, task, task_id, arguments, expires]).encode()


def key_id(public: bytes) -> str:
    """Return the short name of a public key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]
