"""Estimators as joblib writes them: pickles, where the operator turned them on."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.files.spool import SpoolSegment, spooled
from omega_jupyter.store.model.estimator import EstimatorCodec, described
from omega_jupyter.store.model.kinds import SKOPS_ERRORS
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source

__all__ = ["JoblibCodec"]

# What unpickling raises where classes are missing or have changed.
_UNREADABLE = (
    pickle.UnpicklingError,
    ImportError,
    AttributeError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    EOFError,
)


class JoblibCodec(Codec):
    """An estimator as a joblib file, which runs code when it is loaded.

    It is never chosen by itself, and reads only where the reader's own settings
    allow it: what the database says does not count.
    """

    store: ClassVar[str] = "models"
    kind: ClassVar[str] = "joblib"

    def accepts(self, obj: Any) -> bool:
        """Say no: this format is asked for by name."""
        return False

    def encode(self, obj: Any) -> Encoded:
        """Write the joblib file.

        Raises
        ------
        Invalid
            It is no estimator, or something in it can't be pickled; named.
        """
        import joblib

        from omega_jupyter.store.model.fault import fault

        kind = type(obj).__name__
        if not EstimatorCodec().accepts(obj):
            raise Invalid(f"A {kind} is not a scikit-learn estimator")
        try:
            segment = SpoolSegment(lambda file: joblib.dump(obj, file), f"The {kind}")
        except SKOPS_ERRORS as error:
            raise fault(obj, obj, error, pickle.dumps) from error
        return described(obj, {"size": segment.size}, segment)

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Ask the reader's settings, check the hash, and only then load the model.

        Raises
        ------
        Untrusted
            joblib is not turned on here. Nothing was run.
        Invalid
            The stored bytes were changed, or can't be loaded here.
        """
        self.only_whole(part, what)
        if not part.allow_joblib:
            raise Untrusted(
                f"Model {what} is a joblib file, which runs code when it is loaded, "
                "and joblib is not turned on here",
                types=[],
                hint="if you know who wrote it: Omega(allow_joblib=True); "
                "for workers their operator sets OMEGA_ALLOW_JOBLIB=1",
            )
        import joblib

        with spooled(source, int(body["size"]), body["sha256"], what) as file:
            try:
                return joblib.load(file)
            except _UNREADABLE as error:
                raise Invalid(
                    f"Model {what} can't be loaded here: {type(error).__name__}: {error}",
                    hint="`%omega info` shows the versions that it was stored with",
                ) from error
