"""Plots that a run logged, in a report as one file."""

from __future__ import annotations

import pytest

from epochal.domain.record import Media, MediaItem
from epochal.media import plot
from epochal.media.plot import Plot
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from tests.service.reports.written import NASTY, block, make, page
from tests.store.journals import Writing

ELSEWHERE = "shown on the page of the project only"


def shown(home, meta):
    """The page of a report with a panel of the plot."""
    writing = Writing(home, "plotted", project="mnist")
    writing.fact(Media("p", 0, writing.now, [MediaItem("plot", meta)]))
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        return page(store, make(store, block("panel: media:p")).name)


def logged(found: Plot):
    (draft,) = found.__epochal_media__()
    return draft.meta


SCORES = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]]
TRUTH = [0, 1, 0, 0]
TABLE = {"n": [1.0, 2.0, 3.0], "v": [0.5, float("nan"), 0.25]}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            plot.confusion_matrix(probs=SCORES, y_true=TRUTH, class_names=["cat", "dog"]),
            "<title>cat, said dog: 1 of 3</title>",
        ),
        (plot.roc_curve(TRUTH, SCORES, labels=["cat", "dog"]), "cat · 1</li>"),
        (plot.pr_curve(TRUTH, SCORES, labels=["cat", "dog"]), ">Recall</text>"),
        (plot.line(TABLE, "n", "v", title="A line"), "<p>A line</p>"),
        (plot.scatter(TABLE, "n", "v"), "<circle"),
        (plot.bar({"k": ["a<b"], "n": [3]}, "k", "n"), '<td>a&lt;b</td><td class="n">3</td>'),
        (plot.histogram({"v": list(range(100))}, "v"), ' to 99</td><td class="n">'),
    ],
    ids=lambda found: getattr(found, "type", None),
)
def test_a_plot_is_drawn_in_the_file(home, found, told):
    text = shown(home, logged(found))
    assert told in text
    assert ELSEWHERE not in text


def test_every_row_of_a_histogram_is_a_few_of_its_bins(home):
    """All that was counted is in the bars, and none is left out."""
    text = shown(home, logged(plot.histogram({"v": list(range(640))}, "v")))
    assert text.count('<td class="n">20</td>') == 32


def test_a_gap_in_a_line_stays_a_gap(home):
    text = shown(home, logged(plot.line(TABLE, "n", "v")))
    assert text.count("<polyline") == 2


@pytest.mark.parametrize(
    "meta",
    [
        {"type": "plotly", "spec": {"data": []}},
        {"type": "confusion", "spec": {"classes": ["a", "b"], "counts": [[1]]}},
        {"type": "confusion", "spec": {"classes": ["a"], "counts": [["x"]]}},
        {"type": "line", "spec": {"x": "x", "y": "y", "series": ["abc"]}},
        {"type": "line", "spec": {"x": "x", "y": "y", "series": [{"x": [1], "y": []}]}},
        {"type": "histogram", "spec": {"value": "v", "edges": [1], "counts": [1, 2]}},
        {"type": "bar"},
    ],
)
def test_a_plot_in_another_form_is_named(home, meta):
    text = shown(home, meta)
    assert ELSEWHERE in text
    assert "After." in text


def test_nothing_that_was_logged_becomes_markup(home):
    series = [{"name": NASTY, "x": [1, 2], "y": [1e308, 2]}]
    line = {"type": "line", "title": NASTY, "spec": {"x": NASTY, "y": NASTY, "series": series}}
    text = shown(home, line)
    assert "&lt;/script&gt;" in text
    assert "</script>" not in text
