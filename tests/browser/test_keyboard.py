"""Every single key does what the help says, and none does anything while somebody types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, drawn, until, wait_drawn

pytestmark = pytest.mark.browser


@pytest.fixture
def page(gallery: Gallery, visit: Callable[..., Visitor]) -> Page:
    page = visit(gallery.url).workspace("resnets")
    wait_drawn(page, "train/loss", series=6)
    return page


def active(page: Page) -> str | None:
    """The id of the active row."""
    return page.locator("#runs-grid").get_attribute("aria-activedescendant")


def test_j_and_k_walk_the_rows_and_enter_opens_the_run(page: Page) -> None:
    """The active row goes down and up, and neither key leaves the table; Enter opens."""
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        wanted = f"runs-grid-row-{row}"
        page.locator(f"#runs-grid[aria-activedescendant={wanted}]").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/r/r18-5")


def test_space_hides_and_shows_the_run(page: Page) -> None:
    """Space takes the active run out of the charts and puts it back; the address tells."""
    page.keyboard.press("j")
    page.keyboard.press("Space")
    until(lambda: len(drawn(page, "train/loss")) == 5)
    assert "r18-5" not in page.url
    page.keyboard.press("Space")
    until(lambda: len(drawn(page, "train/loss")) == 6)


def test_slash_goes_to_the_filter_and_keys_are_text_there(page: Page) -> None:
    """While typing no shortcut works: not the theme, not the table, not the log axis."""
    theme = page.evaluate("document.documentElement.dataset.theme ?? null")
    page.keyboard.press("/")
    filter_box = page.get_by_label("Filter runs")
    assert filter_box.evaluate("box => box === document.activeElement")
    page.keyboard.type("d[l?j0 ")
    assert filter_box.input_value() == "d[l?j0 "
    assert page.evaluate("document.documentElement.dataset.theme ?? null") == theme
    assert page.locator("#runs-grid").count() == 1
    assert page.get_by_role("dialog").count() == 0
    assert active(page) is None
    page.keyboard.press("Escape")
    until(lambda: filter_box.input_value() == "")


def test_question_mark_opens_the_help_with_every_key(page: Page) -> None:
    """The help lists the keys of the page, and Escape closes it."""
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    listed = dialog.locator("kbd").all_inner_texts()
    assert {"?", "/", "d", "j", "k", "space", "[", "l", "0", "s", "f"} <= set(listed)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_bracket_hides_and_shows_the_table(page: Page) -> None:
    """[ gives the charts the whole window and the table comes back with the same key."""
    page.keyboard.press("[")
    page.locator("#runs-grid").wait_for(state="detached")
    page.keyboard.press("[")
    page.locator("#runs-grid").wait_for()


def test_l_makes_the_chart_under_the_pointer_logarithmic(page: Page) -> None:
    """The key acts on the hovered chart only, and undoes itself."""
    page.locator('[data-panel="train/loss"]').hover()
    page.keyboard.press("l")
    page.wait_for_url("**yl=train/loss*")
    pressed = page.get_by_role("button", name="Logarithmic y axis of train/loss")
    assert pressed.get_attribute("aria-pressed") == "true"
    assert "val" not in page.url
    page.keyboard.press("l")
    page.wait_for_url("**/p/resnets")


def test_d_switches_the_theme_and_the_choice_stays(page: Page) -> None:
    """The page is dark at once, and it is still dark after a reload."""
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    until(lambda: page.evaluate("getComputedStyle(document.body).backgroundColor") != light)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    wait_drawn(page, "train/loss", series=6)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_keys_with_control_held_belong_to_the_browser(page: Page) -> None:
    """Ctrl, Alt and Meta combinations are never taken."""
    for held in ("Control", "Alt", "Meta"):
        page.keyboard.press(f"{held}+j")
    assert active(page) is None
    page.keyboard.press("j")
    until(lambda: active(page) == "runs-grid-row-0")
