"""scikit-learn's estimators and pipelines, in the skops format."""

from __future__ import annotations

import platform
from typing import Any
from zipfile import BadZipFile

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.codecs.codec import Codec, Part
from omega_jupyter.store.file_segment import FileSegment
from omega_jupyter.store.payload import Encoded, Source
from omega_jupyter.store.spool import SpoolSegment, spooled
from omega_jupyter.store.trust import check_trust

__all__ = ["EstimatorCodec", "environment"]

# What skops raises where a file is none, or its types have changed since.
_UNREADABLE = (BadZipFile, ImportError, AttributeError, KeyError, ValueError, TypeError)
_RECORDED = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
_METHODS = ("fit", "predict", "transform", "fit_predict", "fit_transform")


class EstimatorCodec(Codec):
    """An estimator as a skops file, its hash, its parameters and its environment."""

    store = "models"
    kind = "estimator"

    def accepts(self, obj: Any) -> bool:
        """Accept what has parameters and can be fitted, but no classes."""
        return (
            not isinstance(obj, type)
            and callable(getattr(obj, "get_params", None))
            and any(callable(getattr(obj, method, None)) for method in _METHODS)
        )

    def encode(self, obj: Any) -> Encoded:
        """Write the skops file.

        Raises
        ------
        Invalid
            skops can't write something in the model.
        """
        import skops.io

        kind = type(obj)
        try:
            segment = SpoolSegment(lambda file: skops.io.dump(obj, file), f"The {kind.__name__}")
        except (TypeError, AttributeError, ValueError, RecursionError, OSError) as error:
            raise Invalid(
                f"The {kind.__name__} can't be stored: {error}",
                hint="parameters and attributes must be of scikit-learn, numpy, scipy or plain",
            ) from error
        return described(obj, {"format": "skops", "size": segment.size}, segment)

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Check the hash and the types, then load the model.

        Raises
        ------
        Invalid
            The stored bytes were changed.
        Untrusted
            It holds types that neither the loader nor `part` trusts.
        """
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException

        from omega_jupyter.store.soundness import check_trees

        self.only_whole(part, what)
        types: list[str] = []
        try:
            with spooled(source, 0, 0, int(body["size"]), body["sha256"], what) as file:
                types = check_trust(what, skops.io.get_untrusted_types(file=file), part.trusted)
                file.seek(0)
                model = skops.io.load(file, trusted=types)
        except UntrustedTypesFoundException as error:
            raise Untrusted(f"Model {what} is refused: {error}", types=types) from error
        except _UNREADABLE as error:
            raise Invalid(
                f"Model {what} can't be loaded here: {error}",
                hint="`%omega info` shows the versions that it was stored with",
            ) from error
        check_trees(model, what)
        return model


def described(model: Any, body: dict[str, Any], segment: FileSegment) -> Encoded:
    """Return an estimator ready to be stored as one file, whose hash the body will have."""
    encoded = Encoded(
        type=_public_name(type(model)),
        body=body,
        segments=[segment],
        params=parameters(model),
        environment=environment(),
    )
    encoded.finish = lambda: encoded.body.update(sha256=segment.digest)
    return encoded


def environment() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a model depends on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def parameters(model: Any) -> dict[str, Any]:
    """Return an estimator's parameters as JSON values, else their ``repr``."""
    # Nested estimators appear as a whole under their own name.
    return {name: _shown(value) for name, value in model.get_params(deep=False).items()}


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) is int and abs(value) < 1 << 63:
        return value
    if type(value) is float and value - value == 0:
        return value
    if type(value) in (list, tuple) and len(value) <= 20:
        return [_shown(item) for item in value]
    return repr(value)[:1000]


def _public_name(kind: type) -> str:
    """Return where users import a class from: ``sklearn.svm.SVC``, not ``sklearn.svm._classes``."""
    parts = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*parts, kind.__qualname__])
