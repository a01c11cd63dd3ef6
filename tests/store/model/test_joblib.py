"""joblib files are written and loaded where the process' own settings allow it, nowhere else."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from omega_jupyter.config import OmegaConfig, SecretUrl
from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.omega import Omega
from omega_jupyter.store.files import spool
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge

X, y = load_iris(return_X_y=True)


class Marker(BaseEstimator):
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def fit(self, X: Any, y: Any = None) -> Marker:
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _marked, (self.path,)


def _marked(path: str) -> Marker:
    Path(path).mkdir()
    return Marker(path)


def pickled(model: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.fixture
def allowed(url: SecretUrl) -> ModelStore:
    return ModelStore(url, allow_joblib=True)


def test_what_skops_can_not_write_is_kept_with_joblib(allowed: ModelStore) -> None:
    fitted = Birch(n_clusters=2).fit(X)

    metadata = allowed.put(fitted, "m", format="joblib")

    assert metadata.kind == "joblib"
    assert metadata.type == "sklearn.cluster.Birch"
    assert metadata.params is not None
    assert metadata.params["n_clusters"] == 2
    np.testing.assert_array_equal(allowed.get("m").predict(X), fitted.predict(X))


def test_writing_needs_the_writers_setting(models: ModelStore) -> None:
    with pytest.raises(Invalid, match="joblib is not turned on") as caught:
        models.put(LogisticRegression(), "m", format="joblib")

    assert "OMEGA_ALLOW_JOBLIB" in str(caught.value.hint)
    assert not models.exists("m")


def test_reading_needs_the_readers_setting_and_runs_nothing_without(
    allowed: ModelStore, models: ModelStore, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    allowed.put(Marker(str(marker)), "m", format="joblib")

    with pytest.raises(Untrusted, match="m@1 is a joblib file") as caught:
        models.get("m", trusted=["joblib", f"{Marker.__module__}.Marker"])

    assert caught.value.types == []
    assert "OMEGA_ALLOW_JOBLIB=1" in str(caught.value.hint)
    assert not marker.exists()
    allowed.get("m")
    assert marker.exists()


def test_what_the_database_says_turns_nothing_on(models: ModelStore, tmp_path: Path) -> None:
    models.put(LogisticRegression(), "m")
    marker = tmp_path / "ran"

    forge(
        models,
        pickled(Marker(str(marker))),
        kind="joblib",
        allow_joblib=True,
        body_allow_joblib=True,
        body_format="joblib",
    )
    with pytest.raises(Untrusted):
        models.get("m")
    forge(models, kind="estimator")
    with pytest.raises(Invalid, match="m@1"):
        models.get("m")

    assert not marker.exists()


def test_skops_stays_what_is_written_where_joblib_is_allowed(
    allowed: ModelStore, models: ModelStore
) -> None:
    allowed.put(LogisticRegression(max_iter=500).fit(X, y), "m")

    assert models.get("m").score(X, y) > 0.9


def test_damaged_file_is_found_before_it_is_unpickled(allowed: ModelStore, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    allowed.put(LogisticRegression(), "m", format="joblib")

    forge(allowed, pickled(Marker(str(marker))))
    forge(allowed, body_sha256="0" * 64)
    with pytest.raises(Invalid, match="m@1 is damaged"):
        allowed.get("m")

    assert not marker.exists()


@pytest.mark.parametrize("data", [b"", b"no pickle", b"\x80\x05cno_such_module\nThing\n."])
def test_file_that_can_not_be_unpickled_is_refused_in_our_words(
    data: bytes, allowed: ModelStore
) -> None:
    allowed.put(LogisticRegression(), "m", format="joblib")
    forge(allowed, data)

    with pytest.raises(Invalid, match="m@1 can't be loaded here"):
        allowed.get("m")


def test_large_file_goes_through_a_temporary_one(
    allowed: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", 1 << 20)
    fitted = LogisticRegression(max_iter=500).fit(X, y)
    fitted.coef_ = np.random.default_rng(0).random((3, 200_000))

    metadata = allowed.put(fitted, "m", format="joblib")

    assert metadata.size > 4_800_000
    np.testing.assert_array_equal(allowed.get("m").coef_, fitted.coef_)


def test_what_can_not_be_pickled_or_is_no_model_writes_nothing(allowed: ModelStore) -> None:
    locked = make_pipeline(StandardScaler(), LogisticRegression(C=[threading.Lock()]))
    with pytest.raises(
        Invalid, match="step 'logisticregression', parameter 'C', item 0 holds a lock"
    ):
        allowed.put(locked, "m", format="joblib")
    with pytest.raises(Invalid, match="not a scikit-learn estimator"):
        allowed.put({"a": 1}, "m", format="joblib")
    with pytest.raises(Invalid, match="'pickle' is not 'skops' or 'joblib'"):
        allowed.put(LogisticRegression(), "m", format="pickle")

    assert allowed.list() == []


@pytest.mark.parametrize(("text", "on"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_operator_turns_it_on_by_a_setting(
    text: str, on: bool, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEGA_ALLOW_JOBLIB", text)
    om = Omega(mongo_url)

    assert om.config.allow_joblib is on
    if on:
        om.models.put(Birch(), "m", format="joblib")
        assert isinstance(om.models.get("m"), Birch)


def test_setting_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(Invalid, match="allow_joblib in keyword is not a switch"):
        OmegaConfig.load(allow_joblib="maybe")
