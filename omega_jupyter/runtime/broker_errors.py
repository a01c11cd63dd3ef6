"""What a broker answers to who may not, or when it does not answer, in our words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from omega_jupyter.errors import AuthError, Unavailable
from omega_jupyter.store.database.connection import is_of_unknown_authority

if TYPE_CHECKING:
    from amqp.exceptions import AMQPError

    from omega_jupyter.config import SecretUrl

__all__ = ["broker_errors", "denied"]

_REFUSED = re.compile(r"access to (?P<kind>\w+) '(?P<name>.*?)' in vhost '(?P<vhost>.*?)' refused")
# By AMQP's numbers of class and method; https://www.rabbitmq.com/docs/access-control
_RIGHTS = {
    **dict.fromkeys([(40, 10), (40, 20), (50, 10), (50, 40)], "configure"),
    **dict.fromkeys([(60, 20), (60, 70), (50, 30)], "read"),
    (60, 40): "write",
}


@contextmanager
def broker_errors(url: SecretUrl) -> Iterator[None]:
    """Translate what kombu and its drivers raise into :class:`OmegaError`.

    Parameters
    ----------
    url : SecretUrl
        The broker's.

    Raises
    ------
    AuthError
        The broker knows the user not, or does not let him do it; names the right.
    Unavailable
        The broker does not answer.
    """
    from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
    from kombu.exceptions import OperationalError
    from pymongo.errors import PyMongoError

    try:
        yield
    except (AccessRefused, NotAllowed) as error:
        raise denied(url, error) from None
    except (AMQPError, OperationalError, OSError, PyMongoError) as error:
        raise Unavailable(
            f"The broker at {url} does not answer: {url.redact(str(error))[:300]}",
            hop="broker",
            hint=_hint(url, str(error)),
        ) from None


def _hint(url: SecretUrl, text: str) -> str:
    """Return what to do about an answer that did not come."""
    if is_of_unknown_authority(text):
        return "name the authority of its certificate: amqps://…?cacertfile=/path/to/ca.crt"
    with_tls, has_own = url.reveal().startswith("amqps:"), re.search("[?&]certfile=", url.reveal())
    if with_tls and not has_own and re.search("ssl|reset by peer", text, re.IGNORECASE):
        # One server says so, another closes the connection.
        return (
            "where it wants a certificate of yours the URL is "
            "amqps://…?certfile=/path/to/crt&keyfile=/path/to/key; `omega doctor` checks every hop"
        )
    if "reset by peer" in text and not with_tls:
        return "where it wants TLS the URL begins with amqps://; `omega doctor` checks every hop"
    return "`omega doctor` checks every hop"


def denied(url: SecretUrl, error: AMQPError) -> AuthError:
    """Return what it means that RabbitMQ refuses a login, a virtual host or an action.

    Parameters
    ----------
    url : SecretUrl
        The broker's.
    error : amqp.exceptions.AMQPError
        ``AccessRefused`` or ``NotAllowed``.
    """
    parts = urlsplit(url.reveal().partition("?")[0])
    host, _, port = parts.netloc.rpartition("@")[2].partition(":")
    at = f"{host}:{port or (5671 if parts.scheme == 'amqps' else 5672)}"
    user = unquote(parts.username or "guest")
    vhost = unquote(parts.path[1:]) or "/"
    text = str(error.reply_text)
    found = _REFUSED.search(text)
    if found is not None:
        right = _right(error, found["kind"])
        # Of what workers are asked and answer through nobody chooses the name.
        own = "" if "pidbox" in found["name"] else "; --queue, for a worker --queues, names another"
        return AuthError(
            f"RabbitMQ at {at} does not give the user {user!r} the right to {right} the "
            f"{found['kind']} {found['name']!r} (virtual host {found['vhost']!r})",
            hop="broker",
            hint="docs/security.md has the rights that users and workers need, and the command "
            f"that gives them{own}",
        )
    if "vhost" in text:
        return AuthError(
            f"RabbitMQ at {at} has no virtual host {vhost!r} for the user {user!r}",
            hop="broker",
            hint="it is the path in OMEGA_BROKER_URL; `rabbitmqctl list_user_permissions "
            f"{user}` on the server lists those that the user may enter",
        )
    return AuthError(
        f"RabbitMQ at {at} refuses the login of {user!r} (virtual host {vhost!r})",
        hop="broker",
        hint="check user and password in OMEGA_BROKER_URL; `rabbitmqctl authenticate_user "
        f"{user}` on the server tells whether the password is right",
    )


def _right(error: AMQPError, kind: str) -> str:
    method = tuple(error.method_sig or ())
    if method == (50, 20):  # a binding takes two rights
        return "write" if kind == "queue" else "read"
    return _RIGHTS.get(method, "use")
