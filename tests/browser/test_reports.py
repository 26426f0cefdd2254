"""Reports: written beside their preview, live or frozen, printed, and taken along as one file."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from epochal.api import connect
from tests.browser.axe import serious
from tests.browser.clients import run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, held, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

NASTY = "<img src=x onerror=window.__owned=1>"
_TWO = f"""
for number in range(2):
    run = epochal.init(project="told", name="n%d {NASTY}" % number, id=f"n{{number}}",
                       settings=QUIET, config={{"lr": number}}, reinit="create_new")
    for step in range(60):
        run.log({{"loss": 1 / (step + 1 + number), "acc": step / 60}}, step=step)
    run.finish()
"""
LIGHT = ("#7d131a", "#9a9709")
DARK = ("#e29893", "#f2ee43")
"""The colors of the first two runs in each theme."""
DRAWN = "(name) => (window.__epochal.drawn(name) ?? []).length"
REFUSED = ("Failed to load resource: the server responded with a status of 40",)


@pytest.fixture
def told(server: Server) -> Server:
    run_script(server.home, _TWO)
    wait_known(server.url, "told", "n1")
    return server


def editor(page: Page) -> Page:
    page.get_by_label("Text of the report").wait_for()
    return page


def curves(page: Page, ordinal: int) -> int:
    return int(page.evaluate(DRAWN, f"report:{ordinal}"))


def test_the_list_shows_what_others_write_and_delete(
    told: Server, visit: Callable[..., Visitor]
) -> None:
    """Without a reload, from the empty list to the last one deleted."""
    page = visit(told.url).go("/p/told/reports")
    page.get_by_role("heading", name="No reports yet").wait_for()
    new = {"project": "told", "title": "By somebody", "text": "x"}
    name = ask(told.url, "/api/v1/reports", new)["name"]
    page.get_by_role("link", name="By somebody").wait_for()
    ask(told.url, f"/api/v1/reports?project=told&name={name}", method="DELETE")
    page.get_by_role("heading", name="No reports yet").wait_for()
    page.get_by_text("1 deleted, kept for thirty days").wait_for()


def test_a_report_is_written_frozen_printed_and_outlives_its_runs(
    told: Server, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """From the empty list to a file that opens without the server."""
    visitor = visit(told.url, accept_downloads=True)
    page = visitor.go("/p/told/reports")
    page.get_by_role("button", name="Write a report").click()
    text = editor(page).get_by_label("Text of the report")
    page.get_by_label("Title").fill(f"Rates {NASTY}")
    text.fill("# Begin\n\nSome **words**.\n\n")
    text.press("End")
    text.press_sequentially("/")
    dialog = page.get_by_role("dialog", name="Insert a panel")
    dialog.get_by_role("textbox", name="Metrics").fill("^lo.s$")
    dialog.get_by_text("1 metric: loss").wait_for()
    dialog.get_by_role("textbox", name="Filter").fill("config.lr >= 0")
    dialog.get_by_role("textbox", name="Title").fill("Both settle")
    dialog.get_by_role("button", name="Add", exact=True).click()
    panel = "panel: lines:loss\ntitle: Both settle\nwhere: config.lr >= 0"
    until(lambda: panel in text.input_value(), what="the panel in the text")
    assert "/" not in text.input_value().split("```")[0]
    until(lambda: curves(page, 0) == 2, what="the preview")
    assert serious(page) == []
    text.press("Control+Enter")
    figure = page.locator("figure").first
    figure.get_by_text("live", exact=True).wait_for()
    until(lambda: curves(page, 0) == 2, what="the report")
    figure.hover()
    figure.get_by_role("button", name="Freeze").click()
    figure.get_by_text("frozen 20").wait_for()
    assert serious(page) == []

    page.emulate_media(media="print", color_scheme="dark")
    until(lambda: page.locator("figure .paper svg path").count() > 0, what="the picture on paper")
    assert page.locator("header").is_hidden()
    assert page.locator("figure .panel").is_hidden()
    white = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert white == "rgb(255, 255, 255)"
    page.emulate_media(media="screen", color_scheme="light")

    reader = connect(home=told.home)
    for run in list(reader.runs("told")):
        run.delete()
    page.reload()
    until(lambda: curves(page, 0) == 2, what="the frozen panel without its runs")
    with page.expect_download() as download:
        page.get_by_role("link", name="HTML").click()
    place = tmp_path / "report.html"
    download.value.save_as(place)
    asked: list[str] = []
    browser = visitor.context.browser
    assert browser is not None
    away = browser.new_context(offline=True)
    alone = away.new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(place.as_uri())
    assert alone.locator("figure polyline").count() == 2
    assert alone.get_by_text("Both settle").count() == 1
    assert asked == [place.as_uri()]
    assert page.evaluate("() => window.__owned") is None
    away.close()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("1 deleted").click()
    page.get_by_role("button", name="Restore").click()
    until(lambda: curves(page, 0) == 2, what="the report that was restored")


TABLE = "| run | loss | seen |\n|:---|---:|:---:|\n| first | 0.5 | yes |\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_columns_of_a_table_stand_as_its_dashes_say(
    told: Server, visit: Callable[..., Visitor], scheme: str
) -> None:
    """In the report, in the notes of a run, and in the file that is taken along."""
    new = {"project": "told", "title": "Sides", "text": TABLE}
    ask(told.url, "/api/v1/reports", new)
    run = next(iter(connect(home=told.home).runs("told")))
    ask(told.url, f"/api/v1/runs/{run.uid}", {"notes": TABLE}, method="PATCH")
    page = visit(told.url, color_scheme=scheme).page
    sides = "(cells) => cells.map((cell) => getComputedStyle(cell).textAlign)"

    def check(cells: str) -> None:
        page.locator(cells).nth(5).wait_for()
        found = page.locator(cells).evaluate_all(sides)
        assert [side.replace("start", "left") for side in found] == ["left", "right", "center"] * 2

    for path in ("/p/told/reports/sides", f"/p/told/r/{run.id}/notes"):
        page.goto(told.url + path)
        check(".markdown td")
    with page.expect_download() as download:
        page.goto(told.url + "/p/told/reports/sides")
        page.get_by_role("link", name="HTML").click()
    text = Path(download.value.path()).read_text()
    page.goto("about:blank")
    page.set_content(text)
    check("table th, table td")


def strokes(pdf: bytes) -> Counter[str]:
    """How often lines are drawn in each color, as ``#rrggbb``."""
    found: Counter[str] = Counter()
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(packed)
        except zlib.error:  # a font, or a picture of another kind
            continue
        for color in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) RG\b", text):
            found["#" + "".join(f"{round(float(part) * 255):02x}" for part in color)] += 1
    return found


