"""Real estimators of scikit-learn, as the run's page shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import epochal
from epochal.errors import RunStateError
from epochal.integrations.sklearn import log_classifier, log_clusterer, log_regressor
from tests.client.scripts import QUIET


def recorded() -> tuple[Any, dict[str, Any]]:
    """The run, and its media's meta by key."""
    (found,) = epochal.runs("p")
    keys = [media.key for media in found.media_keys()]
    return found, {key: found.media(key)[0].meta for key in keys}


def test_a_classifier_shows_its_curves_matrix_and_importances(home: Path) -> None:
    x, y = load_iris(return_X_y=True)
    names = ["setosa", "versicolor", "virginica"]
    forest = RandomForestClassifier(10, random_state=0).fit(x, np.array(names)[y])
    with epochal.init(project="p", settings=QUIET):
        log_classifier(forest, x, np.array(names)[y], features=["a", "b", "c", "d"], name="f")
    run, shown = recorded()
    assert set(shown) == {
        f"f/{key}" for key in ("confusion", "classes", "roc", "pr", "importances")
    }
    assert run.summary["f/accuracy"] == forest.score(x, np.array(names)[y])
    assert run.summary["f/log_loss"] > 0
    assert run.config["f"]["n_estimators"] == 10
    assert sorted(shown["f/importances"]["spec"]["labels"]) == ["a", "b", "c", "d"]
    assert shown["f/classes"]["spec"]["values"] == [50, 50, 50]
    assert shown["f/confusion"]["type"] == "confusion"


def test_two_classes_show_a_calibration(home: Path) -> None:
    """And a classifier in a pipeline without probabilities shows what it can."""
    x, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(5, random_state=0).fit(x, y == 1)
    line = make_pipeline(StandardScaler(), LinearSVC()).fit(x, y == 1)
    with epochal.init(project="p", settings=QUIET) as run:
        log_classifier(forest, x, y == 1, labels=["other", "versicolor"], name="forest")
        log_classifier(line, x, y == 1, name="line", run=run)
    _, shown = recorded()
    assert "forest/calibration" in shown
    assert "line/importances" in shown
    assert "line/roc" not in shown


def test_a_regressor_shows_its_residuals(home: Path) -> None:
    x, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x, y)
    with epochal.init(project="p", settings=QUIET):
        log_regressor(model, x, y)
    run, shown = recorded()
    keys = ("predicted", "residuals", "residual_histogram", "importances")
    assert set(shown) == {f"LinearRegression/{key}" for key in keys}
    assert run.summary["LinearRegression/r2"] == pytest.approx(model.score(x, y))


def test_a_clusterer_shows_its_clusters(home: Path) -> None:
    x, _ = load_iris(return_X_y=True)
    with epochal.init(project="p", settings=QUIET):
        log_clusterer(KMeans(3, random_state=0, n_init=1).fit(x), x, name="k")
    run, shown = recorded()
    assert run.summary["k/clusters"] == 3
    assert run.summary["k/silhouette"] > 0.4
    assert sum(shown["k/sizes"]["spec"]["values"]) == 150


def test_a_clusterer_says_where_other_inputs_belong(home: Path) -> None:
    x, _ = load_iris(return_X_y=True)
    with epochal.init(project="p", settings=QUIET):
        log_clusterer(KMeans(3, random_state=0, n_init=1).fit(x[::2]), x[1:60:2], name="k")
    _, shown = recorded()
    assert sum(shown["k/sizes"]["spec"]["values"]) == 30


def test_without_a_run_the_user_is_told() -> None:
    with pytest.raises(RunStateError, match=r"epochal\.init"):
        log_regressor(LinearRegression(), [[1]], [1])
