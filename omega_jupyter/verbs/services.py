"""Verbs on what runs: local, workers, queues, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid
from omega_jupyter.runtime.task_report import duration
from omega_jupyter.store.wording.facts import bytes_text, facts_html, facts_text
from omega_jupyter.store.wording.listing import Field, Listing, ago

if TYPE_CHECKING:
    from omega_jupyter.doctor import Check
    from omega_jupyter.local.status import LocalStatus
    from omega_jupyter.runtime.workers import Found, QueueInfo, WorkerInfo
    from omega_jupyter.verbs.caller import Caller

__all__ = ["Checkup", "LocalReport", "doctor", "local", "queues", "workers"]


def local(caller: Caller, action: str | None) -> LocalReport | None:
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
    if action == "stop":
        caller.say("stopped" if services.stop() else "nothing was running")
        return None
    if action == "start":
        services.start(caller.say)
    return LocalReport(services.status())


class LocalReport:
    """How the local services are, as text, HTML and values.

    Parameters
    ----------
    status : LocalStatus
    """

    def __init__(self, status: LocalStatus) -> None:
        self.status = status

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return self.status.to_dict()

    def __repr__(self) -> str:
        return facts_text(self._facts())

    def _repr_html_(self) -> str:
        return facts_html(self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        status = self.status
        rest = max(0.0, status.idle_timeout - status.idle_seconds)
        facts = [
            ("state", status.phase),
            ("since", ago(status.began)),
            ("MongoDB", _process(status.mongod)),
            ("worker", _process(status.worker)),
            ("socket", str(status.socket) if status.running else ""),
            ("data", f"{status.data_dir} ({bytes_text(status.disk_bytes)})"),
            ("logs", ", ".join(str(path) for path in status.logs.values() if path.exists())),
            ("idle", f"ends in {duration(rest)} if unused" if status.running else ""),
            ("failure", status.failure or ""),
            ("next step", status.hint or ""),
        ]
        return [(label, text) for label, text in facts if text]


def _process(pid: int | None) -> str:
    return "not running" if pid is None else f"process {pid}"


def doctor(caller: Caller) -> Listing[Check]:
    """Check each hop, and say what to do about those that fail."""
    from omega_jupyter.doctor import diagnose

    checks = diagnose(caller.om)
    fields: list[Field[Check]] = [
        Field("", lambda check: "ok" if check.ok else "FAILED"),
        Field("hop", lambda check: check.hop),
        Field("found", lambda check: check.message),
        Field("next step", lambda check: check.hint or ""),
    ]
    return Checkup(checks, fields, empty="", ok=all(check.ok for check in checks))


def workers(caller: Caller) -> Found[WorkerInfo]:
    """List the workers that answer."""
    return caller.om.runtime.workers()


def queues(caller: Caller) -> Found[QueueInfo]:
    """List the queues."""
    return caller.om.runtime.queues()


class Checkup(Listing["Check"]):
    """What the doctor found; as text with each next step on a line of its own."""

    def __repr__(self) -> str:
        width = max((len(check.hop) for check in self), default=0)
        lines = []
        for check in self:
            lines.append(
                f"{'ok' if check.ok else 'FAILED':<6}  {check.hop:<{width}}  {check.message}"
            )
            if check.hint and not check.ok:
                lines.append(f"{'':<{width + 8}}  → {check.hint}")
        return "\n".join(lines)
