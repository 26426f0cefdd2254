"""Both themes, wide and narrow: nothing sticks out, everything has a name, text can be read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.gallery import Gallery
from tests.browser.places import everywhere
from tests.browser.visitor import Visitor, until

pytestmark = pytest.mark.browser

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
NEED_NAMES = frozenset({
    "button", "link", "textbox", "searchbox", "checkbox", "combobox", "slider", "tab", "menuitem",
    "option", "switch", "radio", "spinbutton", "separator", "grid",
})  # fmt: skip
TOKENS = ("text", "muted", "accent", "ok", "warn", "fail")
GROUNDS = ("bg", "panel")
ON_OTHER_GROUNDS = (("on-accent", "accent"), ("fail", "fail-tint"), ("warn", "warn-tint"),
                    ("accent", "selected"), ("text", "selected"), ("muted", "hover"))  # fmt: skip


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
def test_no_page_scrolls_sideways_and_all_can_be_used_by_everybody(
    gallery: Gallery, visit: Callable[..., Visitor], size: str
) -> None:
    """A window as wide as its page, a name for whoever cannot see, nothing serious for axe.

    In both themes: every other page is opened in the dark one, and then becomes light.
    """
    width, height = SIZES[size]
    visitor = visit(gallery.url, viewport={"width": width, "height": height})
    # The frame around hostile HTML refuses what it asks for.
    visitor.forgiven = ("Loading the image ",)
    barred: list[str] = []
    themes: list[Literal["light", "dark"]] = ["light", "dark"]
    for path, landmark in everywhere(gallery).items():
        page = visitor.go(path)
        page.locator(landmark).first.wait_for()
        for theme in themes:
            wear(page, theme)
            place = f"{path}, {theme}"
            wide = page.evaluate(
                """() => [document.documentElement, document.body].map((e) => e.scrollWidth)"""
            )
            assert max(wide) <= width, f"{place} is {wide} wide"
            assert nameless(visitor, page) == [], place
            if size == "wide":
                barred += [f"{place} {what}" for what in serious(page)]
        themes.reverse()
    assert not barred, "\n".join(barred)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(
    gallery: Gallery, visit: Callable[..., Visitor], theme: str
) -> None:
    """Every color of text against every ground that it stands on: at least 4.5 to 1."""
    page = visit(gallery.url, color_scheme=theme).go("/p/resnets")
    names = {*TOKENS, *GROUNDS, *(name for pair in ON_OTHER_GROUNDS for name in pair)}
    colors = page.evaluate(
        """(names) => Object.fromEntries(names.map((name) =>
             [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)]))""",
        sorted(names),
    )
    pairs = [*product(TOKENS, GROUNDS), *ON_OTHER_GROUNDS]
    weak = {
        pair: round(contrast(colors[pair[0]], colors[pair[1]]), 2)
        for pair in pairs
        if contrast(colors[pair[0]], colors[pair[1]]) < 4.5
    }
    assert not weak


def test_a_narrow_screen_shows_runs_and_a_chart_that_fits(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """At 390 pixels: cards that open a run, and a chart as wide as the screen."""
    visitor = visit(gallery.url, viewport={"width": 390, "height": 844}, has_touch=True)
    page = visitor.workspace("resnets")
    page.locator("ul.cards li").first.wait_for()
    chart = page.locator('[data-panel="train/loss"] canvas')
    chart.wait_for()
    box = until(chart.bounding_box)
    assert 300 < box["width"] <= 390
    page.locator("ul.cards li a").first.tap()
    page.wait_for_url("**/p/resnets/r/*")


def test_the_operating_system_decides_the_theme_until_somebody_chooses(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A page in the default follows the system at once, charts and all."""
    visitor = visit(gallery.url, color_scheme="dark")
    page = visitor.workspace("resnets")
    page.locator('[data-panel="train/loss"] canvas').wait_for()
    assert luminance(background(page)) < 0.05
    page.emulate_media(color_scheme="light")
    until(lambda: luminance(background(page)) > 0.9)


def wear(page: Page, theme: Literal["light", "dark"]) -> None:
    """Let the operating system have a theme, and wait until the page is painted in it."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        """(dark) => {
          const [r, g, b] = getComputedStyle(document.body).color.match(/\\d+/g).map(Number);
          return (r + g + b > 384) === dark;
        }""",
        arg=theme == "dark",
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def background(page: Page) -> str:
    """The color behind everything, as ``#rrggbb``."""
    parts = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    return "#" + "".join(f"{int(part):02x}" for part in parts[:3])


def nameless(visitor: Visitor, page: Page) -> list[dict[str, Any]]:
    """Interactive elements without an accessible name."""
    session = visitor.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        name = str(node.get("name", {}).get("value", "")).strip()
        if not node.get("ignored") and role in NEED_NAMES and not name:
            found.append({"role": role, "node": node.get("backendDOMNodeId")})
    assert nodes, "the page has no accessibility tree"
    return found


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    digits = color.strip().removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio as WCAG 2.2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
