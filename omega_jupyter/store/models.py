"""The models: scikit-learn's estimators and pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omega_jupyter.config import SecretUrl
from omega_jupyter.errors import Invalid
from omega_jupyter.store.codecs.codec import Codec, codec_of_kind
from omega_jupyter.store.files.spool import check_hash
from omega_jupyter.store.model.environment import warn_of_mismatch
from omega_jupyter.store.names.names import one_version, whole_name
from omega_jupyter.store.names.succession import Succession
from omega_jupyter.store.objects import ObjectStore, Put
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.versions.attributes import plain_attributes
from omega_jupyter.store.versions.metadata import Metadata
from omega_jupyter.store.versions.writing import content_hash

__all__ = ["JOBLIB", "ModelStore"]

# Kind and format of models that run code when they are loaded.
JOBLIB = "joblib"


class ModelStore(ObjectStore):
    """Named, versioned models.

    Parameters
    ----------
    url : SecretUrl
        The user's own database.
    trusted : sequence of str
        Types beyond the loader's own list that a model may hold, as
        ``module.Class``.
    allow_joblib : bool
        Whether models may be stored with joblib, and such models loaded.

    Examples
    --------
    >>> om.models.put(LogisticRegression(), "mymodel")
    >>> om.models.get("mymodel@-1")
    """

    store = "models"

    def __init__(
        self, url: SecretUrl, trusted: Sequence[str] = (), *, allow_joblib: bool = False
    ) -> None:
        super().__init__(url)
        self._trusted = tuple(trusted)
        self._allow_joblib = allow_joblib

    def put(
        self,
        obj: Any,
        name: str,
        *,
        format: str = "skops",  # noqa: A002 - what it is called wherever models are stored
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
        format : {'skops', 'joblib'}
            How. ``'skops'`` runs nothing when it is loaded. ``'joblib'`` takes what
            skops can't, and runs what the file says: it must be turned on for the
            writer and for each reader (``allow_joblib``).
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
            It is no estimator, something in it can't be stored, or joblib is not
            turned on.
        Conflict
            The name exists, and ``if_exists='fail'``.
        """
        codec = self._codec_of_format(format)
        return self._put(
            obj,
            name,
            attributes=attributes,
            if_exists=if_exists,
            task=task,
            inputs=inputs,
            codec=codec,
        ).version

    def put_next(
        self,
        obj: Any,
        before: Succession,
        *,
        task: str,
        inputs: Mapping[str, str],
        attributes: Mapping[str, Any] | None = None,
    ) -> Put:
        """Store an estimator as what comes after a version, in the format that this one has.

        Parameters
        ----------
        obj : estimator
        before : Succession
            The version that it was made of.
        task, inputs, attributes
            As for :meth:`put`.

        Returns
        -------
        Put
        """
        kind = before.version.kind
        return self._put(
            obj,
            before.version.name,
            attributes=attributes,
            if_exists="replace",
            task=task,
            inputs=inputs,
            codec=self._codec_of_format(JOBLIB if kind == JOBLIB else "skops"),
            standing=before.standing,
        )

    def get(
        self, name: str, *, version: int | str | None = None, trusted: Sequence[str] = ()
    ) -> Any:
        """Load a model.

        Parameters
        ----------
        name : str
            May carry a version or tag: ``"mymodel@3"``, ``"mymodel@prod"``.
        version : int or str, optional
            Negative counts from the latest, which is -1; text is a tag.
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
            It holds types that are not trusted, or is a joblib file and joblib is not
            turned on. Nothing of it was run.
        Invalid
            The stored content was changed.

        Warns
        -----
        VersionMismatch
            It was stored with other versions of its libraries than there are here.
        """
        parsed = whole_name(name)
        _check_types(trusted)
        wanted = one_version(parsed, version)
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
        document = self._document(metadata)
        check_hash(
            content_hash(document["body"], document["segments"]), document["hash"], metadata.ref
        )
        part = Part(trusted=(*self._trusted, *trusted), allow_joblib=self._allow_joblib)
        warn_of_mismatch(metadata)
        return self._decode(document, part, metadata.ref)

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

    def _codec_of_format(self, name: str) -> Codec | None:
        """Return the codec that is asked for; None where the object decides."""
        if name == "skops":
            return None
        if name != JOBLIB:
            raise Invalid(f"format={name!r} is not 'skops' or 'joblib'")
        if not self._allow_joblib:
            raise Invalid(
                "joblib is not turned on here: its files run code when they are loaded",
                hint="Omega(allow_joblib=True) or OMEGA_ALLOW_JOBLIB=1 turns it on; "
                "every reader needs it too, workers included",
            )
        return codec_of_kind(JOBLIB)


def _check_types(trusted: Any) -> None:
    """Refuse what is no list of types: the letters of one type would trust nothing, unnoticed."""
    if isinstance(trusted, str):
        raise Invalid(
            f"trusted={trusted!r} is one type, and not a list of them",
            hint=f"trusted=[{trusted!r}]",
        )
    if not isinstance(trusted, Iterable) or not all(isinstance(name, str) for name in trusted):
        raise Invalid(
            f"trusted={trusted!r:.80} is no list of types", hint="trusted=['mycompany.Scaler']"
        )
