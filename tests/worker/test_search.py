"""Searches and cross-validations are spread over the workers, and give what they give at home."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # what it is for
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from omega_jupyter.errors import Invalid, TaskCancelled, TaskFailed
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import connect
from omega_jupyter.store.upkeep.garbage import collect
from omega_jupyter.worker.search import Search
from tests.mongo_server import wait_for

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
GROUPS = pd.Series(np.arange(len(y)) % 7, name="g")
WEIGHTS = pd.Series(np.random.default_rng(0).uniform(1, 2, len(y)), name="w")
FOREST = RandomForestClassifier(60, random_state=0)  # its fits are long enough to be spread
SCALED = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
GRID = {"logisticregression__C": [0.01, 0.1, 1.0]}
# Each fit takes a moment, and hears of a cancel.
SLOW = DecisionTreeClassifier(random_state=0)
SLOW_GRID = {"min_samples_leaf": list(range(1, 1001))}


@pytest.fixture
def stored(om: Omega) -> Omega:
    for name, data in {"X": X, "y": y, "g": GROUPS, "w": WEIGHTS}.items():
        om.datasets.put(data, name)
    om.models.put(SCALED, "m")
    om.models.put(FOREST, "forest")
    om.models.put(SLOW, "slow")
    return om


def without_times(results: Any) -> pd.DataFrame:
    frame = pd.DataFrame(results)
    return frame[[name for name in frame if "_time" not in name]]


def same(remote: Any, home: Any) -> None:
    """The same to the last bit."""
    pd.testing.assert_frame_equal(
        without_times(remote), without_times(home), check_exact=True, check_dtype=False
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cv": 3, "return_train_score": True, "scoring": ["accuracy", "roc_auc"]},
        {"cv": KFold(4, shuffle=True, random_state=3), "scoring": "f1"},
        {"cv": list(ShuffleSplit(2, random_state=0).split(X))},
    ],
    ids=["default", "scores", "splitter", "splits"],
)
def test_cross_validation_gives_the_scores_of_scikit_learn(
    stored: Omega, options: dict[str, Any]
) -> None:
    remote = stored.runtime.model("m").cross_validate("X", "y", **options).get(60)

    home = cross_validate(SCALED, X, y, **options)
    assert list(remote) == list(home)
    same(remote, home)
    assert len(stored.models.versions("m")) == 1


def test_spread_cross_validation_gives_the_same_scores(stored: Omega) -> None:
    options: dict[str, Any] = {"cv": 10, "scoring": ["accuracy", "roc_auc"]}
    task = stored.runtime.model("forest").cross_validate(
        "X", "y", groups="g", sample_weight="w", **options
    )

    same(task.get(90), cross_validate(FOREST, X, y, params={"sample_weight": WEIGHTS}, **options))
    assert stored.runtime.tasks(parent=task)


def test_cross_validation_takes_groups_and_weights_by_name(stored: Omega) -> None:
    stored.models.put(Ridge(), "ridge")

    task = stored.runtime.model("ridge").cross_validate(
        "X", "y", cv=GroupKFold(7), groups="g", sample_weight="w"
    )

    weights = {"sample_weight": WEIGHTS}
    same(
        task.get(60), cross_validate(Ridge(), X, y, cv=GroupKFold(7), groups=GROUPS, params=weights)
    )


def test_grid_search_gives_the_results_of_scikit_learn(stored: Omega) -> None:
    home = GridSearchCV(SCALED, GRID, return_train_score=True).fit(X, y)

    task = stored.runtime.model("m").grid_search("X", "y", param_grid=GRID, return_train_score=True)
    found = task.get(60)

    same(found.cv_results_, home.cv_results_)
    assert found.best_params_ == home.best_params_
    assert (found.best_score_, found.best_index_) == (home.best_score_, home.best_index_)
    assert found.model.ref == "m@2"
    assert found.model.attributes["best_params"] == home.best_params_
    best = stored.models.get("m")
    np.testing.assert_array_equal(best[-1].coef_, home.best_estimator_[-1].coef_)
    assert "best score" in repr(found)
    assert "<table" in found._repr_html_()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the .* scores are non-finite")
def test_spread_search_gives_the_results_of_scikit_learn(stored: Omega) -> None:
    grid = {"max_depth": [2, 4, 8], "max_features": ["sqrt", -1]}  # the last one fails
    home = GridSearchCV(FOREST, grid, cv=3, return_train_score=True).fit(X, y)

    task = stored.runtime.model("forest").grid_search(
        "X", "y", param_grid=grid, cv=3, return_train_score=True
    )
    found = task.get(90)

    same(found.cv_results_, home.cv_results_)
    assert found.best_params_ == home.best_params_
    np.testing.assert_array_equal(
        stored.models.get("forest").predict_proba(X), home.best_estimator_.predict_proba(X)
    )
    parts = stored.runtime.tasks(parent=task)
    wait_for(lambda: all(part.ready() for part in parts))
    assert {part.state for part in parts} == {"SUCCESS"}
    assert [known.id for known in stored.runtime.tasks()] == [task.id]
    assert stored.runtime.task("last").id == stored.runtime.task(task.id[:12]).id == task.id
    assert stored.datasets.list(hidden=True) == stored.datasets.list()


@pytest.mark.parametrize("randomised", [False, True])
def test_fit_of_a_stored_search_is_spread_and_gives_the_search_of_scikit_learn(
    stored: Omega, randomised: bool
) -> None:
    grid = {"max_depth": [2, 4, 8, 16]}
    cv = KFold(3, shuffle=True, random_state=4)
    home: Any = GridSearchCV(FOREST, grid, cv=cv, scoring="roc_auc", return_train_score=True)
    if randomised:
        home = RandomizedSearchCV(FOREST, grid, n_iter=3, cv=cv, random_state=1)
    stored.models.put(home, "search")
    home.fit(X, y, sample_weight=WEIGHTS)

    task = stored.runtime.model("search").fit("X", "y", sample_weight="w")
    assert task.get(90).ref == "search@2"

    assert stored.runtime.tasks(parent=task)
    there: Any = stored.models.get("search")
    assert type(there) is type(home)
    same(there.cv_results_, home.cv_results_)
    assert repr(there.get_params()) == repr(home.get_params())
    known, expected = vars(there), vars(home)
    assert set(known) == set(expected)
    for name in ("best_index_", "best_score_", "best_params_", "n_splits_", "multimetric_"):
        assert known[name] == expected[name]
    np.testing.assert_array_equal(there.feature_names_in_, home.feature_names_in_)
    np.testing.assert_array_equal(there.predict_proba(X), home.predict_proba(X))
    assert there.score(X, y) == home.score(X, y)


def test_what_a_stored_search_leaves_to_chance_is_the_same_for_all_its_fits(stored: Omega) -> None:
    """And stays left to chance in the search that is published."""
    grid = {"max_depth": list(range(1, 1000)), "max_features": list(np.linspace(0.01, 1.0, 500))}
    search = RandomizedSearchCV(FOREST, grid, n_iter=8, cv=KFold(2, shuffle=True))
    stored.models.put(search, "search")

    task = stored.runtime.model("search").fit("X", "y")
    task.get(90)

    assert stored.runtime.tasks(parent=task)
    there: Any = stored.models.get("search")
    assert (there.random_state, there.cv.random_state) == (None, None)
    seed = Search.seed_of(task.id)
    search.set_params(random_state=seed, cv=KFold(2, shuffle=True, random_state=seed))
    same(there.cv_results_, search.fit(X, y).cv_results_)


def test_search_by_halving_runs_in_one_task(stored: Omega) -> None:
    home = HalvingGridSearchCV(FOREST, {"max_depth": [2, 4, 8]}, random_state=0, cv=2)
    stored.models.put(home, "search")
    task = stored.runtime.model("search").fit("X", "y")
    task.get(90)

    assert stored.runtime.tasks(parent=task) == []
    assert stored.models.get("search").best_params_ == home.fit(X, y).best_params_


def test_randomised_search_draws_the_same_candidates(stored: Omega) -> None:
    grid = {
        "logisticregression__C": loguniform(0.01, 10),
        "standardscaler__with_mean": [True, False],
    }
    options: dict[str, Any] = {"n_iter": 4, "random_state": 5, "cv": 3}
    home = RandomizedSearchCV(SCALED, grid, **options).fit(X, y)

    found = stored.runtime.model("m").grid_search("X", "y", param_grid=grid, **options).get(60)

    same(found.cv_results_, home.cv_results_)


def test_what_is_drawn_at_random_is_the_same_for_all_fits_and_for_a_retry(stored: Omega) -> None:
    grid = {"logisticregression__C": {"distribution": "loguniform", "args": [0.01, 10]}}
    splitter = KFold(3, shuffle=True)

    task = stored.runtime.model("m").grid_search("X", "y", param_grid=grid, n_iter=3, cv=splitter)

    first = task.get(60).cv_results_
    same(task.retry().get(60).cv_results_, first)


def test_stored_search_stays_one_and_its_own_options_count(stored: Omega) -> None:
    home = GridSearchCV(SCALED, GRID, cv=3)
    stored.models.put(home, "search")
    home = GridSearchCV(SCALED, GRID, cv=4).fit(X, y)

    found = stored.runtime.model("search").grid_search("X", "y", cv=4).get(60)

    same(found.cv_results_, home.cv_results_)
    assert stored.models.get("search@2").best_params_ == home.best_params_


def test_large_result_comes_back_through_the_store_and_is_collected(stored: Omega) -> None:
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    stored.models.put(tree, "stump")
    grid = {"min_samples_leaf": list(range(1, 401))}

    task = stored.runtime.model("stump").grid_search("X", "y", param_grid=grid, cv=2)
    found = task.get(90)

    assert '"dataset": ".results/' in task.record["result"]
    same(found.cv_results_, GridSearchCV(tree, grid, cv=2).fit(X, y).cv_results_)
    assert stored.runtime.task(task.id).get(1).best_params_ == found.best_params_
    collect(stored.mongo_url, grace=timedelta(0))  # an hour after it was fetched
    kept = connect(stored.mongo_url)["omega_versions"]
    assert kept.count_documents({"name": {"$regex": r"^\.results/"}, "collected": None}) == 0


def test_search_without_refit_publishes_nothing(stored: Omega) -> None:
    task = stored.runtime.model("m").grid_search("X", "y", param_grid=GRID, cv=2, refit=False)

    assert task.get(60).model is None
    assert len(stored.models.versions("m")) == 1


def test_failing_fit_gets_the_error_score_and_is_told_of(stored: Omega) -> None:
    grid = {"logisticregression__C": [-1.0, 1.0]}
    model = stored.runtime.model("m")

    task = model.grid_search("X", "y", param_grid=grid, cv=2, error_score=-7.0)

    assert task.get(60).cv_results_["mean_test_score"][0] == -7.0
    assert "2 fits failed out of a total of 4" in str(task.logs())
    with pytest.raises(TaskFailed, match="All the 2 fits failed"):
        model.grid_search("X", "y", param_grid={"logisticregression__C": [-1.0]}, cv=2).get(60)
    with pytest.raises(TaskFailed, match="'C' parameter"):
        model.grid_search("X", "y", param_grid=grid, cv=2, error_score="raise").get(60)
    assert len(stored.models.versions("m")) == 2


def test_progress_counts_the_fits_and_goes_forwards(stored: Omega) -> None:
    task = stored.runtime.model("slow").grid_search(
        "X", "y", param_grid={"min_samples_leaf": list(range(1, 151))}, cv=2
    )
    seen: list[Any] = []

    task.wait(120, on_update=lambda task: seen.append(task.progress))

    fractions = [progress.fraction or 0.0 for progress in seen]
    assert fractions == sorted(fractions)
    assert any("of 300" in progress.step for progress in seen)
    # What it did at last is not what it does.
    assert (seen[-1].fraction, seen[-1].step) == (1.0, "")
    assert task.state == "SUCCESS"


def test_cancelled_search_ends_with_all_its_parts(stored: Omega) -> None:
    task = stored.runtime.model("slow").grid_search("X", "y", param_grid=SLOW_GRID, cv=5)
    wait_for(lambda: bool(task.refresh().get("spread")))

    assert task.cancel() == "stopped"

    with pytest.raises(TaskCancelled):
        task.get(1)
    parts = stored.runtime.tasks(100, parent=task)
    wait_for(lambda: all(part.ready() for part in parts))
    assert "CANCELLED" in {part.state for part in parts}
    assert len(stored.models.versions("slow")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"param_grid": [1, 2]}, "int, not a dict"),
        ({"param_distributions": GRID, "n_iter": 2}, "takes distributions as param_grid"),
        ({"param_grid": {"C": [object()]}}, "builtins.object"),
        ({"param_grid": GRID, "scoring": len}, "scoring=.* builtin"),
        ({"param_grid": GRID, "cv": type("Mine", (KFold,), {})()}, "Mine, which is not of scikit"),
    ],
)
def test_options_that_can_not_be_sent_are_refused(
    stored: Omega, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        stored.runtime.model("m").grid_search("X", "y", **options)

    assert stored.runtime.tasks() == []


def test_options_that_scikit_learn_does_not_take_fail_as_there(stored: Omega) -> None:
    with pytest.raises(TaskFailed, match="'cv' parameter"):
        stored.runtime.model("m").cross_validate("X", "y", cv=1).get(60)
    with pytest.raises(Invalid, match="m@1 is a Pipeline, which has no param_grid"):
        stored.runtime.model("m").grid_search("X", "y").get(60)