def test_every_panel_of_a_long_report_is_on_paper(
    told: Server, visit: Callable[..., Visitor]
) -> None:
    """Printed from a dark screen that shows its beginning only: light, and nothing is missing."""
    words = "Some words that take their room.\n\n" * 8
    panels = ["lines:loss", "lines:loss|acc", "formula:loss * 2", "scatter:config.lr;last(loss)"]
    blocks = [f"## Part {n}\n\n{words}```panel\npanel: {panels[n % 4]}\n```\n" for n in range(8)]
    ask(told.url, "/api/v1/reports", {"project": "told", "title": "Long", "text": "".join(blocks)})
    page = visit(told.url, color_scheme="dark").go("/p/told/reports/long")
    page.locator("figure").nth(7).wait_for()
    until(lambda: page.locator('figure[data-panel-state="shown"]').count() == 8, 30, "all panels")
    lines = [n for n in range(8) if n % 4 != 3]
    until(lambda: all(curves(page, n) >= 2 for n in lines), 30, "what is out of view")
    until(lambda: page.locator("figure .scatter canvas").count() == 2, 30, "the scatter plots")
    assert page.evaluate("document.scrollingElement.scrollTop") == 0
    pdf = page.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1
    drawn = strokes(pdf)
    # Two runs in four panels of one line each, and in two panels of two.
    assert sum(drawn[color] for color in LIGHT) >= 16, drawn
    assert not any(drawn[color] for color in DARK), drawn


