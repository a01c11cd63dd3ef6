"""The URL of a RabbitMQ, and the TLS that its options ask for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid

__all__ = ["tls_of"]

# https://www.rabbitmq.com/docs/uri-query-parameters
_OPTIONS = {"cacertfile": "ca_certs", "certfile": "certfile", "keyfile": "keyfile"}


def tls_of(url: SecretUrl) -> tuple[str, dict[str, Any] | bool]:
    """Return an AMQP URL without its options, and what they say of TLS.

    With ``amqps://`` the server's certificate is always verified, and that it is for
    the URL's host.

    Parameters
    ----------
    url : SecretUrl
        ``amqp://…`` or ``amqps://…?cacertfile=…&certfile=…&keyfile=…``: files in PEM;
        without ``cacertfile`` the authorities of the system count.

    Returns
    -------
    url : str
    tls : dict or bool
        Celery's ``broker_use_ssl``; False: no TLS.

    Raises
    ------
    Invalid
        An option is unknown, needs TLS, or its file can't be used.

    Examples
    --------
    >>> tls_of(SecretUrl("amqp://localhost//"))
    ('amqp://localhost//', False)
    """
    address, _, query = url.reveal().partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS.keys())
    if unknown:
        raise Invalid(
            f"The broker URL {url} has the unknown option {unknown[0]!r}",
            hint=f"there are {', '.join(_OPTIONS)}",
        )
    if not address.startswith("amqps:"):
        if options:
            raise Invalid(
                f"The broker URL {url} has options of TLS, but asks for none",
                hint="amqps://… asks for it; RabbitMQ's port for it is 5671",
            )
        return address, False
    if ("certfile" in options) != ("keyfile" in options):
        raise Invalid(
            f"The broker URL {url} needs both certfile and keyfile, or neither",
            hint="the same file may hold both",
        )
    tls: dict[str, Any] = {_OPTIONS[name]: value for name, value in options.items()}
    _check_files(tls)
    # Without this key no host name is checked at all.
    tls |= {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": urlsplit(address).hostname}
    return f"amqp{address.removeprefix('amqps')}", tls


def _check_files(tls: dict[str, str]) -> None:
    """Read the files once: an error at each connection would be tried again and again."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in _OPTIONS.values():
        if name in tls and not Path(tls[name]).is_file():
            raise Invalid(f"There is no file {tls[name]}, which the broker URL names")
    try:
        if "ca_certs" in tls:
            context.load_verify_locations(tls["ca_certs"])
        if "certfile" in tls:
            # Without a terminal to ask at: a key that needs a password is refused.
            context.load_cert_chain(tls["certfile"], tls["keyfile"], password="")
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(tls[name] for name in _OPTIONS.values() if name in tls)
        raise Invalid(
            f"The certificates that the broker URL names can't be used ({files}): {error}",
            hint="they are PEM files; the key has no password, and belongs to the certificate",
        ) from None
