"""What there is to see of a fitted scikit-learn estimator, in the current run.

Scores go into the summary, parameters into the config, curves and bars below ``<name>/`` at the
next step. What an estimator cannot tell, such as probabilities, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.utils.multiclass import unique_labels

from epochal.client import guard
from epochal.client.api import need_run
from epochal.client.plain import to_plain
from epochal.client.run import Run
from epochal.media import plot

MAX_FEATURES: Final = 50
MAX_SILHOUETTE: Final = 5000


def log_classifier(
    model: Any,
    x: Any,
    y: Any,
    *,
    labels: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    name: str | None = None,
    run: Run | None = None,
) -> None:
    """Record how a fitted classifier does on examples that it has not seen.

    Args:
        model: the classifier.
        x: inputs, one row per example.
        y: the classes.
        labels: names of the classes, in the order of ``model.classes_``.
        features: names of the columns of ``x``.
        name: what the keys begin with; by default the name of the class.
        run: by default the current one.

    Raises:
        RunStateError: there is no run.
        ValueError: scikit-learn refuses the inputs.

    Example:
        >>> log_classifier(forest, x_test, y_test, labels=["no", "yes"])
    """
    run, name = _begin(model, name, run)
    classes = list(getattr(model, "classes_", unique_labels(y)))
    names = [str(word) for word in (labels if labels is not None else classes)]
    guesses = model.predict(x)
    likely = guard.attempt(lambda: np.asarray(model.predict_proba(x)), default=None)
    scores = _class_scores(y, guesses)
    if likely is not None:
        scores["log_loss"] = metrics.log_loss(y, likely, labels=classes)
    number = {value: index for index, value in enumerate(classes)}
    truth = np.array([number[value] for value in y])
    found = np.array([number[value] for value in guesses])
    shown = _class_plots(truth, found, likely, names)
    _finish(run, name, model, features, scores, shown)


def _class_scores(y: Any, guesses: Any) -> dict[str, Any]:
    means: dict[str, Any] = {"average": "macro", "zero_division": 0}
    return {
        "accuracy": metrics.accuracy_score(y, guesses),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, guesses),
        "f1": metrics.f1_score(y, guesses, **means),
        "precision": metrics.precision_score(y, guesses, **means),
        "recall": metrics.recall_score(y, guesses, **means),
    }


def _class_plots(truth: Any, found: Any, likely: Any, names: list[str]) -> dict[str, Any]:
    """Plots for classes as numbers; ``likely`` are probabilities, or None."""
    sizes = {"class": names, "examples": np.bincount(truth, minlength=len(names)).tolist()}
    shown: dict[str, Any] = {
        "confusion": plot.confusion_matrix(y_true=truth, preds=found, class_names=names),
        "classes": plot.bar(sizes, "class", "examples"),
    }
    if likely is not None:
        shown["roc"] = plot.roc_curve(truth, likely, labels=names)
        shown["pr"] = plot.pr_curve(truth, likely, labels=names)
    if likely is not None and len(names) == 2:
        right, said = calibration_curve(truth, likely[:, 1], n_bins=10)
        table = {"said": said.tolist(), "right": right.tolist()}
        shown["calibration"] = plot.line(table, "said", "right")
    return shown


def log_regressor(
    model: Any,
    x: Any,
    y: Any,
    *,
    features: Sequence[str] | None = None,
    name: str | None = None,
    run: Run | None = None,
) -> None:
    """Record how a fitted regressor does on examples that it has not seen; see `log_classifier`.

    Raises:
        RunStateError: there is no run.
        ValueError: scikit-learn refuses the inputs.
    """
    run, name = _begin(model, name, run)
    truth = np.asarray(y, dtype=float).ravel()
    guesses = np.asarray(model.predict(x), dtype=float).ravel()
    scores = {
        "r2": metrics.r2_score(truth, guesses),
        "mae": metrics.mean_absolute_error(truth, guesses),
        "rmse": float(np.sqrt(metrics.mean_squared_error(truth, guesses))),
    }
    table = {"truth": truth, "predicted": guesses, "residual": truth - guesses}
    shown = {
        "predicted": plot.scatter(table, "truth", "predicted"),
        "residuals": plot.scatter(table, "predicted", "residual"),
        "residual_histogram": plot.histogram(table, "residual"),
    }
    _finish(run, name, model, features, scores, shown)


def log_clusterer(model: Any, x: Any, *, name: str | None = None, run: Run | None = None) -> None:
    """Record the clusters that a fitted clusterer made of its inputs; see `log_classifier`.

    Of other inputs than it was fitted to, those that it predicts.

    Raises:
        RunStateError: there is no run.
        ValueError: scikit-learn refuses the inputs.
    """
    run, name = _begin(model, name, run)
    places = np.asarray(getattr(model, "labels_", ()))
    if len(places) != np.shape(x)[0]:
        places = np.asarray(model.predict(x))
    clusters, sizes = np.unique(places, return_counts=True)
    scores: dict[str, float] = {"clusters": int((clusters >= 0).sum())}
    if 1 < len(clusters) < len(places):
        scores["silhouette"] = metrics.silhouette_score(
            x, places, sample_size=min(len(places), MAX_SILHOUETTE), random_state=0
        )
    if hasattr(model, "inertia_"):
        scores["inertia"] = float(model.inertia_)
    table = {"cluster": [str(number) for number in clusters], "examples": sizes.tolist()}
    shown = {"sizes": plot.bar(table, "cluster", "examples")}
    _finish(run, name, model, None, scores, shown)


def _begin(model: Any, name: str | None, run: Run | None) -> tuple[Run, str]:
    return run or need_run("logging an estimator"), name or type(model).__name__


def _finish(
    run: Run,
    name: str,
    model: Any,
    features: Sequence[str] | None,
    scores: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    weights = _importances(model)
    if weights is not None:
        order = np.argsort(-np.abs(weights))[:MAX_FEATURES]
        given = features if features is not None else getattr(model, "feature_names_in_", None)
        names = [str(given[n]) if given is not None else f"feature {n}" for n in order]
        table = {"feature": names, "importance": weights[order].tolist()}
        shown["importances"] = plot.bar(table, "feature", "importance")
    with guard.Shield("recording the parameters of an estimator"):
        run.config.update({name: to_plain(model.get_params())})
    run.summary.update({f"{name}/{key}": float(value) for key, value in scores.items()})
    run.log({f"{name}/{key}": value for key, value in shown.items()})


def _importances(model: Any) -> Any:
    """A weight for each feature, or None: those of trees, or the mean size of coefficients."""
    last = model[-1] if hasattr(model, "steps") else model
    found = guard.attempt(lambda: np.asarray(last.feature_importances_, dtype=float), default=None)
    if found is None:
        found = guard.attempt(
            lambda: np.abs(np.atleast_2d(np.asarray(last.coef_, dtype=float))).mean(axis=0),
            default=None,
        )
    return found