def test_charts_and_comparisons_are_put_into_reports(
    told: Server, visit: Callable[..., Visitor]
) -> None:
    """A panel's menu makes a report; compared runs add their table; a phone shows both."""
    page = visit(told.url).workspace("told")
    panel = page.locator('section.panel[data-panel="acc"]')
    panel.hover()
    panel.get_by_role("button", name="More about acc").click()
    page.get_by_role("menuitem", name="Add to report").click()
    dialog = page.get_by_role("dialog", name="Add to report")
    dialog.get_by_label("Title").fill("Found")
    dialog.get_by_label("Frozen").check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    dialog.get_by_role("link", name="Open the report").click()
    page.wait_for_url("**/reports/found")
    until(lambda: curves(page, 0) == 2, what="the panel in the report")

    other = visit(told.url, viewport={"width": 390, "height": 844}, color_scheme="dark")
    small = other.go("/p/told/compare?r=n0,n1")
    small.get_by_role("button", name="Add to report").click()
    small.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    small.get_by_role("link", name="Open the report").click()
    small.get_by_role("cell", name="config.lr").wait_for()
    until(lambda: curves(small, 0) == 2, what="the panel on a phone")
    assert small.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert serious(small) == []


def test_two_writers_are_both_heard_and_bad_panels_say_so(
    told: Server, visit: Callable[..., Visitor]
) -> None:
    """The second to save chooses; a panel that cannot be shown tells it in its place."""
    report = connect(home=told.home).add_report("told", "Both", "Base.")
    visitor = visit(told.url)
    visitor.forgiven = REFUSED
    page = visitor.go("/p/told/reports/both?edit=1")
    text = editor(page).get_by_label("Text of the report")
    text.fill(
        "Mine.\n\n```panel\npanel: pie:loss\n```\n\n```panel\npanel: lines:loss\nruns: gone\n```\n"
    )
    page.get_by_text("expected one of lines").wait_for()
    page.get_by_text("Not there any more: gone.").wait_for()
    report.update(text="Theirs.")
    text.press("Control+s")
    page.get_by_text("saved this report while you wrote").wait_for()
    page.get_by_role("region", name="Theirs").get_by_text("Theirs.").wait_for()
    page.get_by_role("button", name="Put theirs below mine").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Theirs.").wait_for()
    assert page.get_by_text("Mine.").count() == 1

    def kept() -> str:
        return connect(home=told.home).report("told", "both").text

    until(lambda: "Mine." in kept(), what="what was saved")
    assert kept().endswith("Theirs.")


_SHOTS = """
import numpy as np
run = epochal.init(project="shown", name="shots", id="shots", settings=QUIET)
run.log({"shot": epochal.Image(np.full((24, 24, 3), 200, np.uint8), caption="the last shot"),
         "scores": epochal.Table(columns=["n"], data=[[7]]), "loss": 1.0,
         "many": [epochal.Image(np.full((24, 24, 3), n, np.uint8)) for n in range(24)]})
run.finish()
"""


