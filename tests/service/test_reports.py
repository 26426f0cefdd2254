"""Reports keep what people wrote: against each other, deleted runs, the loss of the database."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.moving import MoveTo
from epochal.domain.record import Config, Media, MediaItem
from epochal.domain.report import (
    MAX_FROZEN,
    MAX_REPORT,
    NewFrozen,
    NewReport,
    ReportChanges,
    ReportDetail,
    ShownPanel,
)
from epochal.domain.saved import NewView
from epochal.domain.view import RunQuery
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound
from epochal.journal.blobs import Blobs
from epochal.journal.home import DATABASE
from epochal.reports.page import MOST_PANELS, page_of
from epochal.service import reports, runs, views
from epochal.store import reporthistory
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.recover import rebuild
from tests.store.journals import Writing

NASTY = "</script><img src=x onerror=alert(1)>'\"&"
LOSS = "panel: lines:loss"


def write_runs(home: Path, count: int = 3) -> None:
    """Runs of 200 steps with config and a spike."""
    for number in range(count):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        writing.fact(Config(writing.now, {"lr": 0.1 / (number + 1)}))
        for step in range(200):
            writing.row(step, **{"loss": 1 / (step + 1), "val/loss": 2.0})
        for step in range(0, 200, 2):
            nan = {"nan": 1} if step == 100 else {}
            meta = {"edges": [-1.0, 0.0, 2.0], "counts": [3, step], "stats": nan}
            items = [MediaItem("histogram", meta)]
            writing.fact(Media("weights", step, writing.now, items))
        png = Blobs(home).put(b"png", "image/png")
        wav = Blobs(home).put(b"wav", "audio/wav")
        for key, item in {
            "words": MediaItem("text", {"text": "x"}),
            "shots": MediaItem("image", {"width": 1}, {"data": png}),
            "table": MediaItem("table", {"columns": ["c"], "preview": [["a<b"]], "rows": 1}),
            "sound": MediaItem("audio", {}, {"data": wav}),
        }.items():
            writing.fact(Media(key, 0, writing.now, [item]))
        writing.finish()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    write_runs(home)
    with open_store(home) as opened:
        ingest_home(opened)
        yield opened


def make(store: Store, text: str = "", title: str = "Which rate?") -> ReportDetail:
    return reports.create_report(store, LOCAL_USER, NewReport("mnist", title, text=text))


def block(lines: str) -> str:
    return f"Before.\n\n```panel\n{lines}\n```\n\nAfter."


def page(store: Store, name: str) -> str:
    return reports.report_page(store, LOCAL_USER, None, "mnist", name)


def freeze(store: Store, name: str, panel: str) -> str:
    return reports.freeze_panel(store, LOCAL_USER, None, "mnist", name, NewFrozen(panel)).name


def report_directory_of(store: Store) -> Path:
    """Where the files of the only report lie."""
    (found,) = (store.home / "reports").iterdir()
    return found


def test_a_report_is_kept_renamed_and_listed(store):
    first = make(store)
    second = make(store)
    assert (first.name, second.name) == ("which-rate", "which-rate-2")
    assert make(store, title="损失 ?").name == "report"
    changes = ReportChanges(1, title="Other", text="x")
    changed = reports.change_report(store, LOCAL_USER, None, "mnist", first.name, changes)
    assert (changed.title, changed.text, changed.revision) == ("Other", "x", 2)
    found = reports.list_reports(store, LOCAL_USER, None, "mnist").reports
    assert [row.name for row in found] == ["which-rate", "report", "which-rate-2"]
    with pytest.raises(NotFound, match="did you mean 'which-rate'"):
        reports.find_report(store, LOCAL_USER, None, "mnist", "which-rat")


def test_two_people_cannot_write_over_each_other(store):
    name = make(store, "base").name
    mine, theirs = ReportChanges(1, text="mine"), ReportChanges(1, text="theirs")
    reports.change_report(store, LOCAL_USER, None, "mnist", name, theirs)
    with pytest.raises(Conflict, match="meanwhile"):
        reports.change_report(store, LOCAL_USER, None, "mnist", name, mine)
    assert reports.find_report(store, LOCAL_USER, None, "mnist", name).text == "theirs"


def test_a_deleted_report_can_be_restored(store):
    name = make(store, "kept").name
    kept = freeze(store, name, LOSS)
    reports.delete_report(store, LOCAL_USER, None, "mnist", name)
    assert reports.list_reports(store, LOCAL_USER, None, "mnist").reports == []
    (gone,) = reports.list_reports(store, LOCAL_USER, None, "mnist", deleted=True).reports
    with pytest.raises(NotFound, match="can be restored"):
        reports.find_report(store, LOCAL_USER, None, "mnist", gone.name)
    assert make(store).name != gone.name
    back = reports.restore_report(store, LOCAL_USER, None, "mnist", gone.name)
    assert (back.text, back.frozen) == ("kept", [kept])


def test_a_frozen_panel_outlives_its_runs(store):
    name = make(store).name
    kept = freeze(store, name, LOSS)
    for run in range(3):
        uid = runs.resolve_run(store, LOCAL_USER, None, "mnist", f"r{run}").uid
        runs.delete_run(store, LOCAL_USER, uid)
    data = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, kept)
    assert [run.id for run in data.runs] == ["r2", "r1", "r0"]
    assert data.columns is not None
    text = block(f"{LOSS}\nfrozen: {kept}") + block("panel: lines:val/loss")
    changes = ReportChanges(1, text=text)
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    shown = page(store, name)
    assert shown.count("<polyline") == 3
    assert "frozen 20" in shown


def test_frozen_histograms_outlive_their_runs(store):
    name = make(store).name
    kept = freeze(store, name, "panel: heat:weights")
    part = freeze(store, name, "panel: heat:weights\nrange: 90,110")
    for run in range(3):
        uid = runs.resolve_run(store, LOCAL_USER, None, "mnist", f"r{run}").uid
        runs.delete_run(store, LOCAL_USER, uid)
    data = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, kept)
    assert data.media is not None
    steps = [entry.step for entry in data.media if entry.run == data.runs[0].uid]
    assert (len(steps), steps[0], steps[-1]) == (60, 0, 198)
    blocks = [block(f"panel: heat:weights\nfrozen: {which}") for which in (kept, part)]
    changes = ReportChanges(1, text="\n\n".join(blocks))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    shown = page(store, name)
    assert shown.count('role="img"') == 6
    assert shown.count("60 steps</p>") == 3
    assert shown.count("11 steps · not finite from step 100</p>") == 3


@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_the_loss_of_the_database_takes_no_report_along(home, how):
    write_runs(home)
    with open_store(home) as store:
        ingest_home(store)
        made = make(store, "precious")
        kept = freeze(store, made.name, LOSS)
        reports.delete_report(store, LOCAL_USER, None, "mnist", make(store, "gone").name)
    if how == "removed":
        (home / DATABASE).unlink()
    else:
        assert rebuild(home).problems == []
    with open_store(home) as store:
        found = reports.find_report(store, LOCAL_USER, None, "mnist", made.name)
        assert (found.text, found.frozen, found.revision) == ("precious", [kept], 1)
        assert len(reports.list_reports(store, LOCAL_USER, None, "mnist").reports) == 1


def test_a_damaged_file_of_a_report_is_told_and_takes_nothing_else_along(home):
    write_runs(home, 1)
    with open_store(home) as store:
        ingest_home(store)
        make(store, "lost")
        make(store, "kept")
    first = next(p for p in home.glob("reports/*/report.json") if b'"lost"' in p.read_bytes())
    first.write_bytes(b"{")
    problems = rebuild(home).problems
    assert [problem.path for problem in problems] == [str(first)]
    with open_store(home) as store:
        assert len(reports.list_reports(store, LOCAL_USER, None, "mnist").reports) == 1


@pytest.mark.parametrize("how", ["lost", "rebuilt"])
def test_files_of_one_name_and_copies_keep_no_report_back(home, how):
    """The newest keeps the name; a directory that was copied is told and left alone."""
    with open_store(home) as store:
        old, new = make(store, "old"), make(store, "new")
    kept = {text: next(p for p in home.glob("reports/*/report.json") if text in p.read_bytes())
            for text in (b'"old"', b'"new"')}  # fmt: skip
    stored = kept[b'"new"'].read_bytes()
    assert new.name.encode() in stored
    kept[b'"new"'].write_bytes(stored.replace(new.name.encode(), old.name.encode()))
    copy = home / "reports" / "copy"
    shutil.copytree(kept[b'"old"'].parent, copy)
    if how == "lost":
        (home / DATABASE).unlink()
    else:
        assert [one.path for one in rebuild(home).problems] == [str(copy / "report.json")]
    with open_store(home) as store:
        assert [str(copy) in text for text in store.unread] == [True] * (how == "lost")
        texts = {
            name: reports.find_report(store, LOCAL_USER, None, "mnist", name).text
            for name in (old.name, f"{old.name}-2")
        }
    assert texts == {old.name: "new", f"{old.name}-2": "old"}
    assert copy.exists()


def test_a_report_that_could_not_be_made_leaves_no_file(home):
    with open_store(home) as store:

        def fail(_connection):
            raise RuntimeError("no commit")

        sa.event.listen(sa.Engine, "commit", fail)
        try:
            with pytest.raises(RuntimeError, match="no commit"):
                make(store)
        finally:
            sa.event.remove(sa.Engine, "commit", fail)
        assert list(home.glob("reports/*")) == []
        assert reports.list_reports(store, LOCAL_USER, None, "mnist").reports == []
        make(store)
        assert len(list(home.glob("reports/*"))) == 1


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        ("panel: lines:loss", "<polyline"),
        ("panel: lines:loss\nx: rel\nlog: y\nsmooth: ema:0.6", "ghost"),
        ("panel: lines:loss\nrange: 50,60", "<polyline"),
        ("panel: lines:loss\nwhere: config.lr > 0.04", "r1"),
        ("panel: formula:loss - val/loss", "<polyline"),
        ("panel: scatter:config.lr;last(loss)", "<circle"),
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
        ("media", "of r9, step 0", "The first 8 of 10 runs."),
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


def test_a_panel_of_histograms_finds_the_runs_that_have_one_behind_many_that_lack_it(home):
    """Live and frozen; a range ends where it says."""
    for number in range(12):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        writing.row(0, loss=1.0)
        if number in (1, 2):  # the oldest are the last
            item = MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [1]})
            writing.fact(Media("w", 10 * number, writing.now, [item]))
        writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        name = make(store, block("panel: heat:w")).name
        shown = page(store, name)
        data = [
            reports.read_frozen(store, LOCAL_USER, None, "mnist", name, freeze(store, name, text))
            for text in ("panel: heat:w", "panel: heat:w\nrange: 0,15")
        ]
    assert shown.count("<svg viewBox") == 2
    assert "2 of 12 runs: the first ones, at most 8, that have one." in shown
    assert [{entry.step for entry in one.media or []} for one in data] == [{10, 20}, {10}]


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


def test_frozen_panels_that_the_text_does_not_name_make_room_after_a_day(store, home):
    name = make(store).name
    named = freeze(store, name, LOSS)
    changes = ReportChanges(1, text=block(f"{LOSS}\nfrozen: {named}"))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    (directory,) = home.glob("reports/*")
    for number in range(MAX_FROZEN):
        (directory / f"{number:032x}.panel").write_bytes(b"")
    old = time.time() - 86_500
    for path in (directory / f"{named}.panel", directory / f"{0:032x}.panel"):
        os.utime(path, (old, old))
    fresh = freeze(store, name, "panel: lines:val/loss")
    kept = reports.find_report(store, LOCAL_USER, None, "mnist", name).frozen
    assert {named, fresh} <= set(kept)
    assert len(kept) == MAX_FROZEN + 1


def test_as_many_frozen_panels_as_a_report_may_show_is_told(store, home):
    names = [f"{number:032x}" for number in range(MAX_FROZEN)]
    text = "\n".join(block(f"{LOSS}\nfrozen: {name}") for name in names)
    name = make(store, text).name
    (directory,) = home.glob("reports/*")
    for frozen in names:
        (directory / f"{frozen}.panel").write_bytes(b"")
    with pytest.raises(InvalidInput, match="take one out of its text"):
        freeze(store, name, LOSS)


def test_a_start_past_the_calendar_is_a_number_on_the_page(home):
    writing = Writing(home, "far", project="mnist", second=300_000_000_000)
    writing.row(0, loss=1.0)
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        made = make(store, block("panel: parallel:created;last(loss)"))
        assert "After." in page(store, made.name)


class Elements(HTMLParser):
    """The names of all elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_the_page_asks_for_nothing_and_nothing_of_a_user_becomes_markup(store):
    text = f"{NASTY}\n\n# {NASTY}\n\n- {NASTY}\n\n> {NASTY}\n\n```\n{NASTY}\n```\n\n[x](https://a/{NASTY})"
    made = make(store, text, title="T " + NASTY)
    elements = Elements()
    whole = "".join(page_of(made, {}))
    elements.feed(whole)
    assert not elements.found & {"script", "img", "link", "src", "onerror", "iframe", "object"}
    assert "default-src 'none'" in whole


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (NewReport("mnist", ""), "empty"),
        (NewReport("mnist", "x" * 201), "201 characters"),
        (NewReport("mnist", "a", text="x" * (MAX_REPORT + 1)), "the text of a report"),
        (NewReport("mnist", "a", text="\0"), "NUL"),
    ],
)
def test_what_cannot_be_a_report_is_told(store, new, error):
    with pytest.raises(InvalidInput, match=error):
        reports.create_report(store, LOCAL_USER, new)


