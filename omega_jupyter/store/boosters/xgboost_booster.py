"""XGBoost's boosters in XGBoost's own format: what is fitted in an XGBClassifier and its like.

The estimators around them are scikit-learn's, and kept as those are.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from omega_jupyter.errors import Invalid
from omega_jupyter.store.boosters.xgboost_trees import xgboost_model_is_sound
from omega_jupyter.store.codecs.codec import Codec, module_of
from omega_jupyter.store.files.file_segment import FileSegment
from omega_jupyter.store.files.spool import check_hash
from omega_jupyter.store.model.environment import environment
from omega_jupyter.store.model.soundness import unsound
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import Encoded, Source
from omega_jupyter.store.payload.stream import Joined

__all__ = ["XGBoostCodec"]


class XGBoostCodec(Codec):
    """A booster as UBJSON, which holds trees and attributes; its configuration, JSON, behind."""

    store: ClassVar[str] = "models"
    kind: ClassVar[str] = "xgboost"

    def accepts(self, obj: Any) -> bool:
        """Accept Booster itself."""
        return module_of(obj) == "xgboost" and type(obj).__name__ == "Booster"

    def encode(self, obj: Any) -> Encoded:
        """Let XGBoost write the model.

        Raises
        ------
        Invalid
            It is of a sort that would be refused when it is loaded.
        """
        model, config = obj.save_raw("ubj"), obj.save_config().encode()
        if not xgboost_model_is_sound(model, config.decode()):
            raise unknown("XGBoost")
        size = len(model) + len(config)
        segment = FileSegment(Joined([memoryview(model), memoryview(config)]), size)
        encoded = Encoded(
            type="xgboost.Booster",
            body={"size": size, "model": len(model)},
            segments=[segment],
            environment=environment(["xgboost"]),
        )
        encoded.finish = lambda: encoded.body.update(sha256=segment.digest)
        return encoded

    def decode(self, source: Source, body: dict[str, Any], part: Part, what: str) -> Any:
        """Check the hash, then let XGBoost read the model.

        Raises
        ------
        Invalid
            The stored bytes were changed, or XGBoost is missing or can't read them.
        """
        self.only_whole(part, what)
        data = source.buffer(0, 0, int(body["size"]))
        check_hash(hashlib.sha256(data).hexdigest(), body["sha256"], what)
        xgboost = import_library("xgboost", what)
        config = data[int(body["model"]) :].decode("utf-8", "replace")
        # In place: there are no two copies of a large model.
        del data[int(body["model"]) :]
        if not xgboost_model_is_sound(data, config):
            raise unsound(what)
        try:
            booster = xgboost.Booster(model_file=data)
            booster.load_config(config)
        except xgboost.core.XGBoostError as error:
            raise unreadable("XGBoost", what, error) from error
        return booster


def import_library(name: str, what: str) -> Any:
    """Return the library that a model needs.

    Raises
    ------
    Invalid
        It is not installed here.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise Invalid(
            f"Model {what} needs {name}, which is not installed here: {error}",
            hint=f"pip install {name}",
        ) from error


def unknown(library: str) -> Invalid:
    """Make the error for a model that would not be loaded again."""
    return Invalid(
        f"The booster can't be stored: its trees are not of the sort that is known of {library}",
        hint="format='joblib' keeps it, where the operator turned joblib on",
    )


def unreadable(library: str, what: str, error: Exception) -> Invalid:
    """Make the error for a model that its library does not take."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    return Invalid(
        f"{library} can't read model {what}: {said[0]}",
        hint="`%omega info` shows the versions that it was stored with",
    )
