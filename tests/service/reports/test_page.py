"""A report as one file: what its panels draw, or say in their place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import Media, MediaItem
from epochal.domain.report import ShownPanel
from epochal.domain.saved import NewView
from epochal.errors import InvalidInput
from epochal.reports.page import MOST_PANELS, page_of
from epochal.service import reports, views
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from tests.service.reports.written import NASTY, block, freeze, make, page, write_runs
from tests.store.journals import Writing


class Elements(HTMLParser):
    """The names of all elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        ("panel: lines:loss", "<polyline"),
        ("panel: lines:loss\nx: rel\nlog: y\nsmooth: ema:0.6", "ghost"),
        ("panel: lines:loss\nrange: 50,60", "<polyline"),
        ("panel: lines:loss\nwhere: config.lr > 0.04", "r1"),
        ("panel: formula:loss - val/loss", "<polyline"),
        ("panel: scatter:config.lr;last(loss)", "<circle"),
        ("panel: scatter:config.lr;last(loss);name", '<ul class="legend">'),
        ("panel: bar:min(loss)", 'class="bar"'),
        ("panel: parallel:config.lr;state;last(loss)", "<td"),
        ("panel: lines:loss\nview: best", "<polyline"),
        ("panel: media:x", "None of these runs has logged such media."),
        ("panel: media:words", "<pre>x</pre>"),
        ("panel: media:weights", 'class="ridge"'),
        ("panel: media:shots", 'src="data:image/png;base64,cG5n"'),
        ("panel: media:table", "<td>a&lt;b</td>"),
        ("panel: media:sound", "audio, shown on the page of the project only"),
        ("panel: ridge:weights", 'class="ridge"'),
        ("panel: heat:weights", 'class="cell"'),
        ("panel: heat:weights\nrange: 90,120", "not finite from step 100"),
        ("panel: heat:weights\nx: rel\nrange: 0.1,0.2", "60 steps"),
        ("panel: heat:weights\nrange: -1e300,1e300", "60 steps"),
        ("panel: ridge:words", "No histogram of finite values."),
        ("panel: heat:none", "No histogram of finite values."),
        ("panel: lines:loss\nruns: r1,gone", "Not there any more: gone."),
        ("panel: lines:loss\nruns: gone", "No run is chosen"),
        ("panel: lines:nothing", "No metric is called “nothing”."),
        ("panel: lines:loss\nwhere: lr <", "lr &lt;"),
        ("panel: formula:loss +", "loss +\n"),
        ("panel: importance:min(loss)", "importance needs at least 10"),
        ("panel: lines:loss\nview: none", "no view"),
        ("panel: lines:loss\nfrozen: " + "0" * 32, "keeps no frozen panel"),
        ("panel: pie:a", "expected one of lines"),
        ("panel: lines:(a+)+$", "write the names with stars"),
        (f"panel: lines:loss\ntitle: {NASTY}", "&lt;/script&gt;"),
    ],
)
def test_a_panel_is_drawn_or_says_in_its_place_why_not(store, panel, told):
    views.create_view(
        store, LOCAL_USER, NewView("mnist", "q=config.lr+%3E+0&sel=r0,r2", name="best")
    )
    shown = page(store, make(store, block(panel)).name)
    assert told in shown
    assert "Before." in shown
    assert "After." in shown
    assert "<img src" not in shown


def test_an_image_takes_room_each_time_that_the_page_shows_it(store, monkeypatch):
    """The three runs show the same one of three bytes."""
    made = make(store, "\n\n".join([block("panel: media:shots")] * 2))
    monkeypatch.setattr(reports, "MAX_PICTURES", 3 * 3 * 2)
    shown = page(store, made.name)
    assert shown.count("base64,cG5n") == 6
    assert shown.count('alt="shots of r1, step 0"') == 2
    monkeypatch.setattr(reports, "MAX_PICTURES", 3 * 3 * 2 - 1)
    shown = page(store, made.name)
    assert "base64,cG5n" not in shown
    assert shown.count("image, shown on the page of the project only") == 6


def test_the_maps_of_a_panel_share_one_axis_of_steps(home):
    for number, steps in enumerate([[0, 50, 100], [50], [25, 75]]):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        for step in steps:
            item = MediaItem("histogram", {"edges": [0.0, 1.0, 2.0], "counts": [1, 1]})
            writing.fact(Media("w", step, writing.now, [item]))
        writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        shown = page(store, make(store, block("panel: heat:w")).name)
    columns = []
    for drawn in shown.split('class="cell"')[1:]:
        cells = re.findall(r"M([\d.]+) [\d.]+h([\d.]+)v", drawn)
        columns.append(sorted({(float(x), float(width)) for x, width in cells}))
    two, one, three = columns
    assert [x for x, _ in three] == [64.0, three[1][0], three[2][0]]
    [(x, width)] = one
    assert width == 8.0
    assert x + 4 == pytest.approx(three[1][0] + three[1][1] / 2, abs=0.2)
    assert [width for _, width in two] == [pytest.approx(three[1][1], abs=0.2)] * 2


