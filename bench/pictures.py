"""Makes the pictures of docs/images from a server that shows real runs.

Run `epochal demo --no-browser --keep` and, beside it, `python -m bench.pictures ADDRESS` with the
address that the demo prints, up to the port. `python -m bench.pictures ADDRESS PROJECT RUN` takes
those of `PAGES` instead, of any project and run. Needs Playwright and a Chromium, whose path is
EPOCHAL_TEST_CHROMIUM or /usr/bin/chromium. Each picture is 1440 by 810 pixels, and of `PAGES` 1280
by 720.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Final, Literal, TypeAlias

from playwright.sync_api import Browser, sync_playwright

ColorScheme: TypeAlias = Literal["light", "dark"]

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
THEMES: Final[tuple[ColorScheme, ...]] = ("light", "dark")
MOST_BYTES: Final = 250_000
PROJECT: Final = "demo"
DRAWN: Final = "() => 'viewport' in window.__epochal.marks"
PAGES: Final = {
    "projects": ("/", "table a"),
    "table": ("/p/{project}/runs", "#runs-grid [role=row]"),
    "charts": ("/p/{project}/r/{run}/charts", "[data-panel] canvas"),
    "system": ("/p/{project}/r/{run}/system", "[data-panel] canvas"),
    "logs": ("/p/{project}/r/{run}/logs", ".logs .row .text"),
    "media": ("/p/{project}/r/{run}/media", "main svg, main img"),
    "gradients": ("/p/{project}/r/{run}/gradients", "[data-layer] canvas"),
    "files": ("/p/{project}/r/{run}/files", "text=output.log"),
    "model": ("/p/{project}/r/{run}/model", "text=Signature"),
    "notes": ("/p/{project}/r/{run}/notes", "text=Edit"),
    "artifacts": ("/p/{project}/artifacts", "main table"),
    "models": ("/models", "main table"),
}
"""Each page, and what stands on it when it is there. Not the overview: it shows the machine's
paths."""


def best_run(address: str) -> str:
    """The id of the run with the best accuracy."""
    question = json.dumps({"project": PROJECT, "order": ["-max(val/acc)"], "limit": 1}).encode()
    request = urllib.request.Request(
        f"{address}/api/v1/runs/query", question, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["runs"][0]["id"])


def take(
    browser: Browser, url: str, theme: ColorScheme, path: Path, ready: str, width: int = 1440
) -> None:
    """One picture, once ``ready`` (a function or what is to be seen) holds on the page."""
    context = browser.new_context(
        viewport={"width": width, "height": width * 9 // 16},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    if ready.startswith("()"):
        page.wait_for_function(ready)
    else:
        page.locator(ready).first.wait_for()
    page.wait_for_load_state("load")
    page.wait_for_timeout(1000)
    path.write_bytes(page.screenshot())
    context.close()
    size = path.stat().st_size
    print(f"{path.name}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        sys.exit(f"{path} has {size:,} bytes; docs/images takes at most {MOST_BYTES:,}")


def main(address: str, project: str = "", run: str = "") -> None:
    """All pages in both themes."""
    pages, prefix, width = PAGES, "page-", 1280
    if not project:
        project, prefix, width = PROJECT, "", 1440
        pages = {
            "workspace": ("/p/{project}", DRAWN),
            "run": (f"/p/{{project}}/r/{best_run(address)}/charts", DRAWN),
        }
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (path, ready) in pages.items():
            for theme in THEMES:
                url = address + path.format(project=project, run=run)
                take(browser, url, theme, IMAGES / f"{prefix}{name}-{theme}.png", ready, width)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), *sys.argv[2:])
