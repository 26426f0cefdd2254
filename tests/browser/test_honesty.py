"""The chart never lies: what is drawn equals brute force over all points, at every zoom level."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.browser.gallery import LONG_NANS, LONG_SPIKES, LONG_STEPS, Gallery
from tests.browser.visitor import Visitor, drawn, until, wait_drawn

pytestmark = pytest.mark.browser

LEVELS = {"whole": None, "middle": (40_000, 102_000), "close": (99_900, 100_600)}
PIXELS = """(panel) => {
  const box = document.querySelector(`[data-panel="${panel}"]`);
  const canvas = box.querySelector("canvas");
  const over = box.querySelector(".chart-over").getBoundingClientRect();
  const origin = canvas.getBoundingClientRect();
  const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return {
    left: Math.round(over.left - origin.left), top: Math.round(over.top - origin.top),
    plotWidth: over.width, plotHeight: over.height, width: canvas.width,
    data: Array.from(image.data, (v) => String.fromCharCode(v)).join(""),
  };
}"""


def logged() -> np.ndarray:
    """The values that the client of the gallery logged, as the page gets them (f32)."""
    steps = range(LONG_STEPS)
    values = np.array([math.sin(s / 5000) * 10 + math.sin(s * 12.9898) % 1 for s in steps])
    for step, value in LONG_SPIKES.items():
        values[step] = value
    values[list(LONG_NANS)] = np.nan
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return logged()


def brute(truth: np.ndarray, low: int, high: int) -> tuple[float | None, float | None, int, int]:
    """Least, greatest, count and NaNs of the points with ``low <= step < high``."""
    part = truth[max(0, low) : high]
    finite = part[np.isfinite(part)]
    extent = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    return (*extent, len(part), int(np.isnan(part).sum()))


def open_level(visitor: Visitor, level: str) -> list[dict[str, Any]]:
    """Zoom in through the address; the drawn buckets when they are those of the zoom."""
    span = LEVELS[level]
    page = visitor.workspace("long", "" if span is None else f"?z={span[0]},{span[1]}")
    wait_drawn(page, "loss")
    most = 2 * ((span[1] - span[0]) if span else LONG_STEPS) / 256
    until(lambda: (found := drawn(page, "loss")) and found[0]["width"] <= max(1, most))
    return drawn(page, "loss")


@pytest.mark.parametrize("level", LEVELS)
def test_every_drawn_bucket_has_the_extent_of_its_points(
    gallery: Gallery, visit: Callable[..., Visitor], truth: np.ndarray, level: str
) -> None:
    """Over 200,000 steps with planted spikes and NaNs: no bucket differs from brute force."""
    [series] = open_level(visit(gallery.url), level)
    low, high = LEVELS[level] or (0, LONG_STEPS - 1)
    width = int(series["width"])
    covered = 0
    for i, bucket in enumerate(series["bucket"]):
        begin, end = bucket * width, (bucket + 1) * width
        within = (max(begin, low), min(end, high + 1))
        full = brute(truth, begin, end)
        # A bucket on the edge of the zoom may hold its points in view only, or all of them.
        wanted = full if series["n"][i] == full[2] else brute(truth, *within)
        nans = (series["n_nan"] or [0] * len(series["n"]))[i]
        found = (series["min"][i], series["max"][i], series["n"][i], nans)
        if wanted[0] is None:
            found = (None, None, *found[2:])
        assert found == wanted, (bucket, begin, end)
        covered += max(0, within[1] - within[0])
    assert covered == high - low + 1, "points in view that no bucket has"
    spikes = [v for s, v in LONG_SPIKES.items() if low <= s <= high]
    assert {np.float32(v) for v in spikes} <= {
        np.float32(v) for v in [*series["min"], *series["max"]]
    }


@pytest.mark.parametrize("level", LEVELS)
def test_nan_buckets_leave_a_mark_and_spikes_reach_their_pixel(
    gallery: Gallery, visit: Callable[..., Visitor], level: str
) -> None:
    """Pixels, not arrays: a red tick on the axis for each NaN bucket, ink at each spike's tip."""
    visitor = visit(gallery.url)
    [series] = open_level(visitor, level)
    page = visitor.page
    low, high = LEVELS[level] or (0, LONG_STEPS - 1)
    picture = page.evaluate(PIXELS, "loss")
    raw = np.frombuffer(picture["data"].encode("latin-1"), np.uint8)
    image = raw.reshape(-1, picture["width"], 4)
    red = parse_color(page.evaluate("getComputedStyle(document.body).getPropertyValue('--fail')"))
    bottom = picture["top"] + round(picture["plotHeight"])

    def column(x: float) -> int:
        return picture["left"] + round((x - low) / (high - low) * picture["plotWidth"])

    nan_columns = [
        column((series["x_first"][i] + series["x_last"][i]) / 2)
        for i in range(len(series["n"]))
        if series["n_nan"] and series["n_nan"][i] > 0
    ]
    in_view = [s for s in LONG_NANS if low <= s <= high]
    assert len(nan_columns) >= min(1, len(in_view))
    for px in nan_columns:
        if not picture["left"] <= px < picture["left"] + picture["plotWidth"] - 1:
            continue
        near = image[bottom - 4 : bottom, max(0, px - 1) : px + 2, :3].reshape(-1, 3)
        assert (near == red).all(axis=1).any(), f"no mark for NaN at column {px}"

    finite = [v for v in [*series["min"], *series["max"]] if math.isfinite(v)]
    margin = (max(finite) - min(finite)) * 0.04
    y_low, y_high = min(finite) - margin, max(finite) + margin
    for step, value in LONG_SPIKES.items():
        if not low <= step <= high:
            continue
        at = next(i for i, b in enumerate(series["bucket"]) if b == step // series["width"])
        px = column((series["x_first"][at] + series["x_last"][at]) / 2)
        py = picture["top"] + round((y_high - value) / (y_high - y_low) * picture["plotHeight"])
        spot = image[max(0, py - 2) : py + 3, max(0, px - 2) : px + 3]
        assert is_inked(spot), f"nothing is drawn at the tip of the spike of step {step}"


@pytest.mark.parametrize("span", [None, (30, 5_000)])
def test_every_decade_of_a_logarithmic_axis_shows_its_points(
    gallery: Gallery,
    visit: Callable[..., Visitor],
    truth: np.ndarray,
    span: tuple[int, int] | None,
) -> None:
    """Buckets widen with x: no early decade is empty, and none differs from the points."""
    page = visit(gallery.url).workspace(
        "long", "?xl=1" + (f"&z={span[0]},{span[1]}" if span else "")
    )
    wait_drawn(page, "loss")
    low, high = span or (1, LONG_STEPS - 1)
    pixels = page.evaluate(PIXELS, "loss")["plotWidth"]

    def in_view() -> list[tuple[float, ...]]:
        [series] = drawn(page, "loss")
        names = ("x_first", "x_last", "n", "min", "max")
        rows = zip(*(series[name] for name in names), strict=True)
        return [row for row in rows if row[1] >= low and row[0] <= high]

    def widest() -> float:
        wide = [math.log((last + 1) / first) for first, last, n, *_ in in_view() if n > 1]
        return max(wide) / math.log(high / low) * pixels

    until(lambda: widest() <= 3)
    rows = in_view()
    assert rows[0][0] <= low
    assert rows[-1][1] >= high
    for first, last, n, least, most in rows:
        found = brute(truth, int(first), int(last) + 1)
        assert (
            (least, most) == found[:2] if found[0] is not None else math.isnan(least or math.nan)
        )
        assert n == found[2]
    gaps = [after[0] - before[1] for before, after in pairwise(rows)]
    assert set(gaps) == {1}, "a step that no bucket has"


def test_reloading_draws_the_same(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """The same points give the same buckets, each time: down-sampling has no dice."""
    visitor = visit(gallery.url)
    first = open_level(visitor, "middle")
    for _ in range(2):
        visitor.page.goto("about:blank")
        assert open_level(visitor, "middle") == first


def parse_color(text: str) -> np.ndarray:
    """The three bytes of ``#rrggbb``."""
    digits = text.strip().removeprefix("#")
    return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)], np.uint8)


