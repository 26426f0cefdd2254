"""Makes the pictures of docs/images from a server that shows real runs.

Run `epochal demo --no-browser --keep` and, beside it, `python -m bench.pictures ADDRESS` with the
address that the demo prints, up to the port: those of `DEMO` in both themes, and those of `TOUR`.
`python -m bench.pictures ADDRESS sweep` takes those of `SWEEP`, once `python
examples/sweep_digits.py 48` has searched in the same home, and `python -m bench.pictures ADDRESS
PROJECT RUN` those of `PAGES`, of any project and run. `sweeps-search.png` is drawn by `python -m
bench run --only sweeps`. Needs Playwright and a Chromium, whose path is EPOCHAL_TEST_CHROMIUM or
/usr/bin/chromium.
"""

from __future__ import annotations

import io
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ColorScheme: TypeAlias = Literal["light", "dark"]

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
THEMES: Final[tuple[ColorScheme, ...]] = ("light", "dark")
MOST_BYTES: Final = 250_000
PROJECT: Final = "demo"
DRAWN: Final = "() => 'viewport' in window.__epochal.marks"


@dataclass(frozen=True)
class Scene:
    """A page as it is to be seen: an address, what stands on it when it is there, a size.

    ``only`` is the selector of the part that is wanted; without one it is all that is in view.
    """

    path: str
    ready: str
    size: tuple[int, int] = (1280, 720)
    act: Callable[[Page], None] | None = None
    only: str = ""


def search_log(page: Page) -> None:
    """Only the lines that tell of the validation."""
    page.get_by_label("Search the log").fill("validation")
    page.get_by_text("4 matches").wait_for()


def load_panels(page: Page) -> None:
    """Every panel of a report drawn, with its head in view."""
    for panel in page.locator("[data-panel]").all():
        panel.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('main').scrollTop = 0")


def fill_sweep(page: Page) -> None:
    """The form of a new sweep, with two parameters."""
    page.get_by_role("button", name="New sweep").first.click()
    page.get_by_label("Metric").fill("val/loss")
    page.get_by_label("Most trials").fill("40")
    page.get_by_label("Program").fill("train.py")
    page.get_by_label("Name of parameter 1").fill("lr")
    page.get_by_label("Kind of parameter 1").select_option("log")
    page.get_by_label("Least value of parameter 1").fill("1e-5")
    page.get_by_label("Greatest value of parameter 1").fill("0.1")
    if page.get_by_label("Name of parameter 2").count() == 0:
        page.get_by_role("button", name="+ parameter").click()
    page.get_by_label("Name of parameter 2").fill("optimizer")
    page.get_by_label("Kind of parameter 2").select_option("choices")
    page.get_by_label("Values of parameter 2").fill("sgd, adam")


DEMO: Final = {
    "workspace": Scene("/p/demo", DRAWN, (1440, 810)),
    "run": Scene("/p/demo/r/{best}/charts", DRAWN, (1440, 810)),
}
PAGES: Final = {
    "page-projects": Scene("/", "table a"),
    "page-table": Scene("/p/{project}/runs", "#runs-grid [role=row]"),
    "page-charts": Scene("/p/{project}/r/{run}/charts", "[data-panel] canvas"),
    "page-system": Scene("/p/{project}/r/{run}/system", "[data-panel] canvas"),
    "page-logs": Scene("/p/{project}/r/{run}/logs", ".logs .row .text"),
    "page-media": Scene("/p/{project}/r/{run}/media", "main svg, main img"),
    "page-gradients": Scene("/p/{project}/r/{run}/gradients", "[data-layer] canvas"),
    "page-files": Scene("/p/{project}/r/{run}/files", "text=output.log"),
    "page-model": Scene("/p/{project}/r/{run}/model", "text=Signature"),
    "page-notes": Scene("/p/{project}/r/{run}/notes", "text=Edit"),
    "page-artifacts": Scene("/p/{project}/artifacts", "main table"),
    "page-models": Scene("/models", "main table"),
}
"""Not the overview: it shows the machine's paths."""
TOUR: Final = {
    "tour-workspace-light": Scene("/p/demo", DRAWN, (1280, 760)),
    "tour-run-light": Scene("/p/demo/r/{too-hot}", ".insights .chip", (1280, 760)),
    "tour-step-dark": Scene("/p/demo/r/{baseline}/charts?at=120", DRAWN, (1280, 760)),
    "tour-logs-light": Scene("/p/demo/r/{baseline}/logs", ".logs .row", (1280, 308), search_log),
    "tour-media-light": Scene("/p/demo/r/{baseline}/media", "main svg", (1280, 700)),
    "tour-gradients-dark": Scene(
        "/p/demo/r/{baseline}/gradients?layer=first.weight", "main path", (1280, 700)
    ),
    "tour-system-light": Scene("/p/demo/r/{baseline}/system", DRAWN, (1280, 640)),
    "tour-compare-light": Scene(
        "/p/demo/compare?r={baseline},{wide},{too-hot}", "main table", (1280, 642)
    ),
    "tour-compare-dark": Scene(
        "/p/demo/compare?r={baseline},{wide}&tab=charts", DRAWN, (1280, 640)
    ),
    "tour-phone-light": Scene("/p/demo/r/{too-hot}", ".insights .chip", (390, 760)),
    "tour-report-light": Scene(
        "/p/demo/reports/width-against-rate", "[data-panel] canvas", (960, 1300), load_panels
    ),
}
SWEEP: Final = {
    "sweep-light": Scene("/p/digits/sweeps/{sweep}", "[aria-label=Importance] ul", (1440, 900)),
    "sweep-brushed-dark": Scene(
        "/p/digits/sweeps/{sweep}?q=config.lr>=0.01+and+config.lr<=0.1",
        "[aria-label=Importance] ul",
        (1440, 900),
    ),
    "sweep-slice-light": Scene(
        "/p/digits/sweeps/{sweep}?slice=lr&against=dropout",
        "[aria-label=Slice] canvas",
        (1440, 900),
        only="section[aria-label=Slice]",
    ),
    "sweep-new-light": Scene("/p/digits/sweeps", "main table", (1440, 810), fill_sweep),
}
REPORT: Final = """Twice as wide learns no faster, and a rate of 2 ends it within a few steps.

```panel
panel: lines:train/loss|val/loss
title: The loss of both widths, logarithmic
runs: {baseline},{wide}
log: y
```

```panel
panel: heat:gradients/head.weight
title: Gradients of the last layer over steps
runs: {baseline},{wide}
```

```panel
panel: ridge:parameters/first.weight
title: How the weights of the first layer spread
runs: {baseline},{wide}
```
"""


