"""From a call to a message: names pinned, record written and message sealed and sent."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, NotFound, OmegaError
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.arguments import pinned, references
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.broker_errors import broker_errors
from omega_jupyter.runtime.credentials import Credentials
from omega_jupyter.runtime.in_flight import in_flight
from omega_jupyter.runtime.inquiry import Inquiry
from omega_jupyter.runtime.keys import sending_keys
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.limits import checked_time_limit
from omega_jupyter.runtime.meanwhile import meanwhile
from omega_jupyter.runtime.origin import origin
from omega_jupyter.runtime.queues import checked_queue, warn_of_queue, warn_of_workers
from omega_jupyter.runtime.recording import can_submit_unchanged, submit_unchanged
from omega_jupyter.runtime.search_grid import check_grid
from omega_jupyter.runtime.sending import send
from omega_jupyter.runtime.staging import Staging, carried_by
from omega_jupyter.runtime.terms import Terms
from omega_jupyter.store.model.environment import warn_of_mismatch
from omega_jupyter.store.names.catalog import Catalog
from omega_jupyter.store.names.internal import is_internal, release, renew
from omega_jupyter.store.names.names import ObjectName
from omega_jupyter.store.names.recall import Changed, Recall, resolve_and_remember

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl
    from omega_jupyter.runtime.arguments import Resolve
    from omega_jupyter.store.database.connection import Document
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore

__all__ = ["Submitter"]

# What was fitted before, and with which versions, does not matter to these.
_FITS_ANEW = frozenset({"fit", "fit_predict", "fit_transform", "cross_validate", "grid_search"})


@dataclass(frozen=True)
class Submitter:
    """Sends calls of one user to one queue.

    Attributes
    ----------
    config : OmegaConfig
    mongo_url, broker_url, result_backend : SecretUrl
        With the local services' URLs filled in.
    datasets : DatasetStore
    models : ModelStore
    queue : str
    """

    config: OmegaConfig
    mongo_url: SecretUrl
    broker_url: SecretUrl
    result_backend: SecretUrl
    datasets: DatasetStore
    models: ModelStore
    queue: str

    @property
    def ledger(self) -> Ledger:
        """The user's task ledger."""
        return Ledger(self.result_backend)

    @property
    def inquiry(self) -> Inquiry:
        """What finds tasks whose worker or message is gone."""
        broker = Broker(self.config, self.broker_url)
        return Inquiry(self.ledger, broker, self.mongo_url, self._publish)

    def submit(
        self,
        verb: str,
        model: str,
        data: Mapping[str, Any],
        *,
        result: str | None,
        params: Mapping[str, Any],
        time_limit: float | None = None,
    ) -> str:
        """Submit one call; return the id of its task.

        Parameters
        ----------
        verb : str
            The method, which is also the Celery task ``omega.<verb>``.
        model : str
            Name of a stored model, with or without version.
        data : mapping
            By role (``X``, ``y``): a stored name, an object, or None.
        result : str, optional
            The name under which the output is kept.
        params : mapping
            Keywords of the estimator's method: JSON-able, or data as in `data`.
        time_limit : float, optional
            Seconds after which a worker ends it; default: the worker's own limit.

        Raises
        ------
        NotFound
            The model or a data set does not exist.
        Invalid
            An argument can't be sent, or the lengths differ.
        Unavailable
            MongoDB or the broker does not answer. Nothing was submitted then, or the message
            says that nobody knows.
        AuthError
            Either refuses the user, or lets him not send to this queue. Nor then.
        """
        limit = checked_time_limit(time_limit)
        task_id = uuid.uuid4().hex
        # Where results are in a database of their own, the user's data is not.
        here = self.result_backend == self.mongo_url
        staging = Staging(self.datasets, task_id, carry=here)

        def call(resolve: Resolve) -> Document:
            arguments, found = pinned(
                self.mongo_url, verb, model, data, params, resolve=resolve, staging=staging
            )
            if verb == "grid_search":
                check_grid(arguments["params"].get("param_grid"), found)
            warn_of_queue(self.config, self.broker_url, checked_queue(self.queue))
            if verb not in _FITS_ANEW:
                warn_of_mismatch(found)
                warn_of_workers(self.config, self.broker_url, self.queue, found)
            return {
                "verb": verb,
                "model": arguments["model"],
                "model_name": found.name,
                "arguments": {**arguments, "result": result},
                "queue": self.queue,
                "time_limit": limit,
                **({"carried": staging.carried} if staging.carried else {}),
            }

        known, recall = None, Recall(self.mongo_url)
        if here and can_submit_unchanged(self.mongo_url):
            # What is wrong with the names as they were may be right by now.
            with suppress(Changed, NotFound, Invalid):
                known = call(recall.resolve)
        if known is not None:
            try:
                self._send_unchanged({**known, "_id": task_id}, recall)
            except Changed:
                # The message is on its way, and finds no record.
                task_id = uuid.uuid4().hex
            else:
                return task_id
        found = call(partial(resolve_and_remember, self.mongo_url))
        self._send(self._written({**found, "_id": task_id}))
        return task_id

    def resubmit(self, record: Document) -> str:
        """Submit the same call again, with the very versions of its arguments; return the id.

        Parameters
        ----------
        record : dict
            Of the earlier task.

        Raises
        ------
        NotFound
            An argument is not stored any more; the message names it.
        Unavailable
            MongoDB or the broker does not answer.
        """
        carried = carried_by(self.result_backend, str(record["_id"]))
        refs = references(record["arguments"])
        refs = {role: ref for role, ref in refs.items() if role not in carried}
        renew(self.mongo_url, refs.values())
        for role, ref in refs.items():
            try:
                Catalog(self.mongo_url).resolve(
                    [("models" if role == "model" else "datasets", ref)]
                )
            except NotFound:
                raise _gone(str(record["_id"]), role, ref) from None
        same = ("verb", "model", "model_name", "arguments", "queue")
        call = {name: record[name] for name in same} | {"time_limit": record.get("time_limit")}
        if carried:
            call["carried"] = carried
        task_id = uuid.uuid4().hex
        self._send(self._written({**call, "_id": task_id, "retry_of": record["_id"]}))
        return task_id

    def release(self, record: Document) -> None:
        """Let go of what was kept for a task whose value was fetched."""
        refs = [*references(record["arguments"]).values(), *json.loads(record["result"]).values()]
        # What the record carries has no version.
        kept = [ref for ref in refs if ref and is_internal(ref) and "@" in ref]
        if kept:
            release(self.mongo_url, kept)

    def _send_unchanged(self, call: Document, recall: Recall) -> None:
        """Write the record of a call if its names are what they were, and send it meanwhile.

        MongoDB's journal takes as long as the broker. A worker that has the message first
        waits for the record.

        Raises
        ------
        Changed
            There is no record, but perhaps the message.
        """
        record = self._complete(call)
        began = time.monotonic()
        sent = meanwhile(partial(self._publish, record))
        try:
            submit_unchanged(self.ledger, record, recall)
            error = sent.exception()
        except KeyboardInterrupt:
            self.ledger.withdraw(record["_id"])
            raise
        if error is not None:
            self.ledger.withdraw(record["_id"])
            raise error
        self._note(record, began)

    def _written(self, call: Document) -> Document:
        """Write the record of a call."""
        record = self._complete(call)
        began = time.monotonic()
        self.ledger.submit(record)
        self._note(record, began)
        return record

    def _complete(self, call: Document) -> Document:
        """Return the record of a call."""
        # Settings that can't be used are found before there is a record.
        client_app(self.config, self.broker_url)
        sending_keys(self.config, self.mongo_url)
        return {**call, **origin(), "retention_days": self.config.task_retention_days}

    def _note(self, record: Document, began: float) -> None:
        kind = f"{record['verb']} {record['model_name']}"
        in_flight(self.result_backend).note(record["_id"], kind, began)

    def _send(self, record: Document) -> None:
        try:
            self._publish(record)
        except (OmegaError, KeyboardInterrupt):
            # Perhaps it was sent: a worker runs no task without a record.
            self.ledger.withdraw(record["_id"])
            raise

    def _publish(self, record: Document) -> None:
        """Give the broker the message of a record, or the next one of it."""
        with broker_errors(self.broker_url):
            send(
                client_app(self.config, self.broker_url),
                sending_keys(self.config, self.mongo_url),
                Credentials(self.mongo_url, self.result_backend),
                verb=record["verb"],
                task_id=record["_id"],
                arguments=record["arguments"],
                terms=Terms(record["queue"], record.get("taken", 0) + 1, record["time_limit"]),
            )


def _gone(task_id: str, role: str, ref: str) -> NotFound:
    if is_internal(ref):
        return NotFound(
            f"Task {task_id[:8]} can't run again: {role} was passed as an object, which is kept "
            "for a day, and is gone",
            hint="submit the call anew with the data",
        )
    return NotFound(
        f"Task {task_id[:8]} can't run again: {ref}, its {role}, is not stored any more",
        hint=f"%omega info {ObjectName.parse(ref).name} shows what there is",
    )
