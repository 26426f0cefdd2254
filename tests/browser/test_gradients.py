"""The Gradients tab: a net that blows up shows where and when, by `domain/health.py`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from epochal.domain.health import diagnose
from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Finish, Header, Media, MediaItem
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from tests.browser.gallery import Gallery
from tests.browser.test_media import address, wait_run
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

GRADIENTS = "/p/gradients/r/explodes/gradients"
LAYERS = 500
STEPS = 12


def names(page: Page) -> list[str]:
    """The layers on screen, from top to bottom."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("[data-layer]")]
          .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
          .map((row) => row.dataset.layer)"""
    )
    return found


def recorded(gallery: Gallery) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """The gradients' statistics by layer, asked from the server."""
    uid = gallery.run("gradients", "explodes")["uid"]
    keys = gallery.ask(f"/api/v1/runs/{uid}/media")["keys"]
    wanted = [key["key"] for key in keys if key["key"].startswith("gradients/")]
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    query: dict[str, Any] = {"runs": [uid], "keys": wanted, "limit": 1000, "meta": ["stats"]}
    while True:
        page = gallery.ask("/api/v1/media/query", query)
        for entry in page["entries"]:
            series = found.setdefault(entry["key"].removeprefix("gradients/"), [])
            series.append((entry["step"], entry["items"][0]["meta"]["stats"]))
        if page["cursor"] is None:
            return found
        query["cursor"] = page["cursor"]


def test_layers_stand_in_the_models_order_with_what_befell_them(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The badges say what Python's rules say of the same records, with the same first steps."""
    expected = diagnose(recorded(gallery))
    page = visit(gallery.url).go(GRADIENTS)
    page.locator("[data-layer]").first.wait_for()
    order = [f"block{i}.{part}" for i in range(8) for part in ("weight", "bias")]
    until(lambda: names(page) == [*order, "head.weight", "head.bias"])
    seen = set()
    for name in names(page):
        badge = page.locator(f'[data-layer="{name}"] [data-health]')
        badge.wait_for()
        state = badge.get_attribute("data-health")
        told = badge.get_attribute("title") or ""
        assert state == expected[name].worst
        for first in expected[name].first.values():
            assert f"from step {first}:" in told
        seen |= set(expected[name].first)
    assert {"nan", "exploding", "dead"} <= seen, "the net does all that it was made for"


def test_broken_cells_have_the_color_of_failure(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The last cell of a layer that ends in NaN, and none of the first ones."""
    page = visit(gallery.url).go(GRADIENTS)
    strip = page.locator('[data-layer="block0.weight"] canvas')
    strip.wait_for()
    pixel = """(c, part) => [...c.getContext("2d")
      .getImageData(Math.floor(c.width * part), 3, 1, 1).data.slice(0, 3)]"""
    fail = page.evaluate(
        """() => getComputedStyle(document.documentElement).getPropertyValue("--fail").trim()"""
    )
    red = [int(fail[i : i + 2], 16) for i in (1, 3, 5)]
    until(lambda: strip.evaluate(pixel, 0.985) == red)
    assert strip.evaluate(pixel, 0.1) != red


def test_the_map_marks_what_was_recorded_at_the_step_that_is_looked_at(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A frame around a column; it goes with the arrows, and away with the newest step."""
    page = visit(gallery.url).go(GRADIENTS)
    page.locator("[data-layer]").first.wait_for()
    mark = page.locator(".rows .now")
    assert mark.count() == 0
    page.keyboard.press("Shift+ArrowLeft")
    mark.wait_for()
    before = mark.bounding_box()
    strip = page.locator('[data-layer="block0.weight"] canvas').bounding_box()
    assert before
    assert strip
    assert (
        strip["x"]
        <= before["x"] + 1
        < before["x"] + before["width"]
        <= strip["x"] + strip["width"] + 1
    )
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    until(lambda: (mark.bounding_box() or before)["x"] < before["x"])
    page.keyboard.press(".")
    until(lambda: mark.count() == 0)


def test_a_layer_opens_with_its_ridges_and_norm(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A ridge for each record with finite values, and what `log="all"` knows of updates."""
    page = visit(gallery.url).go(GRADIENTS)
    page.locator('[data-layer="block3.weight"] button').click()
    ridges = page.get_by_role("img", name="Histograms of block3.weight over steps").locator("path")
    until(lambda: ridges.count() > 20)
    assert ridges.count() <= 36
    page.get_by_role("img", name="Norm of block3.weight").wait_for()
    page.get_by_role("img", name="Update ratio of block3.weight").wait_for()
    until(lambda: "layer=block3.weight" in address(page))
    page.reload()
    page.get_by_role("img", name="Norm of block3.weight").wait_for()
    page.get_by_role("button", name="Close the layer").click()
    until(lambda: "layer=" not in address(page))


def test_health_and_figures_are_chosen(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """A badge above the map leaves only its layers; other figures have addresses."""
    expected = diagnose(recorded(gallery))
    dead = [name for name, found in expected.items() if "dead" in found.first]
    page = visit(gallery.url).go(GRADIENTS)
    page.get_by_role("button", name="dead from step").click()
    until(lambda: sorted(names(page)) == sorted(dead))
    page.get_by_role("button", name="parameters").click()
    page.get_by_role("combobox").select_option("zeros")
    until(lambda: "kind=parameters" in address(page) and "by=zeros" in address(page))


def test_many_layers_cost_what_is_seen(
    home: Path, server: Server, visit: Callable[..., Visitor]
) -> None:
    """500 layers, whose names do not sort like the model: few rows, all of them reachable."""
    wide = [f"{'zyx'[i % 3]}{LAYERS - i}.weight" for i in range(LAYERS)]
    uid = run_uid("local", "wide", "wide")
    header = Header("local", "wide", "wide", 1_790_000_000_000_000, host="host", pid=os.getpid())
    journal = open_journal(str(run_directory(home, uid)), uid, new_uid(), header)
    for step in range(STEPS):
        for number, name in enumerate(wide):
            norm = math.exp(-step / 5) * (1 + number)
            stats = {"n": 64, "min": -1.0, "max": 1.0, "mean": 0.0, "std": norm, "norm": norm,
                     "zeros": 0, "nan": int(number == 400 and step == 7), "inf": 0}  # fmt: skip
            counts = [1] * 64
            edges = [i / 32 - 1 for i in range(65)]
            item = MediaItem("histogram", {"edges": edges, "counts": counts, "stats": stats})
            journal.append_fact(Media(f"gradients/{name}", step, header.started_us + step, [item]))
    journal.append_fact(Finish(header.started_us + STEPS, "finished", 0))
    journal.close()
    wait_run(server.url, "wide")
    page = visit(server.url).go("/p/wide/r/wide/gradients")
    page.locator("[data-layer]").first.wait_for()
    loaded = page.get_by_role("button", name="1 NaN from step 7")
    loaded.wait_for()
    assert names(page)[:5] == wide[:5]
    assert page.locator("[data-layer]").count() < 80
    rows = page.get_by_role("region", name="Layers")
    rows.evaluate("(r) => (r.scrollTop = r.scrollHeight)")
    until(lambda: names(page)[-1] == wide[-1])
    loaded.click()
    until(lambda: names(page) == [wide[400]])
