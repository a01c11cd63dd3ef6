"""Estimators of the user's own modules, and packages that bring a codec of their own."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.store.models import ModelStore

X, y = load_iris(return_X_y=True)

MODULE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Clipper(TransformerMixin, BaseEstimator):
    def __init__(self, low=0.0):
        self.low = low

    def fit(self, X, y=None):
        self.high_ = X.max(axis=0)
        return self

    def transform(self, X):
        return X.clip(self.low, self.high_)
"""


def test_estimator_of_the_users_own_module_needs_trust_and_the_module(
    shared_models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "our_scaling.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    module: Any = importlib.import_module("our_scaling")
    model = make_pipeline(module.Clipper(1.0), LogisticRegression(max_iter=500)).fit(X, y)
    shared_models.put(model, "m")

    with pytest.raises(Untrusted, match=r"our_scaling\.Clipper") as caught:
        shared_models.get("m")
    found = shared_models.get("m", trusted=caught.value.types)
    np.testing.assert_array_equal(found.predict(X), model.predict(X))
    monkeypatch.delitem(sys.modules, "our_scaling")
    (tmp_path / "our_scaling.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(Invalid, match=r"can't be loaded here: No module named 'our_scaling'"):
        shared_models.get("m", trusted=caught.value.types)


PACKAGE = """
import json

from sklearn.base import BaseEstimator, TransformerMixin

from omega_jupyter.store.codecs.codec import Codec
from omega_jupyter.store.payload.payload import Buffers, Encoded


class Table:
    __slots__ = ("rows",)

    def __init__(self, rows):
        self.rows = rows

    def __reduce__(self):
        raise TypeError("only its own package can keep it")


class TableCodec(Codec):
    store = "models"
    kind = "own-table"

    def accepts(self, obj):
        return type(obj) is Table

    def encode(self, obj):
        data = json.dumps(obj.rows).encode()
        return Encoded("own.Table", {"size": len(data)}, [Buffers([data])])

    def decode(self, source, body, part, what):
        return Table(json.loads(source.buffer(0, 0, body["size"])))


class Adder(TransformerMixin, BaseEstimator):
    def __init__(self, table=None):
        self.table = table

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X + self.table.rows[0]
"""

USE = """
import sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from omega_jupyter.config import SecretUrl
from omega_jupyter.store.models import ModelStore
from own_package import Adder, Table

models = ModelStore(SecretUrl(sys.argv[1]), trusted=["own_package.Adder"])
X = np.arange(12.0).reshape(4, 3)
model = make_pipeline(StandardScaler(), Adder(Table([1.5]))).fit(X)
models.put(model, "m")
found = models.get("m")
assert found[1].table.rows == [1.5]
np.testing.assert_array_equal(found.transform(X), model.transform(X))
print("the same")
"""


def test_codec_of_an_installed_package_serves_within_a_pipeline(
    mongo_url: str, tmp_path: Path
) -> None:
    (tmp_path / "own_package.py").write_text(PACKAGE)
    installed = tmp_path / "own_package-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[omega_jupyter.codecs]\ntable = own_package:TableCodec\n"
    )
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"

    shown = subprocess.run(
        [sys.executable, "-c", path + USE, mongo_url], capture_output=True, text=True, check=False
    )

    assert shown.stdout.strip() == "the same", shown.stderr