def test_what_cannot_be_frozen_is_told(store):
    name = make(store).name
    with pytest.raises(InvalidInput, match="no line of a panel"):
        freeze(store, name, "nothing")
    with pytest.raises(InvalidInput, match="no name of a frozen panel"):
        reports.read_frozen(store, LOCAL_USER, None, "mnist", name, "../../epochal")


def test_frozen_media_stay_when_their_run_and_its_blobs_are_gone(store):
    """Pictures, tables and sounds; on the page of the report, too."""
    panels = {key: f"panel: media:{key}" for key in ("shots", "table", "sound", "words")}
    name = make(store).name
    frozen = {key: freeze(store, name, panel) for key, panel in panels.items()}
    text = "\n\n".join(block(f"{panel}\nfrozen: {frozen[key]}") for key, panel in panels.items())
    changes = ReportChanges(1, text=text)
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    before = page(store, name)
    for row in runs.query_runs(store, LOCAL_USER, RunQuery("mnist")).runs:
        runs.delete_run(store, LOCAL_USER, row.uid)
    for digest in list(store.blobs.digests()):
        store.blobs.remove(digest)
    assert page(store, name) == before
    assert "data:image/png;base64," in before
    place = (None, "mnist", name)
    shown = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, frozen["shots"])
    assert [run.id for run in shown.runs] == ["r2", "r1", "r0"]
    (digest,) = {entry.items[0].blobs["data"].digest for entry in shown.media or []}
    kept = reports.read_kept(store, LOCAL_USER, place, frozen["shots"], digest)
    assert (kept.path.read_bytes(), kept.type) == (b"png", "image/png")
    with pytest.raises(NotFound, match="keeps no blob"):
        reports.read_kept(store, LOCAL_USER, place, frozen["sound"], digest)
    with pytest.raises(InvalidInput):
        reports.read_kept(store, LOCAL_USER, place, frozen["shots"], "../report.json")


