"""Curves are exact, charts keep every corner, and what cannot be drawn is refused clearly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from epochal.errors import InvalidInput
from epochal.media import Table, curves, plot
from epochal.media.draft import Loggable

LABELED = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20).map(lambda n: n / 20)), min_size=2, max_size=200
).filter(lambda rows: len({positive for positive, _ in rows}) == 2)


def arrays(rows: list[tuple[bool, float]]) -> tuple[Any, Any]:
    positive, scores = zip(*rows, strict=True)
    return np.array(positive), np.array(scores)


@given(LABELED)
def test_roc_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    """Ties among scores included."""
    positive, scores = arrays(rows)
    found = curves.roc(positive, scores)
    assert found.area == pytest.approx(metrics.roc_auc_score(positive, scores))
    x, y, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    assert np.interp(x, found.x, found.y)[-1] == pytest.approx(1.0)
    theirs = set(zip(x.tolist(), y.tolist(), strict=True))
    assert set(zip(found.x.tolist(), found.y.tolist(), strict=True)) <= theirs
    _, _, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    assert set(found.thresholds.tolist()) <= set(thresholds.tolist())


@given(LABELED)
def test_precision_and_recall_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    positive, scores = arrays(rows)
    found = curves.precision_recall(positive, scores)
    assert found.area == pytest.approx(metrics.average_precision_score(positive, scores))
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    theirs = np.stack([recall, precision], axis=1)
    for point in np.stack([found.x, found.y], axis=1):
        assert np.abs(theirs - point).max(axis=1).min() < 1e-12


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_a_thinned_curve_keeps_its_outline(seed: int) -> None:
    """At most 2,000 points of 50,000, ends kept, no farther off than a part of the way is long."""
    random = np.random.default_rng(seed)
    positive = random.random(50_000) < 0.3
    scores = random.normal(positive * 1.0)
    found = curves.roc(positive, scores)
    assert 2 <= len(found.x) <= curves.MAX_POINTS
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    x, y, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    part = 50_000 / (curves.MAX_POINTS / 4)
    steepest = 1 / min(positive.sum(), (~positive).sum())
    assert np.abs(np.interp(x, found.x, found.y) - y).max() <= part * steepest


def test_thinning_loses_no_spike() -> None:
    y = np.sin(np.arange(100_000) / 5000)
    y[77_777], y[33_333] = 9.0, -9.0
    keep = curves.corners(np.arange(100_000.0), y, 2000)
    assert len(keep) <= 2000
    assert {0, 33_333, 77_777, 99_999} <= set(keep.tolist())


def test_points_on_a_straight_line_are_not_needed() -> None:
    assert curves.corners(np.arange(5000.0), np.arange(5000.0) * 2, 2000).tolist() == [0, 4999]


def test_a_class_without_examples_has_no_area() -> None:
    """Not zero and not an error."""
    curve = plot.roc_curve([0, 0, 1], np.eye(3)[[0, 0, 1]])
    assert [series["auc"] for series in curve.spec["series"]] == [1.0, 1.0, None]


def test_curves_of_several_classes_take_tensors_and_names() -> None:
    scores = torch.softmax(torch.randn(200, 3, generator=torch.Generator().manual_seed(1)), 1)
    truth = torch.arange(200) % 3
    found = plot.roc_curve(truth, scores, labels=["cat", "dog", "owl"], classes_to_plot=["owl", 0])
    assert [series["name"] for series in found.spec["series"]] == ["owl", "cat"]
    wanted = metrics.roc_auc_score(truth.numpy() == 2, scores[:, 2].numpy())
    assert found.spec["series"][0]["auc"] == pytest.approx(wanted)
    one = plot.pr_curve([0, 1, 1], [0.1, 0.8, 0.4])
    assert [(s["name"], s["ap"]) for s in one.spec["series"]] == [("1", 1.0)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_the_confusion_matrix_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = zip(*pairs, strict=True)
    found = plot.confusion_matrix(y_true=actual, preds=predicted, class_names=list("abcde"))
    wanted = metrics.confusion_matrix(actual, predicted, labels=range(5))
    assert found.spec == {"classes": list("abcde"), "counts": wanted.tolist()}


def test_the_confusion_matrix_takes_scores_or_names() -> None:
    probs = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]])
    found = plot.confusion_matrix(probs=probs, y_true=[0, 0])
    assert found.spec["counts"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    named = plot.confusion_matrix(y_true=["x", "y"], preds=["y", "y"], class_names=["x", "y"])
    assert named.spec["counts"] == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    "table",
    [
        Table(columns=["a", "b"], data=[[1, 4.0], [2, None], [3, 9.0]]),
        {"a": [1, 2, 3], "b": np.array([4.0, np.nan, 9.0])},
        {"a": torch.tensor([1, 2, 3]), "b": [4.0, float("inf"), 9.0]},
    ],
    ids=["table", "arrays", "tensors"],
)
def test_a_line_takes_columns_of_many_kinds(table: Any) -> None:
    """What is no finite number is a gap."""
    found = plot.line(table, "a", "b", title="t")
    assert found.spec["series"] == [{"name": "b", "x": [1.0, 2.0, 3.0], "y": [4.0, None, 9.0]}]
    assert (found.type, found.title) == ("line", "t")


def test_a_stroke_tells_lines_apart() -> None:
    table = {"x": [1, 2, 1, 2], "y": [5, 6, 7, 8], "who": ["a", "a", "b", "b"]}
    series = plot.line(table, "x", "y", stroke="who").spec["series"]
    assert [(s["name"], s["y"]) for s in series] == [("a", [5.0, 6.0]), ("b", [7.0, 8.0])]


def test_series_share_their_places_or_have_their_own() -> None:
    shared = plot.line_series([1, 2], [[3, 4], [5, 6]], keys=["p", "q"], xname="n")
    own = plot.line_series([[1, 2], [7]], [[3, 4], [5]])
    assert [s["x"] for s in shared.spec["series"]] == [[1.0, 2.0]] * 2
    assert [s["x"] for s in own.spec["series"]] == [[1.0, 2.0], [7.0]]


def test_bars_scatter_and_histogram() -> None:
    table = {"name": ["a", "b"], "n": [1, 2.5]}
    assert plot.bar(table, "name", "n").spec["values"] == [1.0, 2.5]
    assert plot.scatter(table, "n", "n").spec["rows"] == 2
    spread = plot.histogram({"v": [*range(100), None]}, "v").spec
    assert (sum(spread["counts"]), spread["other"], len(spread["edges"])) == (100, 1, 65)


def test_small_plots_lie_in_their_meta_and_large_ones_in_a_part() -> None:
    small = plot.line({"x": [1, 2], "y": [3, 4]}, "x", "y")
    assert isinstance(small, Loggable)
    (draft,) = small.__epochal_media__()
    assert (draft.kind, draft.meta["spec"], draft.parts) == ("plot", small.spec, {})
    random = np.random.default_rng(0)
    large = plot.scatter({"x": random.random(5000), "y": random.random(5000)}, "x", "y")
    (draft,) = large.__epochal_media__()
    assert "spec" not in draft.meta
    data = b"".join(bytes(chunk) for chunk in draft.parts["data"].chunks)
    assert json.loads(data) == large.spec


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: plot.line({"x": [1]}, "x", "z"), "no column 'z'"),
        (lambda: plot.line([1, 2], "x", "y"), "Table"),
        (lambda: plot.line({"x": [1, 2], "y": [1]}, "x", "y"), "one length"),
        (lambda: plot.line({"x": [1], "y": ["a"]}, "x", "y"), "numbers"),
        (lambda: plot.line_series([1], [[1], [2]], keys=["a"]), "as many"),
        (lambda: plot.line_series([1, 2], [[1]]), "pairs"),
        (lambda: plot.bar({"a": range(2000), "b": range(2000)}, "a", "b"), "1000 bars"),
        (lambda: plot.histogram({"a": [None]}, "a"), "no finite"),
        (lambda: plot.roc_curve([0, 1], [[0.1, float("nan")], [0.5, 0.5]]), "finite"),
        (lambda: plot.roc_curve([0, 1, 1], [0.1, 0.2]), "do not fit"),
        (lambda: plot.roc_curve([0, 5], [[0.1, 0.9], [0.5, 0.5]]), "class 5"),
        (lambda: plot.roc_curve([0, 1], [0.1, 0.2], classes_to_plot=["x"]), "no class 'x'"),
        (lambda: plot.pr_curve([], []), "not empty"),
        (lambda: plot.confusion_matrix(y_true=[0]), "either probs or preds"),
        (lambda: plot.confusion_matrix(y_true=[0.5], preds=[1]), "class numbers"),
        (lambda: plot.confusion_matrix(y_true=[-1], preds=[1]), "class numbers"),
        (
            lambda: plot.confusion_matrix(y_true=[0, 1], preds=[0, 1], class_names=["a"]),
            "2 classes",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        call()
