"""NaN and infinity are seen: listed, charted, sorted, never a reason for a chart to be missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, cell, drawn, rows, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

COLUMN = "last(val/loss)"


def test_a_series_that_ends_in_nan_is_listed_and_says_since_when(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The table marks the run, the cell says NaN, the panel is there and names the step."""
    page = visit(gallery.url).workspace("uneven")
    wait_drawn(page, "val/loss", series=4)
    assert until(lambda: cell(page, "ends in nan", COLUMN)) == "NaN"
    badge = page.locator(".grid-row", has_text="ends in nan").locator(".nan")
    assert badge.inner_text() == "NaN"
    assert badge.get_attribute("title") == "val/loss is NaN from step 40"
    by_run = {series["run"]: series for series in drawn(page, "val/loss")}
    nan_run = next(r for r in find_runs(gallery) if r["name"] == "ends in nan")
    assert sum(by_run[nan_run["uid"]]["n_nan"]) == 10
    panel = page.locator('[data-panel="val/loss"]')
    until(lambda: "NaN from step 40" in panel.inner_text(), what="the step is named")


def test_infinity_reads_as_infinity_and_leaves_the_scale_alone(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The cell shows the sign of infinity; drawn extents hold finite values only."""
    page = visit(gallery.url).workspace("uneven")
    wait_drawn(page, "val/loss", series=4)
    assert until(lambda: cell(page, "explodes", COLUMN)) == "∞"
    assert until(lambda: cell(page, "implodes", COLUMN)) == "\u2212∞"
    series = {s["run"]: s for s in drawn(page, "val/loss")}
    runs = {run["name"]: series[run["uid"]] for run in find_runs(gallery)}
    assert sum(runs["explodes"]["n_posinf"]) == 10
    assert sum(runs["implodes"]["n_neginf"]) == 10
    largest = max(v for s in series.values() for v in s["max"] if not math.isnan(v))
    assert largest == 1.0


def test_sorting_by_a_series_with_nan_keeps_every_run(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A click sorts, a second click turns the order; no run is lost, and numbers are in order."""
    page = visit(gallery.url).workspace("uneven")
    names = {run["name"] for run in find_runs(gallery)}
    header = page.get_by_title(f"Sort by {COLUMN}")
    header.click()
    page.wait_for_url(re.compile(r"sort=-last"))
    downwards = until(lambda: sorted_rows(page, "descending"))
    header.click()
    page.wait_for_url(re.compile(r"sort=last"))
    upwards = until(lambda: sorted_rows(page, "ascending"))
    assert set(downwards) == set(upwards) == names
    numbers = ["implodes", "fine", "explodes"]
    assert [name for name in upwards if name in numbers] == numbers
    assert [name for name in downwards if name in numbers] == numbers[::-1]


def test_the_run_page_charts_a_series_that_ends_in_nan(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A run whose loss became NaN has its chart and its row in the summary."""
    run = next(r for r in find_runs(gallery) if r["name"] == "ends in nan")
    visitor = visit(gallery.url)
    page = visitor.go(f"/p/uneven/r/{run['id']}")
    row = page.get_by_label("Summary").locator("tr", has_text="val/loss")
    row.wait_for()
    assert "NaN from step 40" in row.inner_text()
    assert row.locator("td").nth(1).inner_text() == "NaN"
    visitor.go(f"/p/uneven/r/{run['id']}/charts")
    wait_drawn(page, "val/loss")
    [series] = drawn(page, "val/loss")
    assert (sum(series["n"]), sum(series["n_nan"])) == (50, 10)


def find_runs(gallery: Gallery) -> list[dict[str, Any]]:
    """The runs of the project."""
    found: list[dict[str, Any]] = gallery.ask("/api/v1/runs/query", {"project": "uneven"})["runs"]
    return found


def sorted_rows(page: Any, direction: str) -> list[str]:
    """The rows in order, once the header says that they are sorted this way and they are."""
    head = page.locator(f'.grid-headcell[aria-sort="{direction}"]')
    if head.count() != 1:
        return []
    found = rows(page)
    numbers = [name for name in found if name in ("implodes", "fine", "explodes")]
    first = "implodes" if direction == "ascending" else "explodes"
    return found if len(found) == 4 and numbers[0] == first else []


_CROSSED = """
nan, inf = float("nan"), float("inf")
for name, odd in (("below", -inf), ("none", nan)):
    run = epochal.init(project="crossed", id=name, settings=QUIET, reinit="create_new")
    for step in range(21):
        run.log({"loss": odd if step in (5, 10) and (name, step) != ("below", 5) else 1.0 + step},
                step=step)
    run.finish()
"""
RUG = """([at, most]) => {
  const box = document.querySelector('[data-panel="loss"]');
  const [canvas, over] = [box.querySelector("canvas"), box.querySelector(".chart-over")];
  const [origin, plane] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()];
  const scale = canvas.width / origin.width;
  const px = Math.round((plane.left - origin.left + plane.width * at) * scale);
  const bottom = Math.round((plane.bottom - origin.top) * scale);
  const data = canvas.getContext("2d").getImageData(px - 1, bottom - most, 3, most).data;
  const rows = Array.from({ length: most }, (_, y) => [0, 1, 2].map((x) =>
    [...data.slice((y * 3 + x) * 4, (y * 3 + x) * 4 + 3)].join()));
  return rows.reverse();
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nan_is_seen_over_minus_infinity(
    home: Path, server: Server, visit: Callable[..., Visitor], scheme: str, width: int
) -> None:
    """Where one run is below all numbers its triangle stands on the axis; the tick of another one
    that is no number there is longer, so that both are seen.
    """
    run_script(home, _CROSSED)
    wait_known(server.url, "crossed", "none", 20)
    visitor = visit(server.url, color_scheme=scheme, viewport={"width": width, "height": 844})
    page = visitor.go("/p/crossed")
    wait_drawn(page, "loss", 2)
    red = page.evaluate("getComputedStyle(document.body).getPropertyValue('--fail')").strip()
    fail = ",".join(str(int(red[i : i + 2], 16)) for i in (1, 3, 5))

    def reds(step: int) -> int:
        rug = page.evaluate(RUG, [step / 20, 12])
        return next((i for i, row in enumerate(rug) if fail not in row), len(rug))

    alone = until(lambda: reds(5), what="the tick of NaN alone")
    assert reds(10) == 2 * alone
    assert reds(15) == 0