def test_media_that_are_lost_or_too_large_are_not_frozen(store, monkeypatch):
    name = make(store).name
    for digest in list(store.blobs.digests()):
        store.blobs.remove(digest)
    with pytest.raises(NotFound, match="freeze it again"):
        freeze(store, name, "panel: media:shots")
    monkeypatch.setattr(reports, "MAX_KEPT", 2)
    with pytest.raises(InvalidInput, match="show fewer runs"):
        freeze(store, name, "panel: media:shots")


def test_kept_media_that_no_revision_names_go_a_day_later(store):
    name = make(store).name
    uid = report_directory_of(store)
    unused = freeze(store, name, "panel: media:shots")
    named = freeze(store, name, "panel: media:sound")
    text = block(f"panel: media:sound\nfrozen: {named}")
    reports.change_report(store, LOCAL_USER, None, "mnist", name, ReportChanges(1, text=text))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, ReportChanges(2, text="none"))
    for path in uid.iterdir():
        os.utime(path, (0, 0))
    freeze(store, name, LOSS)
    there = {path.name for path in uid.iterdir()}
    assert {f"{named}.panel", f"{named}.kept"} <= there
    assert not {f"{unused}.panel", f"{unused}.kept"} & there


def test_each_revision_can_be_read_and_the_present_one_is_the_first(store):
    name = make(store, "one").name
    for revision, text in enumerate(["two", "three"], 1):
        changes = ReportChanges(revision, text=text)
        reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    of = (store, LOCAL_USER, None, "mnist", name)
    rows = reports.list_versions(*of).versions
    assert [(row.revision, row.characters) for row in rows] == [(3, 5), (2, 3), (1, 3)]
    assert [row.saved_by for row in rows] == [LOCAL_USER.name] * 3
    assert [reports.find_version(*of, number).text for number in (1, 2, 3)] == [
        "one", "two", "three",
    ]  # fmt: skip
    with pytest.raises(NotFound, match="no revision 4; there are 1 to 2, and the present 3"):
        reports.find_version(*of, 4)


