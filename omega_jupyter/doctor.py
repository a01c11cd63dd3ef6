"""Check each hop of a remote call, and say the next step for each that fails."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from omega_jupyter.errors import OmegaError, Unavailable
from omega_jupyter.runtime.broker_errors import broker_errors
from omega_jupyter.store.database.connection import bounded, connect, forget, mongo_errors

if TYPE_CHECKING:
    from celery import Celery

    from omega_jupyter.config import OmegaConfig, SecretUrl
    from omega_jupyter.omega import Omega
    from omega_jupyter.runtime.workers import WorkerInfo

__all__ = ["Check", "diagnose"]

HOP_SECONDS = 3.0
# All workers that answer within this time are counted: their number isn't known.
WORKER_SECONDS = 1.2
# A message that is sent here must be read there; a model that was fitted there must load here,
# and the other way round.
_COMPARED = ("omega-jupyter", "python", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Check:
    """What was found at one hop.

    Attributes
    ----------
    hop : str
        ``local``, ``mongodb``, ``result backend``, ``broker``, ``worker``, ``queue``
        or ``versions``.
    ok : bool
        Whether it works.
    message : str
        What was found, without credentials.
    hint : str or None
        The next step, where it does not work.
    """

    hop: str
    ok: bool
    message: str
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)


def diagnose(om: Omega) -> list[Check]:
    """Check all hops that a task of this Omega passes.

    Nothing is started, and no hop takes longer than some seconds.

    Parameters
    ----------
    om : Omega
        Has the settings to check.

    Returns
    -------
    list of Check
        In the order of a call's way. What lies behind a hop that does not work is
        not asked.
    """
    config = om.config
    checks: list[Check] = []
    url = config.mongo_url
    if url is None:
        local, url = _local(config)
        checks.append(local)
        if url is None:
            return checks
    origin = "OMEGA_MONGO_URL" if config.mongo_url is not None else None
    checks.append(_mongodb("mongodb", url, origin))
    if config.result_backend is not None and config.result_backend != url:
        checks.append(_mongodb("result backend", config.result_backend, "OMEGA_RESULT_BACKEND"))
    if config.broker_url is None and not checks[-1].ok:
        return checks  # the same server: it would say the same
    return checks + _behind(config, config.broker_url or url)


def _behind(config: OmegaConfig, url: SecretUrl) -> list[Check]:
    """Check the broker and what is behind it."""
    from omega_jupyter.runtime.app import make_app

    amqp = url.reveal().startswith("amqp")
    app = make_app(config, url if amqp else bounded(url, HOP_SECONDS))
    try:
        broker = _attempt("broker", url, lambda: _broker(app, url), _broker_hint(url))
        if not broker.ok:
            return [broker]
        replies: dict[str, WorkerInfo] = {}
        workers = _attempt("worker", url, lambda: _workers(app, config, url, replies), None)
        if not replies:
            return [broker, workers]
        return [broker, workers, _queue(app, config, url, replies), _versions(replies)]
    finally:
        app.close()
        if not amqp:
            forget(bounded(url, HOP_SECONDS))


def _local(config: OmegaConfig) -> tuple[Check, SecretUrl | None]:
    from omega_jupyter.local.mongo_child import check_space
    from omega_jupyter.local.mongod import find_mongod
    from omega_jupyter.local.paths import LocalPaths
    from omega_jupyter.local.services import LocalServices

    status = LocalServices(config).status()
    start = "`omega local start` starts them"
    if status.failure is not None:
        return Check("local", False, status.failure, status.hint or start), None
    if status.running and status.worker is None:
        log = status.logs["worker"]
        return Check("local", False, "MongoDB runs, its worker does not", f"see {log}"), status.url
    if status.running:
        return Check("local", True, f"MongoDB and worker run, in {status.data_dir}"), status.url
    if status.phase != "stopped":
        return Check("local", False, f"they are {status.phase}", "try again in some seconds"), None
    try:
        program = find_mongod(config.mongod)
        paths = LocalPaths(config.data_dir)
        paths.create()
        check_space(paths)
    except OmegaError as error:
        return Check("local", False, error.message, error.hint), None
    return Check("local", True, f"not running; the first use starts them ({program})"), None


def _mongodb(hop: str, url: SecretUrl, origin: str | None) -> Check:
    limited = bounded(url, HOP_SECONDS - 0.5)

    def ask() -> str:
        begin = time.perf_counter()
        with mongo_errors(url):
            database = connect(limited)
            version = database.client.server_info()["version"]
            took = time.perf_counter() - begin
            probe = {"_id": uuid.uuid4().hex}
            database["omega_doctor"].insert_one(probe)
            database["omega_doctor"].delete_one(probe)
        speed = f"answers in {took * 1000:.0f} ms"
        return f"MongoDB {version} at {_shown(url)} {speed}, and can be written"

    hint = "`omega local stop`; the next use starts it anew"
    if origin is not None:
        hint = f"is it running, and is the address in {origin} right?"
    try:
        return _attempt(hop, url, ask, hint)
    finally:
        forget(limited)


def _broker(app: Celery, url: SecretUrl) -> str:
    connecting = app.connection_for_write(connect_timeout=HOP_SECONDS - 0.5)
    with broker_errors(url), connecting as connection:
        # Not `connect()`: that tries again, and waits in between.
        established = connection.transport.establish_connection()
        try:
            properties = getattr(established, "server_properties", {})
        finally:
            connection.transport.close_connection(established)
    product = f"{properties.get('product', 'MongoDB')} {properties.get('version', '')}".strip()
    return f"{product} at {_shown(url)} takes messages"


def _broker_hint(url: SecretUrl) -> str:
    name = "OMEGA_BROKER_URL" if url.reveal().startswith("amqp") else "OMEGA_MONGO_URL"
    return f"check address, user, password and virtual host in {name}; does the broker run?"


def _workers(
    app: Celery, config: OmegaConfig, url: SecretUrl, replies: dict[str, WorkerInfo]
) -> str:
    from omega_jupyter.runtime.roster import ask_workers

    with broker_errors(url):
        found = ask_workers(app, WORKER_SECONDS)
    if not found:
        start = "`omega worker` on a machine starts one; a worker that is busy answers too"
        if config.is_local:
            start = "it takes some seconds to start: try again, else `omega local stop` and start"
        raise _NoWorkerError("no worker answers", start)
    replies.update((worker.name, worker) for worker in found)
    names = sorted(replies)
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} {'answers' if len(names) == 1 else 'answer'}: {shown}"


def _queue(
    app: Celery, config: OmegaConfig, url: SecretUrl, replies: Mapping[str, WorkerInfo]
) -> Check:
    queues = {queue for worker in replies.values() for queue in worker.queues}
    if config.queue in queues:
        return _attempt("queue", url, lambda: _sending(app, url, config.queue), None)
    return Check(
        "queue",
        False,
        f"no worker listens on {config.queue!r}, only on {', '.join(sorted(queues)) or 'others'}",
        f"`omega worker --queues {config.queue}`, or set OMEGA_QUEUE to one of those",
    )


def _sending(app: Celery, url: SecretUrl, queue: str) -> str:
    from kombu import Producer

    if not app.conf.broker_transport:
        with broker_errors(url), app.connection_for_write() as connection:
            # By the way of tasks, to nobody.
            Producer(connection).publish({}, exchange=queue, routing_key=uuid.uuid4().hex)
    return f"{queue!r} is listened to, and takes tasks"


def _versions(replies: Mapping[str, WorkerInfo]) -> Check:
    from omega_jupyter.runtime.workers import versions

    here = versions()
    differences = []
    for name, worker in sorted(replies.items()):
        there = worker.versions
        differences += [
            f"{library} is {there.get(library, 'missing')} on {name} and {here[library]} here"
            for library in _COMPARED
            if _release(there.get(library, "")) != _release(here[library])
        ]
    if differences:
        hint = "install the same versions on both sides, and start the workers anew"
        return Check("versions", False, "; ".join(differences), hint)
    shown = ", ".join(f"{library} {here[library]}" for library in _COMPARED)
    return Check("versions", True, f"the same on both sides: {shown}")


def _release(version: str) -> Sequence[str]:
    # A correction (the third number) keeps formats and results.
    return version.split(".")[:2]


class _NoWorkerError(OmegaError):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)


def _attempt(hop: str, url: SecretUrl, ask: Callable[[], str], hint: str | None) -> Check:
    """Ask in a thread of its own, and wait for it no longer than a hop may take."""
    found: list[Check] = []

    def run() -> None:
        try:
            found.append(Check(hop, True, ask()))
        except OmegaError as error:
            # The hint of what is unavailable leads here, where the next step must be told.
            own = None if isinstance(error, Unavailable) else error.hint
            found.append(Check(hop, False, _masked(error.message, url), own or hint))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
            text = str(error).partition(", Timeout:")[0] or type(error).__name__
            shown = f"{_shown(url)} does not work: {_masked(text, url)}"
            found.append(Check(hop, False, shown[:300], hint))

    thread = threading.Thread(target=run, name=f"omega-doctor-{hop}", daemon=True)
    thread.start()
    thread.join(HOP_SECONDS + 0.5)
    if found:
        return found[0]
    return Check(hop, False, f"{_shown(url)} says nothing for {HOP_SECONDS:.0f} s", hint)


def _shown(url: SecretUrl) -> str:
    """Return the URL for people: the path of a unix socket as such, no options."""
    text = str(url).partition("?")[0]
    scheme, _, address = text.partition("://")
    return unquote(address) if address.startswith("%2F") else f"{scheme}://{address}"


def _masked(text: str, url: SecretUrl) -> str:
    """Return the text without the URL's password, should a driver have repeated it."""
    user, _, _ = url.reveal().partition("://")[2].rpartition("@")
    password = user.partition(":")[2]
    for secret in {password, unquote(password)} - {""}:
        text = text.replace(secret, "***")
    return text