def is_inked(spot: np.ndarray) -> bool:
    """Whether any pixel has the color of a curve: opaque and far from gray and white."""
    colors = spot[..., :3].astype(int).reshape(-1, 3)
    spread = colors.max(axis=1) - colors.min(axis=1)
    return bool(((spread > 40) & (spot[..., 3].reshape(-1) > 60)).any())


def test_what_a_chart_leaves_out_stands_beside_it(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Reduced points, outliers out of view, and what a log axis cannot show are counted."""
    visitor = visit(gallery.url)
    notes = visitor.page.locator('[data-panel="loss"] .note span:visible')
    open_level(visitor, "close")
    assert notes.all_inner_texts() == []
    visitor.workspace("long", "?clip=loss&yl=loss")
    wait_drawn(visitor.page, "loss")
    said = until(lambda: (found := notes.all_inner_texts()) and "points" in found[-1] and found)
    assert [text.split(" ", 1)[1] for text in said[:2]] == [
        "clipped",
        "at or below 0 hidden by log",
    ]
    assert said[2] == f"min–max of {LONG_STEPS // 1000}\u2009000 points"


def test_short_series_are_drawn_point_by_point(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """400 points of each of six runs in panels of 256 buckets: nothing was reduced or is noted."""
    visitor = visit(gallery.url)
    page = visitor.workspace("resnets")
    wait_drawn(page, "train/loss", 6)
    for series in drawn(page, "train/loss"):
        assert series["n"] == [1] * 400
        assert series["min"] == series["max"]
    assert page.locator('[data-panel="train/loss"] .note span:visible').all_inner_texts() == []