def test_history_is_bounded_and_stays_when_the_database_is_lost(store, home, monkeypatch):
    monkeypatch.setattr(reporthistory, "MOST_VERSIONS", 3)
    name = make(store, "0").name
    for revision in range(1, 7):
        changes = ReportChanges(revision, text=str(revision))
        reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    of = (store, LOCAL_USER, None, "mnist", name)
    assert [row.revision for row in reports.list_versions(*of).versions] == [7, 6, 5, 4]
    damaged = report_directory_of(store) / "5.version"
    damaged.write_bytes(b"x")
    assert [row.revision for row in reports.list_versions(*of).versions] == [7, 6, 4]
    with pytest.raises(CorruptFile):
        reports.find_version(*of, 5)
    store.close()
    (home / DATABASE).unlink()
    rebuild(home)
    with open_store(home) as again:
        rows = reports.list_versions(again, *of[1:]).versions
    assert [row.revision for row in rows] == [7, 6, 4]


def test_a_panel_follows_the_runs_that_it_names_to_where_they_were_moved(store):
    """Shown once, as they are now, with their curves and columns; told; also by old uids."""
    old = runs.query_runs(store, LOCAL_USER, RunQuery("mnist", order=["name"])).runs[1]
    new = runs.move_run(store, LOCAL_USER, old.uid, MoveTo("kept"))
    for named in ("r0, r1", f"r0, {old.uid}"):
        lines = ShownPanel("mnist", f"{LOSS}\nruns: {named}")
        data = reports.show_panel(store, LOCAL_USER, lines)
        assert {run.id: run.uid == new.uid for run in data.runs} == {"r0": False, "r1": True}
        assert ([ref.uid for ref in data.moved], data.missing) == ([new.uid], [])
        assert data.keys == ["loss"]
    bars = ShownPanel("mnist", "panel: bar:last(loss)\nruns: r1, r2, gone")
    for _ in range(2):
        data = reports.show_panel(store, LOCAL_USER, bars)
        assert data.table is not None
        assert [run.uid for run in data.table.runs][-1] == new.uid
        assert data.table.columns["last(loss)"] == [1 / 200, 1 / 200]
        assert (data.missing, data.matched) == (["gone"], 2)
        # The second time nothing is left at the old address.
        if runs.get_run(store, LOCAL_USER, old.uid).archived:
            runs.delete_run(store, LOCAL_USER, old.uid)
