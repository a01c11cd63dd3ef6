"""From a call to a message: names pinned, record written, credentials sealed, sent."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omega_jupyter.errors import Invalid, NotFound, Unavailable
from omega_jupyter.runtime.app import client_app
from omega_jupyter.runtime.broker import Broker
from omega_jupyter.runtime.credentials import HEADER, Credentials, Envelope, digest
from omega_jupyter.runtime.inquiry import Inquiry
from omega_jupyter.runtime.keys import sending_keys
from omega_jupyter.runtime.ledger import Ledger
from omega_jupyter.runtime.task import OmegaTask
from omega_jupyter.store.catalog import Catalog
from omega_jupyter.store.internal import STAGED, is_internal, release, renew
from omega_jupyter.store.model.environment import warn_of_mismatch
from omega_jupyter.store.names import ObjectName

if TYPE_CHECKING:
    from omega_jupyter.config import OmegaConfig, SecretUrl
    from omega_jupyter.store.connection import Document
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.metadata import Metadata
    from omega_jupyter.store.models import ModelStore

__all__ = ["Submitter"]

# What was fitted before, and with which versions, does not matter to these.
_FITS_ANEW = frozenset({"fit", "fit_transform", "cross_validate", "grid_search"})


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
        return Inquiry(self.ledger, broker, self.mongo_url)

    def handle(self, task_id: str, record: Document | None = None) -> OmegaTask:
        """Return the handle of a task by its id, with its record where that was read."""
        return OmegaTask(task_id, self, record)

    def submit(
        self,
        verb: str,
        model: str,
        data: Mapping[str, Any],
        *,
        result: str | None,
        params: Mapping[str, Any],
    ) -> OmegaTask:
        """Submit one call.

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
            Keywords of the estimator's method, JSON-able.

        Raises
        ------
        NotFound
            The model or a data set does not exist.
        Invalid
            An argument can't be sent, or the lengths differ.
        Unavailable
            MongoDB or the broker does not answer. Nothing was submitted then.
        """
        _check_json(verb, params)
        if result is not None:
            ObjectName.parse(result)
        task_id = uuid.uuid4().hex
        pinned = self._pin(task_id, model, data)
        _check_lengths(pinned)
        if verb not in _FITS_ANEW:
            warn_of_mismatch(pinned["model"][1])
        arguments: dict[str, Any] = {role: ref for role, (ref, _) in pinned.items()}
        arguments |= {"result": result, "params": dict(params)}
        record = {
            "_id": task_id,
            "verb": verb,
            "model": arguments["model"],
            "model_name": pinned["model"][1].name,
            "arguments": arguments,
            "queue": self.queue,
        }
        return self._submit(record)

    def resubmit(self, record: Document) -> OmegaTask:
        """Submit the same call again, with the very versions of its arguments.

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
        refs = references(record["arguments"])
        renew(self.mongo_url, refs.values())
        for role, ref in refs.items():
            try:
                Catalog(self.mongo_url).resolve(
                    [("models" if role == "model" else "datasets", ref)]
                )
            except NotFound:
                raise _gone(str(record["_id"]), role, ref) from None
        same = ("verb", "model", "model_name", "arguments", "queue")
        call = {name: record[name] for name in same}
        return self._submit({**call, "_id": uuid.uuid4().hex, "retry_of": record["_id"]})

    def release(self, record: Document) -> None:
        """Let go of what was kept for a task whose value was fetched."""
        kept = [ref for ref in references(record["arguments"]).values() if is_internal(ref)]
        kept += [ref for ref in json.loads(record["result"]).values() if is_internal(ref)]
        if kept:
            release(self.mongo_url, kept)

    def _submit(self, call: Document) -> OmegaTask:
        """Write the record of a call, then send its message."""
        record = self.ledger.submit(
            {
                **call,
                "user": _user(),
                "host": socket.gethostname(),
                # What Jupyter tells its kernels: the notebook's path.
                "notebook": os.environ.get("JPY_SESSION_NAME"),
                "retention_days": self.config.task_retention_days,
            }
        )
        self._send(record["verb"], record["_id"], record["queue"], record["arguments"])
        return self.handle(record["_id"])

    def _pin(
        self, task_id: str, model: str, data: Mapping[str, Any]
    ) -> dict[str, tuple[str, Metadata]]:
        """Stage the objects, look all names up in one query, and fix their versions.

        What runs later is what was there when it was submitted, also when it has
        to wait, or is tried again.
        """
        if not isinstance(model, str):
            raise Invalid(
                f"The model is given by its stored name, not as {type(model).__name__}",
                hint="om.models.put(model, 'mymodel') keeps it under a name",
            )
        names = {"model": ObjectName.parse(model)}
        names |= {role: ObjectName.parse(v) for role, v in data.items() if isinstance(v, str)}
        wanted = [("models" if role == "model" else "datasets", names[role]) for role in names]
        found = Catalog(self.mongo_url).resolve([(kind, str(name)) for kind, name in wanted])
        pinned = {
            role: (str(replace(name, name=metadata.name, version=metadata.version)), metadata)
            for (role, name), metadata in zip(names.items(), found, strict=True)
        }
        for role, value in data.items():
            if value is not None and not isinstance(value, str):
                staged = self.datasets.put(value, f"{STAGED}/{task_id}/{role}", task=task_id)
                pinned[role] = (staged.ref, staged)
        return pinned

    def _send(self, verb: str, task_id: str, queue: str, arguments: dict[str, Any]) -> None:
        from kombu.exceptions import OperationalError

        name = f"omega.{verb}"
        keys = sending_keys(self.config, self.mongo_url)
        envelope = Envelope.seal(
            Credentials(self.mongo_url, self.result_backend),
            keys.recipient,
            keys.sender.private,
            task=name,
            task_id=task_id,
            arguments=digest((), arguments),
        )
        try:
            client_app(self.config, self.broker_url).send_task(
                name,
                kwargs=arguments,
                task_id=task_id,
                queue=queue,
                headers={HEADER: envelope.to_header()},
                retry=True,
                retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
            )
        except OperationalError as error:
            self.ledger.withdraw(task_id)
            raise Unavailable(
                f"The broker at {self.broker_url} does not take the task: {error}",
                hop="broker",
                hint="`omega doctor` checks every hop",
            ) from None
        except KeyboardInterrupt:
            # Perhaps it was sent: a worker runs no task without a record.
            self.ledger.withdraw(task_id)
            raise


