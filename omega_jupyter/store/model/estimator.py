"""scikit-learn's estimators and pipelines, in the skops format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.files.file_segment import FileSegment
from omega_jupyter.store.files.spool import SpoolSegment, check_hash, spool
from omega_jupyter.store.model.annex import read_annex
from omega_jupyter.store.model.attached import attach, attached
from omega_jupyter.store.model.environment import environment
from omega_jupyter.store.model.kinds import SKOPS_ERRORS
from omega_jupyter.store.model.skops_file import dump_skops, load_skops
from omega_jupyter.store.model.trust import check_trust
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source
from omega_jupyter.store.payload.stream import PayloadStream

__all__ = ["EstimatorCodec", "described"]

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
        """Take the model apart, and write a skops file and its annex.

        Raises
        ------
        Invalid
            Something in the model can't be stored; the message names it.
        """
        from omega_jupyter.store.model.fault import fault
        from omega_jupyter.store.model.outline import Outline

        outline = Outline(obj)
        annex, text = outline.annex, outline.annex.text()
        try:
            segment = SpoolSegment(
                lambda file: dump_skops(outline.root, file),
                f"The {type(obj).__name__}",
                [memoryview(text), *annex.buffers],
            )
        except SKOPS_ERRORS as error:
            raise fault(obj, outline.root, error) from error
        body = {
            "format": "skops",
            "size": segment.size,
            "file": segment.file_size,
            "annex": len(text),
        }
        encoded = described(obj, body, segment, outline.packages)
        if annex.others:
            attach(encoded, annex.others)
        return encoded

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Check the hash and the types, then put the model together.

        Raises
        ------
        Invalid
            The stored bytes were changed, or can't be loaded here.
        Untrusted
            It holds types that neither the loader nor `part` trusts.
        """
        from omega_jupyter.store.model.soundness import check_trees

        self.only_whole(part, what)
        with spool() as file, PayloadStream(source, int(body["size"])) as stream:
            stream.copy_to(file, int(body["file"]))
            text = stream.read(int(body["annex"]))
            beside = read_annex(text, stream, attached(source, body, part, what))
            check_hash(stream.digest(), body["sha256"], what)
            model = load_skops(
                file, beside, what, lambda found: check_trust(what, found, part.trusted)
            )
        check_trees(model, what)
        return model


def described(
    model: Any, body: dict[str, Any], segment: FileSegment, packages: Iterable[str] = ()
) -> Encoded:
    """Return an estimator ready to be stored in one segment, whose hash the body will have."""
    encoded = Encoded(
        type=_public_name(type(model)),
        body=body,
        segments=[segment],
        params=parameters(model),
        environment=environment(packages),
    )
    encoded.finish = lambda: encoded.body.update(sha256=segment.digest)
    return encoded


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
