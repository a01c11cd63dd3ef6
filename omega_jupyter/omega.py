"""The object that a user holds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import Invalid

if TYPE_CHECKING:
    from omega_jupyter.runtime.runtime import OmegaRuntime
    from omega_jupyter.store.datasets import DatasetStore
    from omega_jupyter.store.models import ModelStore
    from omega_jupyter.store.store import Store

__all__ = ["Omega"]


class Omega:
    """Data sets, models and the runtime of one user.

    Nothing is connected or started before it is used.

    Parameters
    ----------
    mongo_url : str, optional
        ``mongodb://user:password@host/database``. Default: the environment
        (``OMEGA_MONGO_URL``), then the configuration file, then local services:
        a MongoDB and a worker that are started on first use.
    broker_url : str, optional
        ``amqp://…``; default: the MongoDB carries the messages.
    result_backend : str, optional
        The database of the task records; default: that of ``mongo_url``.
    queue : str, optional
        The queue that tasks are sent to; default ``omega``.
    notify : callable, optional
        Called with one line of text when services are being started; default:
        it is printed to the standard error.
    **settings
        Further fields of :class:`~omega_jupyter.config.OmegaConfig`.

    Raises
    ------
    Invalid
        A setting can't be used.

    Examples
    --------
    >>> om = Omega()
    >>> om.datasets.put(X, "X")
    >>> om.models.put(LogisticRegression(), "mymodel")
    >>> om.runtime.model("mymodel").fit("X", "y").get()
    """

    def __init__(
        self,
        mongo_url: str | SecretUrl | None = None,
        broker_url: str | SecretUrl | None = None,
        result_backend: str | SecretUrl | None = None,
        *,
        queue: str | None = None,
        notify: Callable[[str], None] | None = None,
        **settings: object,
    ) -> None:
        self.config = OmegaConfig.load(
            mongo_url=mongo_url,
            broker_url=broker_url,
            result_backend=result_backend,
            queue=queue,
            **settings,
        )
        if self.config.broker_url is not None and self.config.mongo_url is None:
            raise Invalid(
                f"broker_url is set ({self.config.origins['broker_url']}) but mongo_url is not",
                hint="set OMEGA_MONGO_URL too: models and data are kept there",
            )
        self._notify = notify or _to_stderr

    @property
    def mongo_url(self) -> SecretUrl:
        """The database in use; local services are started where nothing is configured."""
        if self.config.mongo_url is not None:
            return self.config.mongo_url
        from omega_jupyter.local.services import LocalServices

        return LocalServices(self.config).ensure(self._notify)

    @property
    def broker_url(self) -> SecretUrl:
        """The broker in use: RabbitMQ, or the MongoDB itself."""
        return self.config.broker_url or self.mongo_url

    @property
    def datasets(self) -> DatasetStore:
        """The stored data sets."""
        from omega_jupyter.store.datasets import DatasetStore

        return DatasetStore(self.mongo_url)

    @property
    def models(self) -> ModelStore:
        """The stored models."""
        return self._models(self.mongo_url)

    @property
    def store(self) -> Store:
        """All that is stored: check it, collect garbage, see what takes how much room."""
        from omega_jupyter.store.store import Store

        return Store(self.mongo_url)

    @property
    def runtime(self) -> OmegaRuntime:
        """Models whose methods run on workers, and the tasks that run."""
        from omega_jupyter.runtime.runtime import OmegaRuntime
        from omega_jupyter.runtime.submission import Submitter
        from omega_jupyter.store.datasets import DatasetStore

        mongo_url = self.mongo_url
        return OmegaRuntime(
            Submitter(
                config=self.config,
                mongo_url=mongo_url,
                broker_url=self.config.broker_url or mongo_url,
                result_backend=self.config.result_backend or mongo_url,
                datasets=DatasetStore(mongo_url),
                models=self._models(mongo_url),
                queue=self.config.queue,
            )
        )

    def _models(self, mongo_url: SecretUrl) -> ModelStore:
        from omega_jupyter.store.models import ModelStore

        return ModelStore(
            mongo_url, trusted=self.config.trusted, allow_joblib=self.config.allow_joblib
        )

    def __repr__(self) -> str:
        return f"Omega({str(self.config.mongo_url or 'local services')!r})"


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