def _check_json(verb: str, params: Mapping[str, Any]) -> None:
    for name, value in params.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise Invalid(
                f"{verb}({name}=…) is a {type(value).__name__}, which can't be sent to a worker",
                hint="numbers, texts, lists and dicts can",
            ) from None


def _check_lengths(pinned: Mapping[str, tuple[str, Metadata]]) -> None:
    """Refuse X and y of unequal length before anything is sent."""
    if "X" not in pinned or "y" not in pinned:
        return
    (x, x_shape), (y, y_shape) = ((ref, md.shape) for ref, md in (pinned["X"], pinned["y"]))
    if x_shape and y_shape and x_shape[0] != y_shape[0]:
        raise Invalid(
            f"X and y differ in length: {_shown(x)} has {x_shape[0]:,} rows, "
            f"{_shown(y)} has {y_shape[0]:,}",
            hint="`%omega info NAME` shows a data set's shape",
        )


def references(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the stored objects that a call's arguments name, by role."""
    plain = ("result", "params")
    return {
        role: ref for role, ref in arguments.items() if role not in plain and isinstance(ref, str)
    }


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


def _shown(ref: str) -> str:
    if is_internal(ref):
        return "what you passed as " + ref.rpartition("@")[0].rpartition("/")[2]
    return ref


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a user id that has no name.
        return str(os.getuid())
