"""A console of 100,000 lines: at its end at once, searched, colored, progress bars in one line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.clients import QUIET, run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

LOGS = "/p/talker/r/talker/logs"
LAST_LINE = """() => {
  const shown = [...document.querySelectorAll(".logs .row .text")].at(-1);
  return shown && shown.textContent.startsWith("step 99999");
}"""
IN_VIEW = """() => {
  const [box, last] = [document.querySelector(".logs .box"),
    [...document.querySelectorAll(".logs .row")].at(-1)].map((e) => e.getBoundingClientRect());
  return last.bottom <= box.bottom + 1;
}"""
FOLLOW = """(path) => {
  const link = Object.assign(document.createElement("a"), { href: path });
  document.body.append(link);
  link.click();
  link.remove();
}"""
READ = """() => performance.getEntriesByType("resource")
  .filter((e) => e.name.includes("/api/"))
  .reduce((sum, e) => sum + e.decodedBodySize, 0)"""


def lines(page: Page) -> list[str]:
    """The texts of the lines on screen."""
    return page.locator(".logs .row .text").all_inner_texts()


def test_a_long_log_opens_at_its_end(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """100,000 lines: the last one is on screen first; the page reads and holds what is seen."""
    page = visit(gallery.url).page
    page.goto(gallery.url + LOGS, wait_until="commit")
    page.wait_for_function(LAST_LINE, polling="raf")
    assert page.evaluate(READ) < 500_000  # a tenth of what the lines have
    count = page.get_by_role("status").inner_text()
    assert re.sub(r"\D", "", count) == "100000"
    assert page.locator(".logs .row").count() < 200
    page.get_by_role("region", name="Findings").get_by_text("No findings").wait_for()
    until(lambda: page.evaluate(IN_VIEW), what="the last line above what came later")


def test_search_finds_the_line_and_leads_to_its_place(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """One match among 100,000; its number links to the place, and the link survives a reload."""
    page = visit(gallery.url).go(LOGS)
    page.locator(".logs .row").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("NEEDLE is in")
    until(lambda: lines(page) == ["the needle is in line 77777"], what="the match")
    assert "1 match" in page.get_by_role("status").inner_text()
    page.locator(".logs .row .n").first.click()
    page.wait_for_url(lambda url: "line=" in url)
    until(lambda: "the needle is in line 77777" in lines(page) and len(lines(page)) > 3)
    page.reload()
    until(lambda: "the needle is in line 77777" in lines(page), what="the line after a reload")
    page.evaluate(FOLLOW, f"{LOGS}?line=500")
    until(lambda: page.locator(".logs .row.here").all_inner_texts(), what="a link to a line")
    assert "step 500 of the training" in page.locator(".logs .row.here").inner_text()


def test_a_progress_bar_is_one_line_and_colors_are_kept(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Carriage returns fold to the last state; SGR codes become colors, never visible signs."""
    page = visit(gallery.url).go(LOGS)
    page.locator(".logs .row").first.wait_for()
    search = page.get_by_label("Search the log")
    search.fill("progress")
    until(lambda: len(lines(page)) == 1, what="one line for the bar")
    assert lines(page) == ["progress 100%|##########|"]
    search.fill("epoch 7")
    until(lambda: lines(page)[:1] == ["epoch 7 loss 0.5"], what="the colored line")
    spans = page.locator(".logs .row").first.locator(".text span")
    assert spans.count() == 2
    colors = {spans.nth(i).evaluate("span => getComputedStyle(span).color") for i in (0, 1)}
    assert len(colors) == 2
    assert spans.nth(1).evaluate("span => getComputedStyle(span).fontWeight") == "600"


def test_new_lines_appear_at_the_end_while_the_run_prints(
    server: Server, home: object, visit: Callable[..., Visitor]
) -> None:
    """An open log follows: what another process prints is on screen by itself."""
    settings = {**QUIET, "console": True}
    script = f"""
    run = epochal.init(project="says", id="says", resume="allow", settings={settings!r})
    for number in range(300):
        print(sys.argv[1], number)
    run.log({{"loss": 1.0}})
    run.finish()
    """
    run_script(server.home, script, "first")
    wait_known(server.url, "says", "says")
    page = visit(server.url).go("/p/says/r/says/logs")
    until(lambda: "first 299" in lines(page), what="the end of the log")
    if page.get_by_role("button", name="Follow").get_attribute("aria-pressed") == "false":
        page.keyboard.press(".")
    run_script(server.home, script, "second")
    until(lambda: "second 299" in lines(page), seconds=30, what="the new end of the log")