def test_media_far_below_are_there_before_anybody_scrolls(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """The browser's own print waits for nothing, and no picture is cut, as paper cannot scroll."""
    run_script(server.home, _SHOTS)
    wait_known(server.url, "shown", "shots")
    words = "Words that take room.\n\n" * 120
    text = f"{words}```panel\npanel: media:many\n```\n"
    connect(home=server.home).add_report("shown", "Far", text)
    page = visit(server.url).go("/p/shown/reports/far")
    page.locator("figure .items img").first.wait_for(state="attached", timeout=60_000)
    assert page.evaluate("document.scrollingElement.scrollTop") == 0
    page.emulate_media(media="print")
    cut = page.locator("figure .media").evaluate("(m) => m.scrollHeight - m.clientHeight")
    assert cut <= 1


def test_frozen_pictures_outlive_their_run_and_every_save_can_be_undone(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """The panel keeps what it showed; the history tells each save and leads back."""
    run_script(server.home, _SHOTS)
    wait_known(server.url, "shown", "shots")
    reader = connect(home=server.home)
    text = "".join(f"```panel\npanel: media:{key}\n```\n\n" for key in ("shot", "scores"))
    reader.add_report("shown", "Shots", text)
    page = visit(server.url).go("/p/shown/reports/shots")
    for number, name in enumerate(("the last shot", "7")):
        figure = page.locator("figure[data-panel-state]").nth(number)
        figure.get_by_text(name, exact=True).first.wait_for()
        figure.hover()
        figure.get_by_role("button", name="Freeze").click()
        figure.get_by_text("frozen 20").wait_for()
        figure.get_by_text(name, exact=True).first.wait_for()
    for run in list(reader.runs("shown")):
        run.delete()
    page.reload()
    picture = page.locator("figure[data-panel-state] img").first
    until(lambda: picture.evaluate("(i) => i.complete && i.naturalWidth") == 24)
    page.get_by_text("7", exact=True).first.wait_for()

    reader.report("shown", "shots").update(text="All gone.", title="Nothing")
    page.reload()
    page.get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog", name="History of Nothing")
    dialog.get_by_text("panel: media:scores").first.wait_for()
    assert dialog.locator("[data-revision]").count() == 4
    dialog.locator("[data-revision='4']").focus()
    page.keyboard.press("ArrowDown")
    until(lambda: dialog.get_by_text("frozen:").count() == 1, what="what the third save changed")
    dialog.get_by_role("button", name="Since then").click()
    dialog.get_by_text("All gone.").wait_for()
    assert serious(page) == []
    dialog.get_by_role("button", name="Restore").click()
    page.get_by_role("heading", name="Shots").wait_for()
    until(lambda: picture.evaluate("(i) => i.complete && i.naturalWidth") == 24)
    assert [row.revision for row in reader.report("shown", "shots").versions()] == [5, 4, 3, 2, 1]


def test_words_that_were_not_saved_outlive_the_page_that_held_them(
    told: Server, visit: Callable[..., Visitor]
) -> None:
    """A failed look at theirs, leaving in a conflict, and leaving while a save is under way."""
    reader = connect(home=told.home)
    report = reader.add_report("told", "Left", "Base.")
    visitor = visit(told.url)
    visitor.forgiven = (*REFUSED, "Failed to load resource: net::ERR_FAILED")
    page = visitor.go("/p/told/reports/left?edit=1")
    text = editor(page).get_by_label("Text of the report")
    text.fill("Mine.")
    report.update(text="Theirs.")
    page.route("**/api/v1/reports/resolve?*", lambda route: route.abort())
    text.press("Control+s")
    page.get_by_role("alert").get_by_text("was not saved").wait_for()
    page.unroute("**/api/v1/reports/resolve?*")
    text.press("Control+s")
    page.get_by_text("saved this report while you wrote").wait_for()

    page.get_by_role("link", name="told", exact=True).click()
    text.wait_for(state="detached")
    page.go_back()
    page.get_by_text("saved this report while you wrote").wait_for()
    assert text.input_value() == "Mine."
    assert reader.report("told", "left").text == "Theirs."
    page.get_by_role("button", name="Keep mine").click()
    until(lambda: reader.report("told", "left").text == "Mine.", what="my words in the report")

    text.fill("Mine. More.")
    waiting = held(page, "**/api/v1/reports?*")
    text.press("Control+s")
    until(lambda: page.evaluate("1") and waiting, what="a save under way")
    text.fill("Mine. More. The last.")
    page.get_by_role("link", name="told", exact=True).click()
    text.wait_for(state="detached")

    def both_saved() -> bool:
        while waiting:
            waiting.pop(0).continue_()
        page.evaluate("1")
        return reader.report("told", "left").text == "Mine. More. The last."

    until(both_saved, what="the last words in the report")
    until(
        lambda: page.evaluate("Object.keys(sessionStorage).every((k) => !k.includes('draft'))"),
        what="no draft that is left",
    )
