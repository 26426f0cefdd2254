"""One run's page: a step for all tabs, a log that is searched, notes that two write, the stop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.clients import QUIET, run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, held, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

LOOP = f"""
import time
import epochal
with epochal.init(project="stops", id="r", settings={QUIET!r}) as run:
    run.log({{"loss": 0.5}})
    while not run.should_stop:
        time.sleep(0.05)
"""

BEST = f"""
import epochal
with epochal.init(project="best", id="r", settings={QUIET!r}) as run:
    for value in (0.5, 0.75, 0.25):
        run.log({{"acc": value, "loss": 1 - value}})
    run.summary["acc"] = 0.75
"""


def test_one_step_goes_with_every_tab(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """Arrows move it, the address keeps it, number keys open the tabs, a dot follows again."""
    page = visit(gallery.url).go("/p/resnets/r/r18-0/charts")
    page.locator('[data-panel="train/loss"] canvas').wait_for()
    step = page.get_by_label("Step to show")
    step.wait_for()
    assert step.input_value() == "399"
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/charts?at=390")
    page.keyboard.press("4")
    page.wait_for_url("**/logs?at=390")
    page.keyboard.press("2")
    page.wait_for_url("**/charts?at=390")
    assert step.input_value() == "390"
    page.keyboard.press(".")
    page.wait_for_url("**/charts")
    for key, tab in enumerate(("", "charts", "system", "logs", "media", "gradients", "files")):
        page.keyboard.press(str(key + 1))
        page.wait_for_url(f"**/r18-0{'/' if tab else ''}{tab}")
    page.keyboard.press("9")
    page.get_by_role("heading", name="No notes yet").wait_for()


def test_lines_that_come_when_their_tab_was_left_are_dropped(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Who is faster than the log hears nothing of it; coming back shows the end of the log."""
    page = visit(gallery.url).go("/p/talker/r/talker")
    page.get_by_role("region", name="Summary", exact=True).wait_for()
    pattern = "**/api/v1/runs/*/logs?*"
    waiting = held(page, pattern)
    page.keyboard.press("4")
    until(lambda: page.evaluate("1") and waiting, what="the question for lines")
    page.keyboard.press("1")
    page.get_by_role("region", name="Summary", exact=True).wait_for()
    assert page.locator(".logs").count() == 0
    with page.expect_response(pattern) as came:
        for route in waiting:
            route.continue_()
    came.value.finished()
    page.unroute(pattern)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    page.keyboard.press("4")
    page.locator(
        ".logs .row", has=page.get_by_role("button", name="100000", exact=True)
    ).wait_for()


