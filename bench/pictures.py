"""Makes the pictures of docs/images from a server that shows real runs.

Run `epochal demo --no-browser --keep` and, beside it, `python -m bench.pictures ADDRESS` with the
address that the demo prints, up to the port. Needs Playwright and a Chromium, whose path is
EPOCHAL_TEST_CHROMIUM or /usr/bin/chromium. Each picture is 1440 by 810 pixels.
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


def best_run(address: str) -> str:
    """The id of the run with the best accuracy."""
    question = json.dumps({"project": PROJECT, "order": ["-max(val/acc)"], "limit": 1}).encode()
    request = urllib.request.Request(
        f"{address}/api/v1/runs/query", question, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["runs"][0]["id"])


def take(browser: Browser, url: str, theme: ColorScheme, path: Path, ready: str) -> None:
    """One picture, once ``ready`` holds on the page."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 810}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(ready)
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    path.write_bytes(page.screenshot())
    context.close()
    size = path.stat().st_size
    print(f"{path.name}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        sys.exit(f"{path} has {size:,} bytes; docs/images takes at most {MOST_BYTES:,}")


def main(address: str) -> None:
    """Both pages in both themes."""
    pages = {
        "workspace": (f"/p/{PROJECT}", "() => 'viewport' in window.__epochal.marks"),
        "run": (
            # Not the overview: it shows paths of the machine.
            f"/p/{PROJECT}/r/{best_run(address)}/charts",
            "() => 'viewport' in window.__epochal.marks",
        ),
    }
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (path, ready) in pages.items():
            for theme in THEMES:
                take(browser, address + path, theme, IMAGES / f"{name}-{theme}.png", ready)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
