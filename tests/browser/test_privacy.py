"""Nothing leaves the machine, and what users write is text: it never becomes markup or a link."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.browser.gallery import HOSTILE, Gallery
from tests.browser.visitor import Visitor, until, wait_drawn

pytestmark = pytest.mark.browser

PROJECT = quote(HOSTILE["project"], safe="")
PAGES = {
    "projects": "/",
    "workspace": f"/p/{PROJECT}",
    "overview": f"/p/{PROJECT}/r/hostile",
    "charts": f"/p/{PROJECT}/r/hostile/charts",
    "system": f"/p/{PROJECT}/r/hostile/system",
    "logs": f"/p/{PROJECT}/r/hostile/logs",
}
SHOWN = {
    "projects": ["project"],
    "workspace": ["project", "name"],
    "overview": ["project", "name", "tag", "metric", "key", "value", "alert"],
    "charts": ["project", "name"],
    "system": ["project", "name"],
    "logs": ["project", "name"],
}
INJECTED = """() => ({
  owned: window.__owned ?? null,
  elements: document.querySelectorAll(
    'img, iframe, object, embed, script:not([src], [type="application/json"]), '
    + '[onerror], [onload], [onmouseover]').length,
  links: [...document.querySelectorAll('a[href]')].map((a) => a.href)
    .filter((href) => !href.startsWith(location.origin + '/')),
})"""


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_is_shown_as_text_on_every_page(
    gallery: Gallery, visit: Callable[..., Visitor], name: str
) -> None:
    """Names, tags, notes, keys, values, lines: no element and no script is made of them.

    When the visitor leaves, a request to another host, a violation of the policy or an error in
    the console fails this test as well.
    """
    visitor = visit(gallery.url)
    page = visitor.go(PAGES[name])
    for part in SHOWN[name]:
        page.get_by_text(HOSTILE[part], exact=False).first.wait_for()
    if name == "charts":
        wait_drawn(page, HOSTILE["metric"])
    if name == "overview":
        notes = page.get_by_label("Notes", exact=True)
        until(lambda: notes.input_value() == HOSTILE["note"], what="the notes")
    if name == "logs":
        for line in ("<img src=x onerror=window.__owned=1> console red", "click me"):
            page.locator(".logs .row").get_by_text(line).first.wait_for()
    page.mouse.move(400, 300)
    found = page.evaluate(INJECTED)
    assert found == {"owned": None, "elements": 0, "links": []}


def test_a_metric_of_any_name_does_not_break_the_workspace(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Keys with quotes, spaces and brackets are columns and charts like any others."""
    visitor = visit(gallery.url)
    page = visitor.workspace(HOSTILE["project"])
    wait_drawn(page, HOSTILE["metric"])
    row = page.locator("#runs-grid .grid-row:not([hidden])").first
    assert HOSTILE["name"] in row.inner_text()
    until(lambda: "0.0333" in row.inner_text(), what="the cell of the metric")
    assert page.evaluate(INJECTED) == {"owned": None, "elements": 0, "links": []}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_carries_the_content_security_policy(
    gallery: Gallery, visit: Callable[..., Visitor], name: str
) -> None:
    """Scripts, styles and connections come from this server only, and no site may frame it."""
    answer = visit(gallery.url).page.goto(gallery.url + PAGES[name])
    assert answer
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_policy_stops_an_inline_script(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Even if markup were made of somebody's text, its scripts would not run."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Executing inline event handler", "Failed to load resource")
    page = visitor.go("/")
    page.evaluate(
        """() => {
          const image = document.createElement("div");
          image.innerHTML = '<img src="/nothing-here.png" onerror="window.__owned = 1">';
          document.body.append(image);
        }"""
    )
    refused = until(lambda: page.evaluate("window.__violations"), what="the policy refuses")
    assert "script-src" in refused[0]
    assert page.evaluate("window.__owned ?? null") is None
    page.evaluate("window.__violations = []")