def test_a_run_that_comes_when_its_page_was_left_leads_nowhere(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Back, while the run is still asked for: the table stays."""
    page = visit(gallery.url).go("/p/talker/runs")
    pattern = "**/api/v1/runs/resolve*"
    waiting = held(page, pattern)
    page.locator(".grid-lead a").click()
    until(lambda: page.evaluate("1") and waiting, what="the question for the run")
    page.go_back()
    page.locator(".grid-lead a").first.wait_for()
    with page.expect_response(pattern) as came:
        for route in waiting:
            route.continue_()
    came.value.finished()
    page.unroute(pattern)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert urlsplit(page.url).path == "/p/talker/runs"


def test_the_open_tab_is_in_sight_on_a_phone(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    page = visit(gallery.url, viewport={"width": 390, "height": 844}).go(
        "/p/resnets/r/r18-0/notes"
    )
    tab = page.get_by_role("tab", name="Notes")
    tab.wait_for()
    # Scrolling knows whole pixels only.
    until(lambda: (box := tab.bounding_box()) is not None and box["x"] + box["width"] < 391)


_NESTED = """
run = epochal.init(project="nested", id="n", settings=QUIET)
names = ("decoder", "encoder_of_pictures", "a_model_whose_name_is_wider_than_any_phone_" * 2)
run.log({f"{group}/m{at}": at / 8 for group in names for at in range(12)}, step=1)
run.finish()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_groups_of_a_summary_have_their_names_on_a_phone(
    home: Path, server: Server, visit: Callable[..., Visitor], scheme: str
) -> None:
    """All of each name is in view, and the values of what is in it stand beside their keys."""
    run_script(home, _NESTED)
    wait_known(server.url, "nested", "n", 1)
    visitor = visit(server.url, color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = visitor.go("/p/nested/r/n")
    summary = page.get_by_label("Summary", exact=True)
    folds = summary.locator(".fold")
    until(lambda: folds.count() == 3, what="the groups")
    inside = """(button) => {
      const words = document.createRange();
      words.selectNodeContents(button);
      const text = words.getBoundingClientRect();
      const card = button.closest("section").getBoundingClientRect();
      return [text.width > 40, text.left >= card.left, text.right <= card.right];
    }"""
    for fold in folds.all():
        assert fold.evaluate(inside) == [True, True, True], fold.inner_text()
    assert "decoder" in "".join(folds.all_inner_texts())
    values = summary.locator("tr.inside").first.locator("td").nth(1)
    box = values.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_matches_of_a_log_are_counted_and_walked_through_in_their_place(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """99 of 100,000 lines match; `n` and `N` go from one to the next, marked among the others."""
    page = visit(gallery.url).go("/p/talker/r/talker/logs")
    page.locator(".logs .row").first.wait_for()
    status = page.locator(".logs").get_by_role("status")
    page.keyboard.press("/")
    page.keyboard.type("LOSS 0.5")
    until(lambda: "99 matches" in status.inner_text(), what="the count")
    page.get_by_role("button", name="Only matches").click()
    until(lambda: "99 matches" in status.inner_text())
    page.locator(".logs .box").click()
    page.keyboard.press("n")
    until(lambda: "1 of 99 matches" in status.inner_text())
    page.keyboard.press("n")
    until(lambda: "2 of 99 matches" in status.inner_text())
    here = page.locator(".logs .row.here")
    until(lambda: here.count() == 1 and "epoch 1 loss 0.5" in here.inner_text())
    assert page.locator(".logs .found").first.is_visible()
    page.keyboard.press("N")
    until(lambda: "epoch 0 loss 0.5" in here.inner_text())


def test_a_summary_value_that_was_set_stands_beside_the_last_one(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Who sets ``run.summary["acc"]`` sees it, as others who read the run do."""
    started = {**os.environ, "EPOCHAL_HOME": str(server.home)}
    subprocess.run([sys.executable, "-c", BEST], env=started, check=True)
    wait_known(server.url, "best", "r")
    page = visit(server.url).go("/p/best/r/r")
    rows = page.get_by_label("Summary values").locator("tbody tr")
    rows.filter(has_text="acc").wait_for()
    until(lambda: "summary 0.75" in rows.filter(has_text="acc").inner_text())
    assert rows.filter(has_text="acc").locator("td").nth(1).inner_text() == "0.25"
    assert "summary" not in rows.filter(has_text="loss").inner_text()


def test_the_stop_button_ends_the_process(
    server: Server, home: object, visit: Callable[..., Visitor]
) -> None:
    """A real training process hears it; the page tells who asked, and shows the run killed."""
    started = {**os.environ, "EPOCHAL_HOME": str(server.home)}
    with subprocess.Popen([sys.executable, "-c", LOOP], env=started) as process:
        try:
            wait_known(server.url, "stops", "r")
            page = visit(server.url).go("/p/stops/r/r")
            stop = page.get_by_role("button", name="Stop")
            stop.click()
            page.get_by_role("button", name="Stop: sure?").wait_for()
            page.get_by_role("heading", name="Summary").click()  # a slip of the hand ends nothing
            page.get_by_role("button", name="Stop", exact=True).wait_for()
            assert wait_known(server.url, "stops", "r")["stop"] is None
            stop.click()
            stop.click()
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()
    page.get_by_text("killed").wait_for()
    page.get_by_text("asked this run to stop").wait_for()
    assert page.get_by_role("button", name="Stop").count() == 0


def test_a_wide_table_in_notes_leaves_the_text_beside_it_on_a_phone(
    home: Path, server: Server, visit: Callable[..., Visitor], client: Callable[..., object]
) -> None:
    """It scrolls by itself, with whole words in its cells."""
    columns = [f"column{number}" for number in range(30)]
    head, line = "|".join(columns), "|".join("--" for _ in columns)
    notes = f"{'words ' * 60}\n\n|{head}|\n|{line}|\n|{head}|\n"
    client(project="wide", id="r", settings=QUIET, notes=notes).log(0, loss=0.5)  # type: ignore[attr-defined]
    wait_known(server.url, "wide", "r")
    page = visit(server.url, viewport={"width": 390, "height": 844}).go("/p/wide/r/r/notes")
    page.get_by_role("cell", name="column29").first.wait_for()
    text, cell = (page.locator(f".markdown {part}").first.bounding_box() for part in ("p", "td"))
    assert text is not None
    assert cell is not None
    assert text["width"] < 390
    assert cell["height"] < 40, "one line"
    assert page.locator(".markdown table").evaluate("(e) => e.scrollWidth > e.clientWidth")


def test_notes_that_two_write_at_once_are_both_kept(
    server: Server, client: Callable[..., object], visit: Callable[..., Visitor]
) -> None:
    """Who saves later sees the other's words and chooses; nothing is written over unasked."""
    client(project="notes", id="r", settings=QUIET).log(0, loss=0.5)  # type: ignore[attr-defined]
    wait_known(server.url, "notes", "r")
    visitors = [visit(server.url), visit(server.url)]
    for visitor in visitors:
        visitor.forgiven = ("Failed to load resource: the server responded with a status of 409",)
    one, two = (visitor.go("/p/notes/r/r/notes") for visitor in visitors)
    for page, words in ((one, "# Mine\n\n**bold**"), (two, "theirs")):
        page.get_by_role("button", name="Write notes").click()
        page.get_by_label("Notes").fill(words)
    one.get_by_role("button", name="Save").click()
    one.locator(".markdown strong", has_text="bold").wait_for()
    two.get_by_role("button", name="Save").click()
    two.get_by_text("Somebody changed these notes while you wrote").wait_for()
    assert two.get_by_label("Notes").input_value() == "theirs"
    two.get_by_role("button", name="Put theirs below mine").click()
    two.get_by_role("button", name="Save").click()
    two.locator(".markdown", has_text="theirs").locator("strong", has_text="bold").wait_for()
