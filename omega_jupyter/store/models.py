"""The models: scikit-learn's estimators and pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Part
from omega_jupyter.store.metadata import Metadata
from omega_jupyter.store.names import ObjectName
from omega_jupyter.store.objects import ObjectStore, plain_attributes

__all__ = ["ModelStore"]


class ModelStore(ObjectStore):
    """Named, versioned models.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    trusted : sequence of str
        Types beyond the loader's own list that a model may hold, as
        ``module.Class``.

    Examples
    --------
    >>> om.models.put(LogisticRegression(), "mymodel")
    >>> om.models.get("mymodel@-1")
    """

    store = "models"

    def __init__(self, url: SecretUrl, trusted: Sequence[str] = ()) -> None:
        super().__init__(url)
        self._trusted = tuple(trusted)

    def put(
        self,
        obj: Any,
        name: str,
        *,
        attributes: Mapping[str, Any] | None = None,
        if_exists: str = "replace",
        task: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Metadata:
        """Store an estimator as a new version.

        Parameters
        ----------
        obj : estimator
            Fitted or not.
        name : str
            With ``/`` for folders.
        attributes : mapping, optional
            Your own notes, plain JSON.
        if_exists : {'replace', 'fail'}
            What to do where the name exists: add a version, or refuse.
        task : str, optional
            Idempotency key: a second put with it publishes nothing.
        inputs : mapping, optional
            What it was made of: role to ``name@version``.

        Returns
        -------
        Metadata
            Of the new version, with parameters and environment.

        Raises
        ------
        Invalid
            It is no estimator, or something in it can't be stored.
        Conflict
            The name exists, and ``if_exists='fail'``.
        """
        return self._put(
            obj, name, attributes=attributes, if_exists=if_exists, task=task, inputs=inputs
        )

    def get(self, name: str, *, version: int | None = None, trusted: Sequence[str] = ()) -> Any:
        """Load a model.

        Parameters
        ----------
        name : str
            May carry a version: ``"mymodel@3"``.
        version : int, optional
            Negative counts from the latest, which is -1.
        trusted : sequence of str
            Types beyond the loader's own list that it may hold.

        Returns
        -------
        estimator
            With the same predictions as the one that was put.

        Raises
        ------
        NotFound
            The name or version does not exist.
        Untrusted
            It holds types that are not trusted. Nothing of it was run.
        Invalid
            The stored content was changed.
        """
        parsed = ObjectName.parse(name)
        if parsed.columns is not None or parsed.exclude is not None:
            raise Invalid(f"A model has no columns to choose: {name!r}", hint=f"{parsed.name!r}")
        wanted = parsed.version if version is None else version
        metadata = self._catalog.find(self.store, parsed.name, wanted)
        return self.get_version(metadata, trusted=trusted)

    def get_version(self, metadata: Metadata, *, trusted: Sequence[str] = ()) -> Any:
        """Load a model that the catalog has found already.

        Parameters
        ----------
        metadata : Metadata
            From :meth:`metadata` or :meth:`Catalog.resolve`.
        trusted : sequence of str
            As for :meth:`get`.

        Returns
        -------
        estimator
        """
        return self._get(metadata, Part(trusted=(*self._trusted, *trusted)))

    def add_score(self, model: Metadata | str, score: Mapping[str, Any]) -> None:
        """Note a score of one version of a model.

        Parameters
        ----------
        model : Metadata or str
            The version, such as ``"mymodel@3"``; without one: the latest.
        score : mapping
            Plain JSON. A second one with the same ``task`` is not added.

        Raises
        ------
        NotFound
            There is no such version.
        """
        if isinstance(model, str):
            model = self.metadata(model)
        self._catalog.add_score(self.store, model.name, model.version, plain_attributes(score))
