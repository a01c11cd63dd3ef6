"""Credentials on their way to a worker: sealed, and bound to one task.

A task carries the client's ``mongo_url`` because a worker has no account of its
own. It is sealed to the workers' public key, so that neither the broker nor
anybody who can read its messages learns it, and bound (as associated data) to
task name, task id, arguments, terms, expiry and sender: a copied header opens on no
other task, and under no other terms.
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
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import AuthError
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.keypair import key_id
from omega_jupyter.runtime.terms import Terms

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

__all__ = ["HEADER", "LIFETIME_SECONDS", "Envelope", "digest"]

HEADER = "omega_seal"

# A task that waited longer than this in a queue is refused by the worker.
LIFETIME_SECONDS = 7 * 24 * 3600

_VERSION = 3
_NONCE = bytes(12)
_INFO = b"omega-jupyter seal 3"


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
    terms : Terms
        The queue, the limits and the rest that a worker acts on.
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
    terms: Terms
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
        terms: Terms,
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
        terms : Terms
        lifetime : int
            Seconds until it expires.

        Raises
        ------
        AuthError
            The recipient is no public key.
        """
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        try:
            public, raw = _sealing(recipient)
        except ValueError:
            raise AuthError(
                "The workers' public key can't be read",
                hint="OMEGA_WORKER_PUBLIC_KEY holds 32 bytes as base64",
            ) from None
        ephemeral = X25519PrivateKey.generate()
        mine = ephemeral.public_key().public_bytes_raw()
        key = _derive(ephemeral.exchange(public), mine, raw)
        expires = int(time.time()) + lifetime
        signing, sender = _signing(sender_key)
        empty = cls(key_id(raw), expires, arguments, terms, "", sender)
        bound = empty._bound(task, task_id)
        sealed = ChaCha20Poly1305(key).encrypt(_NONCE, credentials.to_bytes(), bound)
        envelope = replace(empty, box=base64.b64encode(mine + sealed).decode())
        signature = signing.sign(envelope._signed(task, task_id))
        return replace(envelope, signature=base64.b64encode(signature).decode())

    def verify(self, senders: Mapping[str, bytes], *, task: str, task_id: str) -> None:
        """Make sure that somebody who is known has sent this with that very task.

        Parameters
        ----------
        senders : mapping
            :func:`~omega_jupyter.runtime.keypair.key_id` to public key of those who may
            send tasks.
        task, task_id : str
            Name and id of the task that came with it.

        Raises
        ------
        AuthError
            It is altered, expired, another task's, or signed by nobody who is known.
        """
        from cryptography.exceptions import InvalidSignature

        if self.expires < time.time():
            raise AuthError(f"The credentials of task {task_id} have expired")
        known = senders.get(self.sender)
        if known is None:
            raise AuthError(
                f"Task {task_id} was sent by nobody that this worker knows (key "
                f"{self.sender!r:.18})"
            )
        try:
            signature = base64.b64decode(self.signature, validate=True)
            _verifying(known).verify(signature, self._signed(task, task_id))
        except (InvalidSignature, ValueError):
            raise _altered(task_id) from None

    def open(self, private_keys: Sequence[bytes], *, task: str, task_id: str) -> Credentials:
        """Return the credentials, if this envelope belongs to that very task.

        Parameters
        ----------
        private_keys : sequence of bytes
            The worker's keys, 32 bytes each.
        task, task_id : str
            Name and id of the task that came with it.

        Raises
        ------
        AuthError
            It was sealed to another key, is altered, or another task's.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        for raw in private_keys:
            private, mine = _opening(raw)
            if key_id(mine) != self.key_id:
                continue
            try:
                data = base64.b64decode(self.box, validate=True)
                shared = private.exchange(X25519PublicKey.from_public_bytes(data[:32]))
                key = _derive(shared, data[:32], mine)
                bound = self._bound(task, task_id)
                return Credentials.from_bytes(
                    ChaCha20Poly1305(key).decrypt(_NONCE, data[32:], bound)
                )
            except (InvalidTag, ValueError):
                raise _altered(task_id) from None
        raise AuthError(f"The credentials of task {task_id} are sealed to another worker's key")

    def _bound(self, task: str, task_id: str) -> bytes:
        """Return what the box opens with: who may not sign it can't give it other terms."""
        bound = [task, task_id, self.arguments, self.expires, self.sender, *self.terms.signed()]
        return json.dumps([_VERSION, *bound]).encode()

    def _signed(self, task: str, task_id: str) -> bytes:
        return self._bound(task, task_id) + json.dumps([self.key_id, self.box]).encode()

    def to_header(self) -> dict[str, Any]:
        """Return the JSON-able form that travels."""
        return {
            "v": _VERSION,
            "kid": self.key_id,
            "exp": self.expires,
            "args": self.arguments,
            **self.terms.to_header(),
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
        if not isinstance(header, Mapping):
            raise AuthError("The task came without sealed credentials")
        if header.get("v") != _VERSION:
            raise AuthError("The credentials were sealed by another version of omega-jupyter")
        values = [header.get(name) for name in ("kid", "exp", "args", "box", "from", "sig")]
        match values:
            case [str(kid), int(expires), str(arguments), str(box), str(sender), str(signature)]:
                terms = Terms.from_header(header)
                return cls(kid, expires, arguments, terms, box, sender, signature)
        raise AuthError("The sealed credentials are malformed")


def digest(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a task's JSON-able arguments, hexadecimal."""
    text = json.dumps([list(args), dict(kwargs)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# To read a key takes as long as to use it, and there are few.


@lru_cache(maxsize=64)
def _sealing(recipient: str) -> tuple[X25519PublicKey, bytes]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    raw = base64.b64decode(recipient, validate=True)
    return X25519PublicKey.from_public_bytes(raw), raw


@lru_cache(maxsize=64)
def _opening(raw: bytes) -> tuple[X25519PrivateKey, bytes]:
    """Return a worker's key, and its public half."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    private = X25519PrivateKey.from_private_bytes(raw)
    return private, private.public_key().public_bytes_raw()


@lru_cache(maxsize=64)
def _signing(raw: bytes) -> tuple[Ed25519PrivateKey, str]:
    """Return a sender's key, and its id."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(raw)
    return private, key_id(private.public_key().public_bytes_raw())


@lru_cache(maxsize=64)
def _verifying(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=ephemeral + recipient, info=_INFO).derive(shared)


def _altered(task_id: str) -> AuthError:
    return AuthError(f"The credentials of task {task_id} were altered or belong to another task")
