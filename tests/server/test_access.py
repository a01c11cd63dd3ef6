"""Who may ask the extension."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from jupyter_server.auth import Authorizer, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.web import RequestHandler
from traitlets.config import Config

from omega_jupyter.server.handlers import OmegaHandler

Fetch = Callable[..., Awaitable[HTTPResponse]]

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class NoOmega(Authorizer):
    """Lets everybody do everything, but nothing with Omega."""

    def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        return resource != "omega"


def routes(app: ServerApp) -> list[tuple[str, str]]:
    """Return verb and address of everything that the extension answers."""
    rules = [
        (rule.matcher.regex.pattern.rstrip("$").removeprefix(app.base_url), rule.target)
        for group in app.web_app.default_router.rules
        for rule in getattr(group.target, "rules", [])
    ]
    return [
        (verb, pattern)
        for pattern, handler in rules
        if isinstance(handler, type) and issubclass(handler, OmegaHandler)
        for verb in VERBS
        if getattr(handler, verb.lower()) is not RequestHandler._unimplemented_method
    ]


async def status(
    jp_fetch: Fetch, verb: str, address: str, headers: dict[str, str] | None = None
) -> int:
    body = None if verb in ("GET", "DELETE") else "{}"
    kwargs = {} if headers is None else {"headers": headers}
    try:
        response = await jp_fetch(address, method=verb, body=body, **kwargs)
    except HTTPClientError as error:
        return error.code
    return response.code


async def test_no_route_answers_without_a_token(jp_fetch: Fetch, jp_serverapp: ServerApp) -> None:
    found = routes(jp_serverapp)

    assert ("GET", "omega/objects") in found
    for verb, address in found:
        wrong = {"Authorization": "token wrong"}
        assert await status(jp_fetch, verb, address, wrong) == 403, (verb, address)


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """The server of the other tests; it takes its authorizer from here."""
    jp_server_config.ServerApp.authorizer_class = NoOmega
    return jp_server_config


async def test_no_route_answers_whom_the_authorizer_refuses(
    jp_fetch: Fetch, jp_serverapp: ServerApp
) -> None:
    for verb, address in routes(jp_serverapp):
        assert await status(jp_fetch, verb, address) == 403, (verb, address)
    assert await status(jp_fetch, "GET", "api/status") == 200
