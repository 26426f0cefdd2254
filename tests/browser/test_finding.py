"""Finding things without the mouse: the filter completes what is typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import serious
from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, rows, until

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
