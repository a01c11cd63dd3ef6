"""A model that an intruder wrote into the database runs nothing, and is refused in our words."""

from __future__ import annotations

import functools
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge


def skops_file(schema: Any) -> bytes:
    """Return a skops file with this description."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("schema.json", json.dumps(schema))
    return target.getvalue()


def test_function_behind_a_right_hash_is_refused(models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, skops.io.dumps(FunctionTransformer(os.system)))

    with pytest.raises(Untrusted) as caught:
        models.get("m")
    assert caught.value.types == ["posix.system"]


def test_call_behind_a_right_hash_is_refused_and_not_made(
    models: ModelStore, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    models.put(LogisticRegression(), "m")
    forge(models, skops.io.dumps(FunctionTransformer(functools.partial(os.mkdir, str(marker)))))

    with pytest.raises(Untrusted):
        models.get("m")
    assert not marker.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip file",
        b"",
        skops_file({}),
        skops_file([]),
        skops_file({"__class__": "LogisticRegression"}),
        skops_file({"__loader__": "NoSuchNode", "__module__": "os", "__class__": "system"}),
    ],
    ids=["text", "nothing", "no schema", "a list", "no loader", "unknown loader"],
)
def test_file_that_is_no_model_is_refused(data: bytes, models: ModelStore) -> None:
    models.put(LogisticRegression(), "m")
    forge(models, data)

    with pytest.raises((Invalid, Untrusted), match="m@1"):
        models.get("m")
