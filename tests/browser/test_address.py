"""The address is the state: reload, and a visitor with another profile, see the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, drawn, rows, until, wait_drawn

pytestmark = pytest.mark.browser

SEEN = """() => ({
  filter: document.querySelector('[aria-label="Filter runs"]').value,
  x: document.querySelector('[aria-label="x axis"]').value,
  pressed: [...document.querySelectorAll('[role=toolbar] [aria-pressed]')]
    .map((b) => [b.textContent, b.getAttribute("aria-pressed")]),
  zoom: [...document.querySelectorAll('[role=toolbar] .chip')].map((c) => c.textContent.trim()),
  sorted: [...document.querySelectorAll('.grid-headcell[aria-sort]')]
    .map((h) => [h.textContent, h.getAttribute("aria-sort")]),
  smooth: document.querySelector('[aria-label="Smoothing"]').value,
})"""


def look(page: Page) -> dict[str, Any]:
    """All that the address decides, as it is on screen."""
    seen: dict[str, Any] = page.evaluate(SEEN)
    return {**seen, "rows": rows(page), "points": points_in_view(page)}


def points_in_view(page: Page) -> list[list[tuple[int, float, float]]]:
    """Step, value and smoothed value of the points that the zoom shows, by series."""
    low, high = (float(part) for part in parse_qs(urlsplit(page.url).query)["z"][0].split(","))
    found = []
    for series in drawn(page, "train/loss"):
        assert set(series["n"]) == {1}, "so few steps are drawn one by one"
        rows_of = zip(series["x_first"], series["last"], series["smooth"], strict=True)
        found.append([row for row in rows_of if low <= row[0] <= high])
    return found


def picture(page: Page) -> np.ndarray:
    """The pixels of the first chart."""
    found = page.evaluate(
        """() => {
          const canvas = document.querySelector('[data-panel="train/loss"] canvas');
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          return Array.from(data, (v) => String.fromCharCode(v)).join("");
        }"""
    )
    return np.frombuffer(found.encode("latin-1"), np.uint8).reshape(-1, 4)


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether less than a thousandth of the pixels differ."""
    return one.shape == other.shape and float((one != other).any(axis=1).mean()) < 0.001


def wait_unlit(page: Page) -> np.ndarray:
    """The first chart's pixels, once no row and no curve stands out."""
    until(
        lambda: page.locator("#runs-grid .lit, .tip:visible").count() == 0, what="nothing is lit"
    )
    shots = [picture(page)]

    def is_still() -> bool:
        shots.append(picture(page))
        return bool((shots[-1] == shots[-2]).all())

    until(is_still, what="the chart stands still")
    return shots[-1]


def settle(page: Page) -> None:
    """Wait for the three runs that the filter lets through, drawn in the zoom."""
    until(lambda: rows(page) == ["r18-0", "r18-1", "r18-3", "r18-4"], what="filtered, by name")
    wait_drawn(page, "train/loss", series=4)
    page.get_by_title("Show everything (0)").wait_for()


def test_filter_sort_axes_and_zoom_survive_reload_and_a_second_visitor(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """What is set with mouse and keyboard is in the address, and the address gives it back."""
    visitor = visit(gallery.url)
    page = visitor.workspace("resnets")
    wait_drawn(page, "train/loss", series=6)
    page.get_by_label("Filter runs").fill("config.lr > 0.005")
    page.get_by_label("Filter runs").press("Enter")
    page.get_by_title("Sort by name").click()
    page.get_by_role("button", name="log y", exact=True).click()
    page.get_by_label("Smoothing").fill("0.5")
    drag_over(page, "train/loss")
    page.wait_for_url(lambda url: all(f"{key}=" in url for key in ("q", "sort", "yl", "sm", "z")))
    page.mouse.move(700, 20)
    settle(page)
    address = page.url
    before = look(page)
    assert before["filter"] == "config.lr > 0.005"
    assert before["sorted"][0][1] == "ascending"
    assert before["zoom"]
    assert len(before["points"]) == 4
    image = wait_unlit(page)

    page.reload()
    settle(page)
    until(lambda: look(page) == before, what="the same after a reload")
    assert page.url == address
    until(lambda: alike(picture(page), image), what="the same pixels after a reload")

    other = visit(gallery.url).page
    other.goto(address)
    settle(other)
    until(lambda: look(other) == before, what="the same in another profile")
    until(lambda: alike(picture(other), image), what="the same pixels in another profile")


def test_the_x_axis_is_in_the_address_and_back_leads_back(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A metric as x axis survives a reload; opening a run and going back restores the view."""
    visitor = visit(gallery.url)
    page = visitor.workspace("resnets")
    page.get_by_label("x axis").select_option("m:epoch")
    page.wait_for_url("**x=m:epoch*")
    wait_drawn(page, "train/loss", series=6)
    until(lambda: max(s["x_last"][-1] for s in drawn(page, "train/loss")) == 9, what="x is epoch")
    page.reload()
    wait_drawn(page, "train/loss", series=6)
    until(
        lambda: page.get_by_label("x axis").input_value() == "m:epoch", what="the axis is chosen"
    )
    until(lambda: max(s["x_last"][-1] for s in drawn(page, "train/loss")) == 9, what="x is epoch")
    page.get_by_role("link", name="r18-3").click()
    page.wait_for_url("**/r/r18-3*")
    page.go_back()
    page.wait_for_url("**/p/resnets?x=m:epoch")
    until(lambda: page.get_by_label("x axis").input_value() == "m:epoch", what="the axis is back")


def test_zoomed_out_again_the_address_is_bare(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A default is absent from the address: what was undone leaves no trace."""
    page = visit(gallery.url).workspace("resnets")
    wait_drawn(page, "train/loss", series=6)
    drag_over(page, "train/loss")
    page.wait_for_url("**z=*")
    page.keyboard.press("0")
    page.wait_for_url("**/p/resnets")


def drag_over(page: Page, panel: str) -> None:
    """Zoom into the middle of a chart with the mouse."""
    box = page.locator(f'[data-panel="{panel}"] .chart-over').bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.75, y, steps=4)
    page.mouse.up()
