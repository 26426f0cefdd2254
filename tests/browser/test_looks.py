"""Both themes, wide and narrow: nothing sticks out, everything has a name, text can be read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.belongings import HOSTILE_NAME
from tests.browser.gallery import HOSTILE, Gallery
from tests.browser.visitor import Visitor, until

pytestmark = pytest.mark.browser

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
PROJECT = quote(HOSTILE["project"], safe="")
PAGES = {
    "/": "table",
    "/p/resnets": '[data-panel="train/loss"] canvas',
    "/p/many": '[data-panel="m/00"] canvas',
    "/p/resnets/r/r18-0": '[aria-label="Summary"]',
    "/p/resnets/r/r18-0/charts": '[data-panel="train/loss"] canvas',
    "/p/resnets/r/r18-0/system": "role=heading[name='No system metrics']",
    "/p/resnets/r/r18-0/notes": "role=heading[name='No notes yet']",
    "/p/resnets/compare?r=r18-0,r18-1,r18-2": "role=region[name='Values of the runs']",
    "/p/resnets/compare": "role=heading[name='Choose runs to compare']",
    "/p/talker/r/talker/logs": ".logs .row",
    "/p/media/r/first/media": '[data-media="train/weights"] rect',
    "/p/media/r/first/media?vs=second&at=40": '[data-media="train/curve"] .run',
    "/p/gradients/r/explodes/gradients?layer=block3.weight": '[aria-label^="Histograms of"] path',
    f"/p/{PROJECT}/r/hostile": '[aria-label="Summary"]',
    "/p/belongings/r/files/files?file=results/scores.csv": "role=cell >> nth=2",
    "/p/belongings/r/trainer-1/model": 'svg [data-box="input"]',
    "/p/belongings/artifacts": '[aria-label="Artifacts of the type dataset"]',
    f"/p/belongings/artifacts/{quote(HOSTILE_NAME, safe='')}@latest": '[aria-label="Metadata"]',
    "/p/belongings/artifacts/digits@latest/files": '[aria-label="Files"] .row',
    "/p/belongings/artifacts/digits@latest/versions": '[aria-label="Versions"]',
    "/p/belongings/artifacts/digits@latest/diff": '[aria-label="Added"]',
    "/p/belongings/artifacts/digits@latest/lineage": 'svg [data-box="digits:v2"]',
    "/models": '[aria-label="Registered models"]',
    "/models/digits": '[aria-label="History"] li',
}


def pipelines(gallery: Gallery) -> dict[str, str]:
    """The pages of pipelines: the list, a graph with a step beside it, and a comparison."""
    failed, fine = gallery.flows()
    return {
        "/p/flows/pipelines?unlisted=1": "table[aria-label='Pipeline runs'] tr >> nth=3",
        f"/p/flows/pipelines/{failed}/n/judge": "aside h2",
        f"/p/flows/pipelines/{fine}": "g.box",
        f"/p/flows/pipelines/{failed}?vs={fine}": "tr[data-step=judge]",
    }


REPORT = """# Which rate?

Small ones settle, as the table says.

```panel
panel: lines:train/loss|val/loss
log: y
```

| rate | loss |
|---|---|
| 0.1 | 0.02 |

```panel
panel: scatter:config.lr;last(train/loss)
```

```panel
panel: lines:nothing/at/all
```
"""


def reports(gallery: Gallery) -> dict[str, str]:
    """The pages of a report: the list, the report and its editor."""
    if not gallery.ask("/api/v1/reports?project=resnets")["reports"]:
        new = {"project": "resnets", "title": "Which rate?", "text": REPORT}
        gallery.ask("/api/v1/reports", new)
    return {
        "/p/resnets/reports": "role=link[name='Which rate?']",
        "/p/resnets/reports/which-rate": "[data-panel='report:0'] canvas",
        "/p/resnets/reports/which-rate?edit=1": "role=textbox[name='Text of the report']",
    }


NEED_NAMES = frozenset({
    "button", "link", "textbox", "searchbox", "checkbox", "combobox", "slider", "tab", "menuitem",
    "option", "switch", "radio", "spinbutton", "separator", "grid",
})  # fmt: skip
TOKENS = ("text", "muted", "accent", "ok", "warn", "fail")
GROUNDS = ("bg", "panel")
ON_OTHER_GROUNDS = (("on-accent", "accent"), ("fail", "fail-tint"), ("warn", "warn-tint"),
                    ("accent", "selected"), ("text", "selected"), ("muted", "hover"))  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme,size", list(product(("light", "dark"), SIZES)))
def test_no_page_scrolls_sideways_and_all_can_be_used_by_everybody(
    gallery: Gallery, visit: Callable[..., Visitor], theme: str, size: str
) -> None:
    """A window as wide as its page, a name for whoever cannot see, nothing serious for axe."""
    width, height = SIZES[size]
    visitor = visit(gallery.url, color_scheme=theme, viewport={"width": width, "height": height})
    # The frame around hostile HTML refuses what it asks for.
    visitor.forgiven = ("Loading the image ",)
    barred: list[str] = []
    for path, landmark in {**PAGES, **pipelines(gallery), **reports(gallery)}.items():
        page = visitor.go(path)
        page.locator(landmark).first.wait_for()
        wide = page.evaluate(
            """() => [document.documentElement, document.body].map((e) => e.scrollWidth)"""
        )
        assert max(wide) <= width, f"{path} is {wide} wide"
        assert nameless(visitor, page) == [], path
        if size == "wide":
            barred += [f"{path} {what}" for what in serious(page)]
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
