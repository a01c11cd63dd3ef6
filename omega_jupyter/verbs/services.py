"""Verbs on what runs: local, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.verbs.listing import Field, Listing

if TYPE_CHECKING:
    from omega_jupyter.doctor import Check
    from omega_jupyter.verbs.caller import Caller

__all__ = ["doctor", "local"]


def local(caller: Caller, action: str | None) -> Any:
    """Start or stop the local services, or tell how they are."""
    from omega_jupyter.local.services import LocalServices

    config = caller.om.config
    if not config.is_local:
        where = config.origins.get("mongo_url", "keyword")
        raise Invalid(
            f"No local services are used: mongo_url is set ({where}: {config.mongo_url})",
            hint=f"{caller.prefix} doctor checks what is used",
        )
    services = LocalServices(config)
    if action == "start":
        services.start(caller.say)
    elif action == "stop":
        services.stop()
        caller.say("stopped; the next use starts them again")
        return None
    return services.status()


def doctor(caller: Caller) -> Listing[Check]:
    """Check each hop, and say what to do about those that fail."""
    from omega_jupyter.doctor import diagnose

    checks = diagnose(caller.om)
    fields: list[Field[Check]] = [
        Field("", lambda check: "ok" if check.ok else "FAILED"),
        Field("hop", lambda check: check.hop),
        Field("", lambda check: check.message),
        Field("next step", lambda check: check.hint or ""),
    ]
    return Listing(checks, fields, empty="", ok=all(check.ok for check in checks))
