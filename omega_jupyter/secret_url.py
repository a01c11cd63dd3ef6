"""A URL whose password stays where it is."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

__all__ = ["SecretUrl"]

_CREDENTIALS = re.compile(r"(?<=://)(?P<user>[^:@/]*):[^@/]*@")
# Of a password that nobody has quoted: it may hold an @ or a slash.
_UP_TO_THE_LAST = re.compile(r"(?<=://)(?P<user>[^:@/]*):.*@", re.DOTALL)
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

    @property
    def is_quoted(self) -> bool:
        """Whether it can be told where user and password end and the host begins."""
        scheme, _, rest = self._url.partition("://")
        address, _, query = rest.partition("?")
        authority, _, path = address.partition("/")
        options = [one for one in query.split("&") if one]
        if "@" in path or authority.count("@") > 1 or not all("=" in one for one in options):
            return False
        if not scheme.startswith("amqp"):
            return True  # pymongo says what it can't read
        try:
            return (
                urlsplit(f"//{address}").port is not None or ":" not in authority.rpartition("@")[2]
            )
        except ValueError:
            return False

    @property
    def _credentials(self) -> re.Pattern[str]:
        plain = self.is_quoted and _CREDENTIALS.search(self._url)
        return _CREDENTIALS if plain else _UP_TO_THE_LAST

    def redact(self, text: str) -> str:
        """Return the text with this URL's password replaced, however it is written."""
        secrets = [found["value"] for found in _SECRET_OPTIONS.finditer(self._url)]
        found = self._credentials.search(self._url)
        if found is not None:
            secrets.append(found.group(0).removeprefix(f"{found['user']}:").removesuffix("@"))
        for quoted in secrets:
            for secret in {quoted, unquote(quoted)} - {""}:
                text = text.replace(secret, "***")
        return text

    def __str__(self) -> str:
        masked = self._credentials.sub(r"\g<user>:***@", self._url)
        return _SECRET_OPTIONS.sub(r"\g<name>=***", masked)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretUrl) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __getstate__(self) -> None:
        raise TypeError("A SecretUrl is never pickled: its password would travel in clear")
