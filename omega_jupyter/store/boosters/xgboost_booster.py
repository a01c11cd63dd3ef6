"""XGBoost's boosters in XGBoost's own format: what an XGBClassifier and its like hold."""

from __future__ import annotations

from typing import Any, ClassVar

from omega_jupyter.store.boosters.booster import BoosterCodec
from omega_jupyter.store.boosters.xgboost_trees import xgboost_model_is_sound
from omega_jupyter.store.files.file_segment import FileSegment
from omega_jupyter.store.model.environment import environment
from omega_jupyter.store.model.soundness import unsound
from omega_jupyter.store.payload.payload import Encoded
from omega_jupyter.store.payload.stream import Joined

__all__ = ["XGBoostCodec"]


class XGBoostCodec(BoosterCodec):
    """A booster as UBJSON, which holds trees and attributes; its configuration, JSON, behind."""

    kind: ClassVar[str] = "xgboost"
    library: ClassVar[str] = "XGBoost"

    def encode(self, obj: Any) -> Encoded:
        """Let XGBoost write the model.

        Raises
        ------
        Invalid
            It is of a sort that would be refused when it is loaded.
        """
        model, config = obj.save_raw("ubj"), obj.save_config().encode()
        if not xgboost_model_is_sound(model, config.decode()):
            raise self.unknown()
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

    def read(self, library: Any, data: bytearray, body: dict[str, Any], what: str) -> Any:
        """Take the configuration off its end, and the model from what is left."""
        config = data[int(body["model"]) :].decode("utf-8", "replace")
        # In place: there are no two copies of a large model.
        del data[int(body["model"]) :]
        if not xgboost_model_is_sound(data, config):
            raise unsound(what)
        try:
            booster = library.Booster(model_file=data)
            booster.load_config(config)
        except library.core.XGBoostError as error:
            raise self.unreadable(what, error) from error
        return booster
