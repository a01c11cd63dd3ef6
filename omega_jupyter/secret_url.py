"""A URL whose password stays where it is."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["SecretUrl"]

_CREDENTIALS = re.compile(r"(?<=://)(?P<user>[^:@/]*):[^@/]*@")
# https://www.mongodb.com/docs/manual/reference/connection-string-options/
_SECRET_OPTIONS = re.compile(
    r"(?i)(?<=[?&])(?P<name>tlsCertificateKeyFilePassword|authMechanismProperties)=(?P<value>[^&]*)"
)


class SecretUrl:
    """A URL that may hold a password: shown masked, given away only on request.

    Parameters
    ----------
    url : str
        The URL with its credentials.

    Examples
    --------
    >>> SecretUrl("mongodb://alice:wonder@db.example/omega")
    SecretUrl('mongodb://alice:***@db.example/omega')
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """Return the URL in clear."""
        return self._url

    def redact(self, text: str) -> str:
        """Return the text with this URL's password replaced, however it is written."""
        secrets = [found["value"] for found in _SECRET_OPTIONS.finditer(self._url)]
        found = _CREDENTIALS.search(self._url)
        if found is not None:
            secrets.append(found.group(0).removeprefix(f"{found['user']}:").removesuffix("@"))
        for quoted in secrets:
            for secret in {quoted, unquote(quoted)} - {""}:
                text = text.replace(secret, "***")
        return text

    def __str__(self) -> str:
        masked = _CREDENTIALS.sub(r"\g<user>:***@", self._url)
        return _SECRET_OPTIONS.sub(r"\g<name>=***", masked)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretUrl) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __getstate__(self) -> None:
        raise TypeError("A SecretUrl is never pickled: its password would travel in clear")
