"""The panel's requests: they translate HTTP, and do nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler

from omega_jupyter.errors import AuthError, Conflict, Invalid, NotFound, OmegaError, Unavailable
from omega_jupyter.server.objects import ObjectsReader

__all__ = ["ObjectsHandler", "OmegaHandler"]


class OmegaHandler(APIHandler):
    """What all handlers share: the resource they guard, and errors as JSON.

    An error is ``{"code", "message", "hint"}`` with the status that belongs to it.
    401 and 403 are Jupyter's own: where MongoDB refuses the server's credentials,
    logging in to Jupyter again would help nobody.
    """

    auth_resource = "omega"
    statuses: ClassVar[Mapping[type[OmegaError], HTTPStatus]] = {
        NotFound: HTTPStatus.NOT_FOUND,
        Conflict: HTTPStatus.CONFLICT,
        Invalid: HTTPStatus.BAD_REQUEST,
        Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        AuthError: HTTPStatus.BAD_GATEWAY,
    }

    async def answer(self, result: Awaitable[dict[str, Any]]) -> None:
        """Send the result as JSON, or the error that it ends in.

        Parameters
        ----------
        result : awaitable of dict
            What a reader is about to return.
        """
        try:
            body = await result
        except OmegaError as error:
            status = self.statuses.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
            self.log.warning("omega: %s", error.message)
            self.set_status(status)
            body = error.to_dict()
        await self.finish(body)


class ObjectsHandler(OmegaHandler):
    """``GET omega/objects``: the names of what is stored."""

    # A panel that refreshes itself must not keep an unused server from being culled.
    _track_activity = False

    def initialize(self, reader: ObjectsReader) -> None:
        """Take what the extension made."""
        self.reader = reader

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Send ``{"datasets": [...], "models": [...], "stopped": false}``."""
        await self.answer(self.reader.read())
