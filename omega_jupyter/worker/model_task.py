"""What all tasks have in common: credentials, record, cancellation, log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import AuthError
from omega_jupyter.omega import Omega
from omega_jupyter.runtime.attempt import Attempt
from omega_jupyter.runtime.claim import Absent, Busy, Unwanted, claim
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.envelope import HEADER, Envelope
from omega_jupyter.runtime.keyring import keyring
from omega_jupyter.runtime.outcome import Outcome, published
from omega_jupyter.runtime.sending import send
from omega_jupyter.runtime.staging import forget_carried
from omega_jupyter.runtime.terms import Terms
from omega_jupyter.store.upkeep.housekeeping import collect_if_due
from omega_jupyter.worker.cache import VersionCache
from omega_jupyter.worker.call import Call
from omega_jupyter.worker.cancellation import Cancellation, Stopped
from omega_jupyter.worker.companion import companion
from omega_jupyter.worker.heartbeat import is_gone, main_process
from omega_jupyter.worker.logs import TaskLog
from omega_jupyter.worker.patience import patiently

__all__ = ["ModelTask"]

logger = get_task_logger(__name__)

# A client writes the record and sends the message at the same time. Where the latter is
# first the worker waits, for an eighth of a second in all …
MOMENTS_SECONDS = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
# … and then asks again after so long: a client that hangs may take its time. A record that
# comes later still has no message, which is found out as ever.
ABSENT_SECONDS = (1.0, 3.0, 9.0)
_NEVER = "it was withdrawn, never submitted here, or long ago"


@cache
def _cache(budget: int) -> VersionCache:
    """Return this process's cache."""
    return VersionCache(budget)


@lru_cache(maxsize=64)
def _omega(mongo_url: SecretUrl, trusted: tuple[str, ...], allow_joblib: bool) -> Omega:
    """Return this process's Omega for a user's database."""
    return Omega(mongo_url=mongo_url, trusted=trusted, allow_joblib=allow_joblib)


