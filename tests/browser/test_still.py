"""What comes late has its room from the beginning: nothing that is on screen moves for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, held, until

pytestmark = pytest.mark.browser

MOST = 0.05
"""Cumulative layout shift: beyond 0.1 a page is felt to jump."""
MOST_OF_MEDIA = 0.02
WATCH = """
window.__moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    window.__moved.push([entry.value, entry.sources.map((s) => s.node?.className ?? "").join()]);
}).observe({ type: "layout-shift", buffered: true });
"""
REPORT = """# What it saw

```panel
panel: media:val/scene
```

Some words between.

```panel
panel: media:val/roc
```

```panel
panel: ridge:train/weights
```

```panel
panel: lines:train/loss
```

The end.
"""
LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]


def come(visit: Callable[..., Visitor], url: str, scheme: str, width: int) -> Visitor:
    visitor = visit(url, color_scheme=scheme, viewport={"width": width, "height": 900})
    visitor.context.add_init_script(WATCH)
    return visitor


def let_go(page: Page, pattern: str, waiting: list[Route]) -> None:
    """Answer what waited, and what is asked from now on."""
    page.route(pattern, lambda route: route.continue_())
    for route in waiting:
        route.continue_()


def moved(page: Page) -> list[tuple[float, str]]:
    """Every move, after two frames in which the last one was drawn."""
    page.evaluate(
        "() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"
    )
    found: list[tuple[float, str]] = page.evaluate("() => window.__moved")
    return found


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_panels_of_a_report_come_into_their_room(
    gallery: Gallery, visit: Callable[..., Visitor], scheme: str, width: int
) -> None:
    """Media arrive when the text stands: the words between and below stay where they were."""
    name = f"seen-{scheme}-{width}"
    gallery.ask("/api/v1/reports", {"project": "media", "title": name, "text": REPORT})
    visitor = come(visit, gallery.url, scheme, width)
    parts, media = held(visitor.page, "**/charts.js**"), held(visitor.page, "**/api/v1/media/**")
    page = visitor.go(f"/p/media/reports/{name}")
    page.get_by_text("The end.").wait_for()
    until(lambda: page.evaluate("1") and parts, what="the question for the parts of the page")
    until(lambda: page.locator('figure[data-panel-state="shown"]').count() == 4)
    let_go(page, "**/charts.js**", parts)
    until(lambda: page.evaluate("1") and media, what="the question for media")
    let_go(page, "**/api/v1/media/**", media)
    page.locator("figure img").first.wait_for()
    page.locator("figure .xy path").first.wait_for()
    found = moved(page)
    assert sum(value for value, _ in found) < MOST, found


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_metrics_of_a_model_come_into_their_columns(
    gallery: Gallery, visit: Callable[..., Visitor], scheme: str, width: int
) -> None:
    """The table of versions is there with the metrics of their runs, at once."""
    visitor = come(visit, gallery.url, scheme, width)
    waiting = held(visitor.page, "**/api/v1/runs/query")
    page = visitor.go("/models/digits")
    page.get_by_role("heading", name="digits").wait_for()
    until(lambda: page.evaluate("1") and waiting, what="the question for metrics")
    let_go(page, "**/api/v1/runs/query", waiting)
    page.get_by_role("table", name="Versions").locator("th.metric").first.wait_for()
    page.get_by_role("region", name="Versions of the model").wait_for()
    found = moved(page)
    assert sum(value for value, _ in found) < MOST, found


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["media/r/second", "hostile-media/r/hostile"])
def test_media_of_a_run_come_together(
    gallery: Gallery,
    visit: Callable[..., Visitor],
    width: int,
    path: str,
) -> None:
    """Pictures, plots, tables, texts and frames come one by one, and nothing moves for them."""
    visitor = come(visit, gallery.url, "light", width)
    visitor.forgiven = ("Loading the image",)  # of a hostile page in its frame, refused
    blobs, media = held(visitor.page, "**/blobs/**"), held(visitor.page, "**/api/v1/media/**")
    page = visitor.go(f"/p/{path}/media")
    until(lambda: page.evaluate("1") and media, what="the question for media")
    let_go(page, "**/api/v1/media/**", media)
    page.locator("main .media figure").first.wait_for(state="attached")
    let_go(page, "**/blobs/**", blobs)
    page.locator("main .media figure").first.wait_for()
    visitor.wait_rest(0.5)
    found = moved(page)
    assert sum(value for value, _ in found) < MOST_OF_MEDIA, found


def test_media_that_fail_say_so_and_are_asked_for_again(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A question or the bytes of a text that fail hide nothing, and need no reload."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Failed to load resource",)
    page = visitor.page
    for pattern in ("**/api/v1/media/query", "**/blobs/**"):
        page.route(pattern, lambda route: route.fulfill(status=500, body="no JSON"))
    page = visitor.go("/p/media/r/second/media")
    card = page.locator('[data-media="train/curve"]')
    card.get_by_text("the server answered 500").wait_for()
    page.unroute("**/api/v1/media/query")
    page.locator('[data-media="val/digits"] figure').first.wait_for()
    table = page.locator('[data-media="val/table"]')
    table.scroll_into_view_if_needed()
    table.get_by_text("the server answered 500").wait_for()
    page.unroute("**/blobs/**")
    table.get_by_text("the server answered 500").wait_for(state="hidden")
    table.get_by_text("150 rows, 5 columns").wait_for()


def test_a_model_whose_metrics_fail_shows_its_versions_and_asks_again(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """What is known is shown, what is not is told, and comes when it can."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Failed to load resource",)
    visitor.page.route(
        "**/api/v1/runs/query", lambda route: route.fulfill(status=500, body="no JSON")
    )
    page = visitor.go("/models/digits")
    versions = page.get_by_role("region", name="Versions of the model")
    versions.wait_for()
    page.get_by_text("The metrics could not be read: the server answered 500").wait_for()
    assert versions.locator("th.metric").count() == 0
    page.unroute("**/api/v1/runs/query")
    versions.locator("th.metric").first.wait_for()
    page.get_by_text("The metrics could not be read").wait_for(state="hidden")