def ask(address: str, path: str, body: dict[str, Any]) -> Any:
    """A question to the server, as JSON."""
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def demo_runs(address: str) -> dict[str, str]:
    """The ids of the demo's runs by their names, and of the one with the best accuracy."""
    question = {"project": PROJECT, "order": ["-max(val/acc)"], "limit": 100}
    runs = ask(address, "/api/v1/runs/query", question)["runs"]
    return {**{run["name"]: run["id"] for run in runs}, "best": runs[0]["id"]}


def newest_sweep(address: str) -> str:
    """The id of the newest sweep over the digits."""
    with urllib.request.urlopen(f"{address}/api/v1/sweeps?project=digits", timeout=30) as answer:
        sweeps = json.load(answer)["sweeps"]
    if not sweeps:
        sys.exit("this server has no sweep of `python examples/sweep_digits.py 48`")
    return str(sweeps[0]["id"])


def write_report(address: str, ids: dict[str, str]) -> None:
    """The report of the tour, unless it is there."""
    new = {"project": PROJECT, "title": "Width against rate", "text": REPORT.format(**ids)}
    try:
        with urllib.request.urlopen(
            f"{address}/api/v1/reports/resolve?project={PROJECT}&name=width-against-rate",
            timeout=30,
        ):
            return
    except urllib.error.HTTPError:
        ask(address, "/api/v1/reports", new)


def write_small(picture: bytes, path: Path) -> None:
    """With a palette where it is too large without: one of 256 colors is a third of the size."""
    if len(picture) <= MOST_BYTES:
        path.write_bytes(picture)
        return
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def take(browser: Browser, url: str, theme: ColorScheme, path: Path, scene: Scene) -> None:
    """One picture, once what the scene waits for (a function or a selector) is there."""
    width, height = scene.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    if scene.ready.startswith("()"):
        page.wait_for_function(scene.ready)
    else:
        page.locator(scene.ready).first.wait_for()
    page.wait_for_load_state("load")
    if scene.act is not None:
        scene.act(page)
    page.wait_for_timeout(1000)
    seen = page.locator(scene.only).screenshot() if scene.only else page.screenshot()
    write_small(seen, path)
    context.close()
    size = path.stat().st_size
    print(f"{path.name}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        sys.exit(f"{path} has {size:,} bytes; docs/images takes at most {MOST_BYTES:,}")


def chosen(address: str, names: tuple[str, ...]) -> tuple[dict[str, Scene], dict[str, str]]:
    """The scenes that the command asks for, and what stands in their addresses."""
    if names == ("sweep",):
        return SWEEP, {"sweep": newest_sweep(address)}
    if names:
        project, run = names
        return PAGES, {"project": project, "run": run}
    ids = demo_runs(address)
    write_report(address, ids)
    return {**DEMO, **TOUR}, ids


def main(address: str, *names: str) -> None:
    """Scenes named after a theme in it, all others in both."""
    scenes, ids = chosen(address, names)
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, scene in scenes.items():
            url = address + scene.path.format(**ids)
            for theme in THEMES:
                if name.endswith(theme):
                    take(browser, url, theme, IMAGES / f"{name}.png", scene)
                elif not name.endswith(THEMES):
                    take(browser, url, theme, IMAGES / f"{name}-{theme}.png", scene)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), *sys.argv[2:])
