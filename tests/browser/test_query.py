"""The filter: what it means is the server's word; a mistake is shown and costs nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, rows, until

pytestmark = pytest.mark.browser


def test_a_filter_keeps_the_runs_that_match(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Typing filters without Enter, and the count says how many of how many."""
    page = visit(gallery.url).workspace("resnets")
    page.get_by_label("Filter runs").type('config.optim.name == "sgd" and "baseline" in tags')
    until(lambda: rows(page) == ["r18-0"], what="only the run that matches")
    assert "1 of 6" in page.locator(".side > .tools").inner_text()


def test_a_syntax_error_shows_its_place_and_keeps_the_rows(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The message marks the very character; the old rows stay; mending it brings the new ones."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    page = visitor.workspace("resnets", "?sort=name")
    before = until(lambda: rows(page))
    box = page.get_by_label("Filter runs")
    box.fill("config.lr = 0.1")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "==" in alert.inner_text()
    assert alert.locator("code").inner_text().replace("\n", "") == "config.lr = 0.1"
    place = alert.locator("code").evaluate(
        "code => code.textContent.indexOf(code.querySelector('mark').textContent)"
    )
    assert place == "config.lr = 0.1".index("=")
    assert rows(page) == before
    assert box.get_attribute("aria-invalid") == "true"
    box.fill("config.lr == 0.1")
    until(lambda: rows(page) == ["r18-0", "r18-3"], what="the rows of the mended filter")
    alert.wait_for(state="detached")


def test_a_filter_that_fits_nothing_says_so(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """An empty table is explained."""
    page = visit(gallery.url).workspace("resnets")
    page.get_by_label("Filter runs").fill("config.lr > 99")
    page.get_by_text("No run matches the filter.").wait_for()
    assert rows(page) == []


def test_a_mistake_in_a_long_filter_is_shown_with_what_is_around_it(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """All of it would lie over the page, and its message below the window."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    page = visitor.workspace("resnets")
    page.get_by_label("Filter runs").fill(
        "config.lr > 0 and " * 200 + "config.lr = 1 " + "x" * 500
    )
    alert = page.get_by_role("alert")
    alert.wait_for()
    shown = alert.locator("code").inner_text()
    assert (shown[0], shown[-1]) == ("…", "…")
    assert "config.lr = 1" in shown
    assert len(shown) < 300


@pytest.mark.parametrize("width", [720, 820, 1024, 1180])
def test_there_is_room_for_a_filter_on_a_tablet(
    gallery: Gallery, visit: Callable[..., Visitor], width: int
) -> None:
    """Beside the places of a project it had 66 pixels; it takes a line of its own."""
    page = visit(gallery.url, viewport={"width": width, "height": 1180}).workspace("resnets")
    box = page.get_by_label("Filter runs").bounding_box()
    assert box
    assert box["width"] >= 240
    chip = page.get_by_text("plotted").bounding_box()
    assert chip
    assert chip["y"] + chip["height"] <= box["y"] or chip["x"] >= box["x"] + box["width"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