@pytest.mark.parametrize(
    ("kind", "label", "told"),
    [
        ("media", "of r9, step 0", "8 of 10 runs: the first ones, at most 8, that have one."),
        ("heat", "of r9", "8 of 10 runs: the first ones, at most 8, that have one."),
    ],
)
def test_a_page_tells_how_many_runs_a_panel_of_media_leaves_out(home, kind, label, told):
    for number in range(10):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        item = MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [1]})
        writing.fact(Media("w", 0, writing.now, [item]))
        writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        name = make(store, block(f"panel: {kind}:w")).name
        shown = page(store, name)
        few = page(store, make(store, block(f"panel: {kind}:w\nruns: r1,r2")).name)
    assert shown.count("<svg viewBox") == 8
    assert told in shown
    assert f'aria-label="w {label}"' in shown
    assert "runs.</p>" not in few
    assert "runs:" not in few


@pytest.mark.parametrize("kind", ["heat", "media"])
def test_a_panel_of_media_finds_the_runs_that_have_some_behind_many_that_lack_them(home, kind):
    """Live and frozen; of histograms a range ends where it says."""
    for number in range(24):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        writing.row(0, loss=1.0)
        if number in (1, 2):  # the oldest are the last
            item = MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [1]})
            writing.fact(Media("w", 10 * number, writing.now, [item]))
        writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        name = make(store, block(f"panel: {kind}:w")).name
        shown = page(store, name)
        live = reports.show_panel(
            store, LOCAL_USER, ShownPanel("mnist", f"panel: {kind}:w\nlimit: 1")
        )
        data = [
            reports.read_frozen(store, LOCAL_USER, None, "mnist", name, freeze(store, name, text))
            for text in (f"panel: {kind}:w", f"panel: {kind}:w\nrange: 0,15")
        ]
    assert shown.count("<svg viewBox") == 2
    assert "2 of 24 runs: the first ones, at most 8, that have one." in shown
    assert [run.id for run in live.runs] == ["r2"]
    ranged = {10, 20} if kind == "media" else {10}
    assert [{entry.step for entry in one.media or []} for one in data] == [{10, 20}, ranged]


@pytest.mark.parametrize(
    ("edges", "counts", "told"),
    [
        ([-1.7e308, 0.0, 1.7e308], [1, 1], "No histogram of finite values."),
        ([1.7e308, 1.7e308], [1], "No histogram of finite values."),
        ([0.0, 5e-324], [1], "<svg"),
        ([0.0, 1e300, 5e-324], [1, 1], "<svg"),
        ([0.0, 1.0, 2.0], [1.7e308, 1.7e308], "<svg"),
    ],
    ids=["wide", "far", "narrow", "unsorted", "full"],
)
@pytest.mark.parametrize("kind", ["ridge", "heat", "media"])
def test_an_odd_histogram_keeps_no_report_back(home, kind, edges, counts, told):
    writing = Writing(home, "odd", project="mnist")
    item = MediaItem("histogram", {"edges": edges, "counts": counts})
    writing.fact(Media("w", 0, writing.now, [item]))
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        shown = page(store, make(store, block(f"panel: {kind}:w")).name)
    assert "After." in shown
    if kind != "media":
        assert told in shown


def test_a_step_of_tiny_values_leaves_the_others_drawn(home):
    writing = Writing(home, "tiny", project="mnist")
    for step, reach in enumerate((5e-324, 1.0)):
        item = MediaItem("histogram", {"edges": [-reach, 0.0, reach], "counts": [1, 1]})
        writing.fact(Media("w", step, writing.now, [item]))
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        shown = page(store, make(store, block("panel: ridge:w")).name)
    assert shown.count('class="ridge"') == 2
    assert "nan" not in shown


def test_a_page_draws_its_first_panels_and_says_so_of_the_others(store):
    blocks = [block(f"panel: lines:loss\nruns: gone{at % 3}") for at in range(MOST_PANELS + 2)]
    shown = page(store, make(store, "\n\n".join(blocks)).name)
    assert shown.count("No run is chosen") == MOST_PANELS
    assert shown.count("at most 200 panels") == 2


@pytest.mark.parametrize("how", ["runs", "view"])
def test_importance_is_judged_over_the_runs_that_the_panel_names(home, how):
    write_runs(home, 14)
    with open_store(home) as store:
        ingest_home(store)
        names = ",".join(f"r{number}" for number in range(11))
        new = NewView("mnist", f"q=config.lr+%3C+0&sel={names}", name="some")
        views.create_view(store, LOCAL_USER, new)
        chosen = f"runs: {names}" if how == "runs" else "view: some"
        shown = ShownPanel("mnist", f"panel: importance:last(loss)\n{chosen}")
        report = reports.show_panel(store, LOCAL_USER, shown).importance
        assert report is not None
        assert report.runs == 11
        none = ShownPanel("mnist", "panel: importance:last(loss)\nruns: gone")
        with pytest.raises(InvalidInput, match="0 runs have a finite result"):
            reports.show_panel(store, LOCAL_USER, none)


def test_a_start_past_the_calendar_is_a_number_on_the_page(home):
    writing = Writing(home, "far", project="mnist", second=300_000_000_000)
    writing.row(0, loss=1.0)
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        made = make(store, block("panel: parallel:created;last(loss)"))
        assert "After." in page(store, made.name)


def test_the_page_asks_for_nothing_and_nothing_of_a_user_becomes_markup(store):
    text = f"{NASTY}\n\n# {NASTY}\n\n- {NASTY}\n\n> {NASTY}\n\n```\n{NASTY}\n```\n\n[x](https://a/{NASTY})"
    made = make(store, text, title="T " + NASTY)
    elements = Elements()
    whole = "".join(page_of(made, {}))
    elements.feed(whole)
    assert not elements.found & {"script", "img", "link", "src", "onerror", "iframe", "object"}
    assert "default-src 'none'" in whole
