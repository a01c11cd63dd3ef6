"""Estimators of XGBoost, LightGBM, imbalanced-learn and the user's own come back as they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor, early_stopping
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier
from xgboost.callback import EarlyStopping

from omega_jupyter.errors import Invalid, Untrusted
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.schema import versions
from omega_jupyter.store.model.trust import is_trusted
from omega_jupyter.store.models import ModelStore
from tests.store.forged import forge

X, y = load_iris(return_X_y=True, as_frame=True)
X.columns = [name.replace(" ", "_") for name in X.columns]
NAMED = np.array(["setosa", "versicolor", "virginica"])[y]
QUIET = {"verbose": -1, "n_estimators": 5, "n_jobs": 1}

ESTIMATORS: dict[str, Any] = {
    "xgboost classifier": XGBClassifier(n_estimators=5, max_depth=2),
    "xgboost regressor, dart": XGBRegressor(n_estimators=5, booster="dart"),
    "xgboost, linear": XGBRegressor(n_estimators=5, booster="gblinear"),
    "xgboost forest": XGBRFClassifier(n_estimators=5),
    "lightgbm classifier": LGBMClassifier(**QUIET),
    "lightgbm regressor, linear trees": LGBMRegressor(**QUIET, linear_tree=True),
    "lightgbm forest": LGBMRegressor(**QUIET, boosting_type="rf", subsample=0.5, subsample_freq=1),
    "pipeline": make_pipeline(StandardScaler(), XGBClassifier(n_estimators=3)),
    "search": GridSearchCV(LGBMClassifier(**QUIET), {"num_leaves": [3, 7]}, cv=2),
    "search among estimators": GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        {"logisticregression": [XGBClassifier(n_estimators=3), LGBMClassifier(**QUIET)]},
        cv=2,
    ),
    "voting": VotingClassifier(
        [("x", XGBClassifier(n_estimators=3)), ("l", LGBMClassifier(**QUIET))], voting="soft"
    ),
    "stacking": StackingClassifier([("x", XGBClassifier(n_estimators=3))], cv=2),
    "calibrated": CalibratedClassifierCV(LGBMClassifier(**QUIET), cv=2),
    "imbalanced pipeline": make_imbalanced_pipeline(
        SMOTE(random_state=0), LogisticRegression(max_iter=500)
    ),
    "imbalanced forest": BalancedRandomForestClassifier(5, random_state=0),
}


def fitted_attributes(model: Any) -> dict[str, Any]:
    found = {}
    for name in dir(model):
        if name.endswith("_") and not name.startswith("_"):
            try:
                found[name] = getattr(model, name)
            except AttributeError:
                continue
    return found


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_predicts_as_before(name: str, shared_models: ModelStore) -> None:
    model = ESTIMATORS[name].fit(X, y)

    shared_models.put(model, "m")

    found = shared_models.get("m")
    assert type(found) is type(model)
    assert str(found.get_params()) == str(model.get_params())
    np.testing.assert_array_equal(found.predict(X), model.predict(X))
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("estimator", [XGBClassifier(n_estimators=3), LGBMClassifier(**QUIET)])
def test_estimator_that_is_not_fitted_is_kept(estimator: Any, shared_models: ModelStore) -> None:
    metadata = shared_models.put(estimator, "m")

    assert metadata.kind == "estimator"
    assert str(shared_models.get("m").get_params()) == str(estimator.get_params())


def test_xgboost_keeps_what_users_look_at(shared_models: ModelStore) -> None:
    model = XGBClassifier(n_estimators=50, early_stopping_rounds=2, eval_metric="mlogloss")
    model.fit(X[::2], y[::2], eval_set=[(X[1::2], y[1::2])], verbose=False)

    metadata = shared_models.put(model, "m")

    found = shared_models.get("m")
    assert metadata.type == "xgboost.sklearn.XGBClassifier"
    assert "xgboost" in metadata.environment
    assert found.best_iteration == model.best_iteration
    assert found.best_score == model.best_score
    assert found.evals_result() == model.evals_result()
    assert list(found.feature_names_in_) == list(X.columns)
    attributes = fitted_attributes(model)
    assert set(attributes) >= {"classes_", "n_features_in_", "feature_importances_"}
    for name, value in attributes.items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    booster = found.get_booster()
    assert booster.save_config() == model.get_booster().save_config()
    assert booster.attributes() == model.get_booster().attributes()


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_lightgbm_keeps_what_users_look_at(shared_models: ModelStore) -> None:
    model = LGBMClassifier(verbose=-1, n_estimators=50, n_jobs=1)
    model.fit(
        X[::2],
        NAMED[::2],
        eval_set=[(X[1::2], NAMED[1::2])],
        callbacks=[early_stopping(2, verbose=False)],
    )

    metadata = shared_models.put(model, "m")

    found = shared_models.get("m")
    assert metadata.type == "lightgbm.sklearn.LGBMClassifier"
    assert "lightgbm" in metadata.environment
    attributes = fitted_attributes(model)
    assert set(attributes) >= {"classes_", "n_features_in_", "feature_importances_", "best_score_"}
    for name, value in attributes.items():
        if name != "booster_":
            np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    assert found.best_iteration_ == model.best_iteration_ < 50
    assert found.booster_.num_trees() == model.booster_.num_trees()
    assert found.booster_.best_score == model.booster_.best_score
    assert found.booster_.params == model.booster_.params
    assert list(found.predict(X)) == list(model.predict(X))


@pytest.mark.parametrize(
    "model",
    [XGBClassifier(n_estimators=4, enable_categorical=True), LGBMClassifier(**QUIET)],
    ids=["xgboost", "lightgbm"],
)
def test_categories_are_kept(model: Any, shared_models: ModelStore) -> None:
    data = X.assign(colour=pd.Categorical(np.array(["red", "green", "blue"])[(y + 1) % 3]))
    model.fit(data, y)

    shared_models.put(model, "m")

    np.testing.assert_array_equal(
        shared_models.get("m").predict_proba(data), model.predict_proba(data)
    )


@pytest.mark.parametrize(
    "model",
    [XGBClassifier(n_estimators=4, random_state=0), LGBMClassifier(**QUIET, random_state=0)],
    ids=["xgboost", "lightgbm"],
)
def test_loaded_model_may_be_fitted_anew_and_further(model: Any, shared_models: ModelStore) -> None:
    model.fit(X, y)
    shared_models.put(model, "m")
    key = "xgb_model" if isinstance(model, XGBClassifier) else "init_model"

    found = shared_models.get("m")
    further = shared_models.get("m").fit(X, y, **{key: found})

    expected = type(model)(**model.get_params()).fit(X, y, **{key: model})
    np.testing.assert_array_equal(further.predict_proba(X), expected.predict_proba(X))
    found.fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))


def test_store_with_such_models_is_checked_and_archived(mongo_url: str, tmp_path: Path) -> None:
    om, archive = Omega(mongo_url), tmp_path / "models.omega"
    model = ESTIMATORS["voting"].fit(X, y)
    # More than a part of 1 MiB.
    rng = np.random.default_rng(0)
    noise = rng.random((3000, 4))
    large = XGBRegressor(n_estimators=80, max_depth=14, min_child_weight=0, n_jobs=1)
    large.fit(noise, rng.random(3000))
    om.models.put(model, "m")
    metadata = om.models.put(large, "large")
    assert metadata.size > 2_000_000

    assert om.store.check().ok
    om.store.export(archive)
    om.models.drop("m")
    om.store.import_(archive)

    np.testing.assert_array_equal(om.models.get("m").predict(X), model.predict(X))
    np.testing.assert_array_equal(om.models.get("large").predict(noise), large.predict(noise))
    assert om.store.check().ok


def test_ranker_and_several_outputs_are_kept(shared_models: ModelStore) -> None:
    ranker = LGBMRanker(**QUIET).fit(X, y, group=[50, 50, 50])
    several = MultiOutputRegressor(XGBRegressor(n_estimators=3)).fit(X, np.column_stack([y, -y]))

    for name, model in (("ranker", ranker), ("several", several)):
        shared_models.put(model, name)
        np.testing.assert_array_equal(shared_models.get(name).predict(X), model.predict(X))


def test_callback_of_xgboost_is_kept(shared_models: ModelStore) -> None:
    model = XGBClassifier(n_estimators=3, callbacks=[EarlyStopping(rounds=2)])

    shared_models.put(model, "m")

    (callback,) = shared_models.get("m").callbacks
    assert (type(callback), callback.rounds) == (EarlyStopping, 2)


def custom_objective(y_true: Any, y_pred: Any) -> Any:
    return y_pred - y_true, np.ones_like(y_true, dtype=float)


@pytest.mark.parametrize("kind", [XGBRegressor, LGBMRegressor])
def test_objective_of_the_users_own_needs_the_readers_trust(
    kind: Any, shared_models: ModelStore
) -> None:
    model = kind(n_estimators=3, objective=custom_objective)
    if kind is LGBMRegressor:
        model.set_params(verbose=-1)
    model.fit(X, y)
    shared_models.put(model, "m")
    name = f"{__name__}.custom_objective"

    with pytest.raises(Untrusted) as caught:
        shared_models.get("m")

    assert caught.value.types == [name]
    found = shared_models.get("m", trusted=[name])
    np.testing.assert_array_equal(found.predict(X), model.predict(X))


def test_booster_itself_is_kept(shared_models: ModelStore) -> None:
    booster = XGBClassifier(n_estimators=3).fit(X, y).get_booster()

    metadata = shared_models.put(booster, "m")

    assert (metadata.kind, metadata.type) == ("xgboost", "xgboost.Booster")
    assert shared_models.get("m").save_raw() == booster.save_raw()


@pytest.mark.parametrize(
    "model", [XGBClassifier(n_estimators=3), LGBMClassifier(**QUIET)], ids=["xgboost", "lightgbm"]
)
def test_booster_that_its_library_can_not_read_is_refused_in_our_words(
    model: Any, models: ModelStore
) -> None:
    models.put(model.fit(X, y), "m")
    stored = versions(models._url).find_one({"name": "m"})
    assert stored is not None
    for change in ({"sha256": "0" * 64}, {"size": 5}):
        body = stored["body"] | {"others": [dict(stored["body"]["others"][0])]}
        body["others"][0]["body"] = body["others"][0]["body"] | change
        forge(models, **{f"body_{key}": value for key, value in body.items()})

        with pytest.raises(Invalid, match="m@1"):
            models.get("m")


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("xgboost.sklearn.XGBClassifier", True),
        ("xgboost.callback.EarlyStopping", True),
        ("lightgbm.sklearn.LGBMRegressor", True),
        ("imblearn.pipeline.Pipeline", True),
        ("xgboost.callback.TrainingCheckPoint", False),
        ("xgboost.core.Booster", False),
        ("lightgbm.basic.Booster", False),
        ("xgboost.training.train", False),
        ("xgboost.collective.communicator_print", False),
        ("lightgbm.callback.record_evaluation", False),
        ("imblearn.utils.estimator_checks.check_samplers_fit", False),
        ("numpy.f2py.__main__.main", False),
    ],
)
def test_loaders_own_list_has_their_estimators_and_nothing_that_runs_code(
    name: str, trusted: bool
) -> None:
    assert is_trusted(name) is trusted


def test_nothing_of_the_libraries_is_imported_for_other_models() -> None:
    code = """
import sys
from sklearn.linear_model import LogisticRegression
from omega_jupyter.store.codecs.codec import codec_for
from omega_jupyter.store.payload.part import Part
from omega_jupyter.store.payload.payload import InlineSource, pack_inline
codec = codec_for(LogisticRegression(), "models")
encoded = codec.encode(LogisticRegression())
segments = [pack_inline(segment) for segment in encoded.segments]
encoded.finish()
print(codec.decode(InlineSource(segments), encoded.body, Part(), "m@1"))
print([name for name in ("xgboost", "lightgbm", "imblearn") if name in sys.modules])
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert shown.split("\n")[:2] == ["LogisticRegression()", "[]"]
