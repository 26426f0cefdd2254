"""Finding by keys: the filter completes what is typed, and Ctrl K goes anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import serious
from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, held, rows, until

pytestmark = pytest.mark.browser


UNREAD = "Failed to load resource: the server responded with a status of 400"


def options(page: Page) -> list[str]:
    """What the filter suggests."""
    return page.get_by_role("listbox", name="Suggestions").locator("code").all_inner_texts()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_filter_is_written_from_suggestions_by_keys_alone(
    gallery: Gallery, visit: Callable[..., Visitor], theme: str
) -> None:
    """Field, operator, value and tag are taken; Enter without a choice filters; Escape closes."""
    visitor = visit(gallery.url, color_scheme=theme)
    visitor.forgiven = (UNREAD,)
    page = visitor.workspace("resnets", "?sort=name&cols=config.optim.name")
    until(lambda: len(rows(page)) == 6)
    asked = len([url for url in visitor.requests if "/projects/keys" in url])
    page.keyboard.press("/")
    box = page.get_by_label("Filter runs")
    listed = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    page.keyboard.type("optim")
    until(lambda: options(page) == ["config.optim.name"], what="the key by a part of its name")
    assert box.get_attribute("aria-activedescendant") is None
    page.keyboard.press("ArrowDown")
    expect(listed.first).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == "query-option-0"
    assert serious(page) == []
    page.keyboard.press("Tab")
    expect(box).to_have_value("config.optim.name ")
    expect(listed.first).to_contain_text("==")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(lambda: set(options(page)) == {'"sgd"', '"adamw"'}, what="texts of the loaded runs")
    page.keyboard.type('"s')
    until(lambda: options(page) == ['"sgd"'])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("and base")
    until(lambda: options(page) == ['"baseline" in tags'])
    listed.click()
    expect(box).to_have_value('config.optim.name == "sgd" and "baseline" in tags ')
    until(lambda: rows(page) == ["r18-0"], what="the run that the taken words find")
    page.keyboard.type("or sta")
    until(lambda: "state" in options(page))
    page.keyboard.press("Escape")
    until(lambda: options(page) == [])
    assert box.input_value().endswith("or sta")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    until(lambda: len(rows(page)) == 6)
    page.keyboard.type("loss")
    until(lambda: options(page) == ["last(train/loss)"])
    page.keyboard.press("Enter")
    expect(box).to_have_value("loss")
    assert options(page) == []
    assert len([url for url in visitor.requests if "/projects/keys" in url]) == asked


def test_control_k_goes_to_runs_charts_pages_and_actions_by_name(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """By keys alone, while typing too; the help names it; Escape gives the focus back."""
    page = visit(gallery.url).workspace("resnets", "?sort=name&fold=train")
    until(lambda: len(rows(page)) == 6)
    filter_box = page.get_by_label("Filter runs")
    filter_box.focus()
    find = page.get_by_label("Find runs, metrics, pages and actions")
    listed = page.get_by_role("listbox", name="Found").get_by_role("option")

    expect(find).to_have_count(0)
    waiting = held(page, "**/static/finder.js*")
    page.keyboard.press("Control+k")
    until(lambda: page.evaluate("1") and waiting, what="the part of the page that finds")
    page.keyboard.type("r18x-")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    waiting[0].continue_()
    expect(find).to_have_value("r18")
    expect(find).to_be_focused()
    expect(filter_box).to_have_value("")
    find.fill("")
    expect(listed.get_by_text("r18-3", exact=True)).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(find).to_have_count(0)
    expect(filter_box).to_be_focused()

    expect(find).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(find).to_be_focused()
    page.keyboard.type("train")
    expect(listed.first).to_contain_text("train/loss")
    page.keyboard.press("Enter")
    page.wait_for_url("**full=train/loss*")
    page.locator('[data-panel="train/loss"] canvas').first.wait_for()
    page.keyboard.press("Escape")
    until(lambda: "full=" not in page.url, what="the charts again")

    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expect(find).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(find).to_be_focused()
    page.keyboard.type("light dark")
    expect(listed).to_have_count(1)
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("getComputedStyle(document.body).backgroundColor") != light)

    expect(find).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(find).to_be_focused()
    page.keyboard.type("zzz")
    page.get_by_text("Nothing is called that.").wait_for()
    assert serious(page) == []
    find.fill("8-4")
    expect(listed).to_have_text([re.compile("r18-4")])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/r/r18-4")

    expect(find).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(find).to_be_focused()
    page.keyboard.type("sweeps")
    expect(listed).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/sweeps")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog").locator("kbd", has_text="Ctrl K")).to_have_count(1)
