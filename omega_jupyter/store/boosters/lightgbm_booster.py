"""LightGBM's boosters in LightGBM's own format: what an LGBMClassifier and its like hold."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from typing import Any, ClassVar

from omega_jupyter.errors import Invalid
from omega_jupyter.store.boosters.booster import BoosterCodec
from omega_jupyter.store.boosters.lightgbm_trees import lightgbm_model_is_sound
from omega_jupyter.store.model.environment import environment
from omega_jupyter.store.model.soundness import unsound
from omega_jupyter.store.payload.payload import Buffers, Encoded
from omega_jupyter.store.values import typed

__all__ = ["LightGBMCodec"]

# What users look at, and the model's text does not hold.
_STATE = ("best_iteration", "params", "pandas_categorical", "train_set_version")


class LightGBMCodec(BoosterCodec):
    """A booster as LightGBM's text, which holds the trees, and the rest as typed JSON."""

    kind: ClassVar[str] = "lightgbm"
    library: ClassVar[str] = "LightGBM"

    def encode(self, obj: Any) -> Encoded:
        """Let LightGBM write the model.

        Raises
        ------
        Invalid
            Its parameters hold something that is not plain, such as a function, or it
            is of a sort that would be refused when it is loaded.
        """
        # All trees, also those after the best iteration.
        model = obj.model_to_string(num_iteration=-1)
        if not lightgbm_model_is_sound(model):
            raise self.unknown()
        text = model.encode()
        state = {name: getattr(obj, name) for name in _STATE if hasattr(obj, name)}
        state["best_score"] = {name: dict(scores) for name, scores in obj.best_score.items()}
        try:
            described = typed.dumps(state)
        except typed.Refused as error:
            raise Invalid(
                f"The lightgbm.Booster can't be stored: its state {error}",
                hint="use objectives and metrics by their names",
            ) from None
        return Encoded(
            type="lightgbm.Booster",
            body={
                "size": len(text),
                "state": described,
                "sha256": hashlib.sha256(text).hexdigest(),
            },
            segments=[Buffers([text])],
            environment=environment(["lightgbm"]),
        )

    def read(self, library: Any, data: bytearray, body: dict[str, Any], what: str) -> Any:
        """Take the trees from the text, and the rest from the description."""
        text = data.decode("utf-8", "replace")
        if not lightgbm_model_is_sound(text):
            raise unsound(what)
        try:
            booster = library.Booster(model_str=text)
        except library.basic.LightGBMError as error:
            raise self.unreadable(what, error) from error
        state = typed.loads(body["state"])
        scores = {name: OrderedDict(found) for name, found in state.pop("best_score").items()}
        booster.best_score = defaultdict(OrderedDict, scores)
        for name in _STATE:
            if name in state:
                setattr(booster, name, state[name])
        return booster
