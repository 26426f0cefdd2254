"""axe-core, the accessibility checker, run on an open page. It comes with the page's own tools."""

from __future__ import annotations

import functools
from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const found = await axe.run(document, {
    resultTypes: ["violations"],
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    elementRef: true,
  });
  // Lines of a drawing's text have no space between them, so their name never holds them as one.
  const drawn = (v, n) => v.id === "label-content-name-mismatch" && n.element.closest("svg");
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  const told = bad.map((v) => [v, v.nodes.filter((n) => !drawn(v, n))]);
  const at = (nodes) => nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ");
  return told.filter(([, nodes]) => nodes.length > 0)
    .map(([v, nodes]) => `${v.id}: ${v.help} at ${at(nodes)}`);
}"""


@functools.cache
def _source() -> str:
    assert SCRIPT.exists(), f"{SCRIPT} is missing: run `npm ci` in web/"
    return SCRIPT.read_text()


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical on a page as it stands."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    return list(page.evaluate(RUN))