class ModelTask(Task):
    """Opens the credentials, claims the record, and only then lets the call run."""

    abstract = True

    def before_start(self, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse what was not submitted like this, and what has ended or runs elsewhere.

        What comes here comes from the worker's main process alone, through billiard's pipe,
        and that has verified the signature and compared the arguments: :mod:`.reception`.
        Neither is done again. That the credentials open shows once more that they are
        this task's, under these terms.

        Raises
        ------
        celery.exceptions.Ignore
            The credentials do not open; the task has ended, its record is not there,
            another worker runs it, or the message is a copy.
        """
        try:
            envelope = Envelope.from_header(self.request.get(HEADER))
            credentials = keyring(self.app.omega_config).open(
                envelope, task=self.name, task_id=task_id
            )
        except AuthError as error:
            logger.warning("Refused: %s", error.message)
            # Not Reject: Celery would note a failure in the record that the forger named.
            raise Ignore from None
        terms = envelope.terms
        match self._claimed(task_id, credentials, terms):
            case Attempt() as attempt:
                self.request.omega_credentials = credentials
                self.request.omega_attempt = attempt
                return
            case Unwanted(why):
                logger.warning("Ignored: task %s %s", task_id, why)
            case Busy(seconds):
                logger.info("Put back: task %s runs elsewhere", task_id)
                self._ask_again(seconds, credentials, terms)
            case Absent() if terms.number <= len(ABSENT_SECONDS):
                logger.info("Put back: task %s has no record yet", task_id)
                self._ask_again(ABSENT_SECONDS[terms.number - 1], credentials, terms)
            case Absent():
                logger.warning("Ignored: task %s has no record: %s", task_id, _NEVER)
        raise Ignore

    def _claimed(
        self, task_id: str, credentials: Credentials, terms: Terms
    ) -> Attempt | Absent | Busy | Unwanted:
        """Claim the record, which may come a moment later than its message."""
        ask = partial(
            claim,
            credentials.result_backend,
            task_id,
            terms.number,
            again=bool(self.request.delivery_info["redelivered"]),
            worker=str(self.request.hostname),
            process=main_process(),
            claimant=uuid.uuid4().hex,
            is_gone=is_gone,
        )
        for seconds in MOMENTS_SECONDS:
            claimed = patiently(ask)
            if not isinstance(claimed, Absent) or terms.number > 1:
                return claimed
            time.sleep(seconds)
        return patiently(ask)

    def _ask_again(self, seconds: float, credentials: Credentials, terms: Terms) -> None:
        """Put the message back for a while.

        It came though its first worker goes on with the task, having lost its connection to
        the broker: should that worker die after all, the task runs again with this message.
        Or it came before its record.
        """
        send(
            self.app,
            keyring(self.app.omega_config).sending(),
            credentials,
            verb=self.name.removeprefix("omega."),
            task_id=self.request.id,
            arguments=self.request.kwargs,
            terms=replace(terms, number=terms.number + 1, not_before=time.time() + seconds),
        )

    def __call__(self, **arguments: Any) -> Outcome:
        """Run the call, in an attempt of its own that can be cancelled.

        Raises
        ------
        celery.exceptions.Ignore
            It was cancelled.
        celery.exceptions.Reject
            It is another worker's by now.
        """
        attempt: Attempt = self.request.omega_attempt
        credentials: Credentials = self.request.omega_credentials
        if attempt.number > 1:
            done = patiently(lambda: published(credentials.mongo_url, attempt.record))
            if done is not None:
                return done
        self.request.omega_cancellation = cancellation = Cancellation()
        secrets = (credentials.mongo_url, credentials.result_backend)
        log = TaskLog(attempt, [*secrets, *filter(None, [self.app.omega_config.broker_url])])

        def visit() -> None:
            if attempt.standing() != "ours":
                cancellation.request()
            log.flush()

        try:
            with companion().beside(visit), log.captured():
                outcome: Outcome = self.run(**arguments)
                return outcome
        except Stopped:
            if patiently(attempt.standing) == "taken":
                logger.warning("Stopped: task %s, which is not ours any more", attempt.task_id)
                # Whoever has it needs its message, which may be this very one.
                raise Reject(requeue=True) from None
            logger.warning("Stopped: task %s was cancelled", attempt.task_id)
            patiently(attempt.stopped)
            raise Ignore from None
        finally:
            patiently(log.close)

    def call(self, arguments: dict[str, Any], carried: Mapping[str, bytes] | None = None) -> Call:
        """Return the call with these arguments, acting for the user who sent it.

        Parameters
        ----------
        arguments : dict
        carried : mapping, optional
            The small objects among them, by role; default: what its own record carries.
        """
        credentials: Credentials = self.request.omega_credentials
        config = self.app.omega_config
        om = _omega(credentials.mongo_url, config.trusted, config.allow_joblib)
        attempt: Attempt = self.request.omega_attempt
        return Call(
            om,
            attempt,
            arguments,
            attempt.record.get("carried", {}) if carried is None else carried,
            _cache(config.cache_bytes),
            self.request.omega_cancellation,
        )

    def sender(self) -> Callable[[Mapping[str, Any], float | None], None]:
        """Return what sends the message of a record, in the name of the user who sent this task.

        Returns
        -------
        callable
            Takes the record and the task's time limit; for any thread.
        """
        app, credentials = self.app, self.request.omega_credentials
        keys = keyring(app.omega_config).sending()

        def send_record(record: Mapping[str, Any], time_limit: float | None) -> None:
            send(
                app,
                keys,
                credentials,
                verb=record["verb"],
                task_id=str(record["_id"]),
                arguments=record["arguments"],
                terms=Terms(record["queue"], record.get("taken", 0) + 1, time_limit),
            )

        return send_record

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """Collect what nobody needs any more, now and then."""
        credentials = getattr(self.request, "omega_credentials", None)
        if credentials is not None and collect_if_due(credentials.mongo_url) is not None:
            patiently(lambda: forget_carried(credentials.result_backend))
