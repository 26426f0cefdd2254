"""Panels: what the user adds, arranges and takes away with them; groups and formulas are exact."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, choose, copied, drawn, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

STEPS = 400


def loss(number: int, step: int) -> float:
    """What run ``r18-<number>`` of the gallery logged."""
    return math.exp(-step / (60 + 20 * number)) + 0.05 * math.sin(step * (number + 1))


def order(page: Page) -> list[str]:
    """The panels from the top of the page on."""
    names: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('[data-panel]')].map((p) => p.dataset.panel)"
    )
    return names


def said(page: Page, key: str) -> list[str]:
    """A part of the view in the address."""
    return parse_qs(urlsplit(page.url).query).get(key, [""])[0].split(",")


def close(found: float | None, expected: float) -> bool:
    return found is not None and math.isclose(found, expected, rel_tol=1e-5, abs_tol=1e-6)


def test_a_group_is_the_mean_of_all_of_its_runs_with_their_band(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Every drawn bucket of two groups of three runs equals brute force over all points; the band
    is switched in the page and by the address, and single runs come back.
    """
    query = "?group=config.optim.name"
    page = visit(gallery.url).workspace("resnets", query)
    wait_drawn(page, "train/loss", 2)
    groups = {"sgd": (0, 2, 4), "adamw": (1, 3, 5)}

    def check(low: Any, high: Any) -> None:
        found = drawn(page, "train/loss")
        assert len(found) == 2
        for series in found:
            members = groups["sgd" if "sgd" in series["run"] else "adamw"]
            width = int(series["width"])
            for at, bucket in enumerate(series["bucket"]):
                steps = range(bucket * width, min(STEPS, (bucket + 1) * width))
                points = [[loss(number, step) for step in steps] for number in members]
                means = [statistics.fmean(run) for run in points]
                assert series["n"][at] == 3 * len(steps)
                assert close(series["last"][at], statistics.fmean(means))
                assert close(series["min"][at], low(points, means))
                assert close(series["max"][at], high(points, means))

    check(lambda points, _: min(map(min, points)), lambda points, _: max(map(max, points)))
    canvas = page.locator('[data-panel="train/loss"] canvas').first
    canvas.evaluate("(canvas) => { canvas.dataset.kept = 'yes'; }")
    page.get_by_label("How groups are drawn").select_option("std")
    page.wait_for_url("**band=std*")
    spread = statistics.stdev
    until(
        lambda: drawn(page, "train/loss")[0]["min"][0] != drawn(page, "train/loss")[0]["last"][0]
    )
    first = drawn(page, "train/loss")[0]["min"]
    until(lambda: drawn(page, "train/loss")[0]["min"] == first)
    check(
        lambda _, means: statistics.fmean(means) - spread(means),
        lambda _, means: statistics.fmean(means) + spread(means),
    )
    page.get_by_label("How groups are drawn").select_option("runs")
    wait_drawn(page, "train/loss", 6)
    assert canvas.get_attribute("data-kept") == "yes", "the chart was made anew and blinked"


def test_table_and_charts_count_the_same_groups(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Two levels make three outer and six inner groups: six are drawn, and six are told."""
    page = visit(gallery.url).workspace("resnets", "?group=config.lr,config.optim.name")
    wait_drawn(page, "train/loss", 6)
    page.get_by_role("button", name="6 groups drawn").wait_for()
    until(lambda: page.get_by_text("6 runs, 6 groups", exact=True).count() == 1)


def test_formulas_and_several_metrics_are_added_and_exact(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Added by the dialog, a mistake is shown where it stands, the values are those of arithmetic,
    and the address alone brings the panels back in another profile.
    """
    visitor = visit(gallery.url)
    # The browser says in its console what the page asks for: a formula that cannot be read is 400.
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    page = visitor.workspace("resnets")
    page.get_by_role("button", name="+ panel").click()
    page.get_by_role("radio", name="Formula").click()
    field = page.get_by_label("Formula", exact=True)
    field.fill("log10(train/loss + )")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("expected a metric").wait_for()
    field.fill("(train/loss - 1) ** 2")
    page.get_by_role("button", name="Add", exact=True).click()
    panel = "formula:(train/loss - 1) ** 2"
    wait_drawn(page, panel, 6)
    for series in drawn(page, panel):
        width = int(series["width"])
        number = match_run(series, lambda number, step: (loss(number, step) - 1) ** 2)
        for at, bucket in enumerate(series["bucket"]):
            exact = [
                (loss(number, step) - 1) ** 2
                for step in range(bucket * width, min(STEPS, (bucket + 1) * width))
            ]
            assert close(series["min"][at], min(exact))
            assert close(series["max"][at], max(exact))
    page.get_by_role("button", name="+ panel").click()
    page.get_by_label("Metrics", exact=True).fill("train/*|val/acc")
    page.get_by_role("button", name="Add", exact=True).click()
    wait_drawn(page, "lines:train/*|val/acc", 12)
    other = visit(gallery.url).go(urlsplit(page.url).path + "?" + urlsplit(page.url).query)
    wait_drawn(other, "lines:train/*|val/acc", 12)
    wait_drawn(other, panel, 6)


HEATED = """(box) => {
  const canvas = box.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, i) => i % 4 === 3).reduce((sum, alpha) => sum + (alpha > 0), 0);
}"""


def test_histograms_are_panels_of_the_workspace_and_of_a_run(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Ridges and maps of any histogram over steps, two runs on one axis, with their CSV; what is
    not finite is told; a project that has media only has them, too.
    """
    visitor = visit(gallery.url, accept_downloads=True)
    page = visitor.workspace("media")
    page.get_by_role("button", name="+ panel").click()
    page.get_by_role("radio", name="Media").click()
    until(lambda: page.locator("#logged-keys option").count() > 1, what="keys of all media")
    page.get_by_role("radio", name="Histogram").click()
    field = page.get_by_role("combobox", name="Histogram")
    until(lambda: field.input_value() == "train/weights", what="the histogram that is there")
    page.get_by_role("button", name="Add", exact=True).click()
    box = page.locator('[data-panel="ridge:train/weights"]')
    outlines = box.locator("[data-histograms] path")
    until(lambda: outlines.count() == 24, what="twelve outlines of each of two runs")
    axes = box.locator("[data-histograms]").evaluate_all(
        "(all) => all.map((one) => [...one.querySelectorAll('svg g > text:not(.step)')]"
        ".map((text) => text.textContent).join())"
    )
    assert len(axes) == 2
    assert axes[0] == axes[1]
    with page.expect_download() as coming:
        choose(page, "ridge:train/weights", "Save values as CSV")
    lines = list(csv.DictReader(io.StringIO(coming.value.path().read_text())))
    counted: dict[tuple[str, str], float] = {}
    for line in lines:
        place = line["name"], line["step"]
        counted[place] = counted.get(place, 0) + float(line["count"])
    assert len(counted) == 24
    assert set(counted.values()) == {4000.0}, "no value is lost"

    broken = "heat:gradients/block3.weight"
    page = visitor.go(f"/p/gradients/r/explodes/charts?add={quote(broken)}")
    box = page.locator(f'[data-panel="{broken}"]')
    box.get_by_text("not finite from step").wait_for()
    until(lambda: box.evaluate(HEATED) > 1000, what="the map")
    box.locator(".map svg").hover()
    told = box.locator(".told")
    told.wait_for()
    assert re.fullmatch(r"step [\d,]+ · \S+ … \S+ · \S+ % of the values", told.inner_text())
    assert serious(page) == []
    page = visitor.go("/p/gradients/r/explodes/charts?add=ridge%3Aloss,heat%3Amodel%2Fgraph")
    page.get_by_text("has logged a histogram called “loss”").wait_for()


BEHIND = """
for number in range(22):
    run = epochal.init(project="behind", name=f"b{number}", id=f"b{number}", group="g",
                       settings=QUIET, reinit="create_new")
    run.log({"loss": 1.0, "epoch": 2.0}, step=3)
    if number == 0:
        run.log({"roc": epochal.plot.roc_curve([0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]),
                 "w": epochal.Histogram([1.0, 2.0, 3.0])}, step=3)
    run.finish()
"""


def test_media_are_shown_of_the_newest_runs_that_have_them(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Also where none of the plotted runs has any, and of the runs of groups."""
    run_script(server.home, BEHIND)
    wait_known(server.url, "behind", "b21")
    visitor = visit(server.url)
    page = visitor.workspace("behind", "?add=media%3Aroc,ridge%3Aw,media%3Aabsent")
    page.get_by_text("20 of 22 plotted").wait_for()
    box = {name: page.locator(f'[data-panel="{name}"]') for name in ("media:roc", "ridge:w")}
    for panel in box.values():
        panel.get_by_text("No plotted run has it; these are the newest that have.").wait_for()
        panel.get_by_text("b0").first.wait_for()
    page.get_by_text("No run here has logged media called “absent”.").wait_for()
    box["ridge:w"].hover()
    assert box["ridge:w"].get_by_role("button", name="Pin", exact=False).count() == 0
    page = visitor.workspace("behind", "?group=group&add=media%3Aroc,ridge%3Aw")
    for panel in box.values():
        panel.get_by_text("Groups have none; these are the newest that have.").wait_for()
        panel.get_by_text("b0").first.wait_for()


def match_run(series: dict[str, Any], value: Callable[[int, int], float]) -> int:
    """Which run of the gallery a series is, by its first point."""
    [number] = [n for n in range(6) if close(series["last"][60], value(n, series["bucket"][60]))]
    return number


def test_panels_are_moved_hidden_and_pinned_and_stay_so(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """By keys and by the mouse; kept in the address and, for a bare one, on this machine."""
    page = visit(gallery.url).workspace("resnets")
    wait_drawn(page, "val/acc", 6)
    assert order(page) == ["train/loss", "val/acc", "epoch"]
    grip = page.get_by_role("button", name="Move section val")
    grip.focus()
    page.keyboard.press("ArrowUp")
    until(lambda: order(page)[0] == "val/acc")
    page.get_by_role("button", name="Move section metrics").drag_to(
        page.locator("section.section[aria-label='Section val'] h2")
    )
    until(lambda: order(page) == ["epoch", "val/acc", "train/loss"])
    choose(page, "epoch", "Hide this panel")
    until(lambda: order(page) == ["val/acc", "train/loss"])
    page.locator('[data-panel="train/loss"]').hover()
    page.keyboard.press("p")
    until(lambda: "pinned:train/loss" in order(page))
    assert said(page, "hide") == ["epoch"]
    assert said(page, "top") == ["train/loss"]
    before = order(page)
    page.goto(f"{gallery.url}/p/resnets")
    wait_drawn(page, "val/acc", 6)
    assert order(page) == before
    page.get_by_role("button", name="Show 1 hidden chart again").click()
    until(lambda: "epoch" in order(page))


def test_what_is_drawn_can_be_taken_away(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """CSV with every point as it was logged, SVG and PNG of the chart, a link that opens it, and a
    program that reads it; full page by f, back by Escape.
    """
    visitor = visit(gallery.url, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.workspace("resnets")
    wait_drawn(page, "train/loss", 6)
    with page.expect_download() as coming:
        choose(page, "train/loss", "Save every point as CSV")
    rows = list(csv.DictReader(io.StringIO(coming.value.path().read_text())))
    assert len(rows) == 6 * STEPS
    for row in rows:
        assert float(row["value"]) == loss(int(row["series"][-1]), int(row["step"]))
    with page.expect_download() as coming:
        choose(page, "train/loss", "Save as SVG")
    svg = coming.value.path().read_text()
    assert svg.startswith("<svg ")
    assert svg.count("r18-") == 6
    assert ">step</text>" in svg
    with page.expect_download() as coming:
        choose(page, "train/loss", "Save as PNG")
    assert coming.value.path().read_bytes().startswith(b"\x89PNG")
    page.locator('[data-panel="train/loss"]').hover()
    program = copied(page, lambda: page.keyboard.press("Y"))
    assert 'keys = ["train/loss"]' in program
    compile(program, "copied", "exec")  # raises where it is no program
    page.keyboard.press("f")
    page.wait_for_url(lambda url: "full=train/loss" in url)
    big = page.locator('[data-panel="train/loss"]').bounding_box()
    assert big is not None
    assert big["width"] > 1400
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "full=" not in url)


def test_panels_over_runs_are_taken_away_as_curves_are(
    gallery: Gallery, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """Pictures in which each run is, that run nothing and ask for nothing; and programs that give
    the numbers that are shown.
    """
    added = ["bar:last(train/loss)", "scatter:config.lr;last(train/loss)"]
    added += ["parallel:config.lr;last(train/loss)", "formula:train/loss * 2"]
    query = "?add=" + quote(",".join(added), safe="")
    allowed = ["clipboard-read", "clipboard-write"]
    visitor = visit(gallery.url, permissions=allowed, color_scheme="dark")
    page = visitor.workspace("resnets", query)
    until(lambda: page.locator(f'[data-panel="{added[0]}"] li').count() == 6)
    wait_drawn(page, added[3], 6)

    def saved(panel: str, item: str) -> bytes:
        with page.expect_download() as coming:
            choose(page, panel, item)
        return coming.value.path().read_bytes()

    def answered(panel: str) -> str:
        page.locator(f'[data-panel="{panel}"]').hover()
        program = copied(page, lambda: page.keyboard.press("Y"))
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path,
            env={**os.environ, "EPOCHAL_HOME": str(tmp_path)},
        ).stdout  # fmt: skip

    for panel in added[:3]:
        svg = saved(panel, "Save as SVG").decode()
        root = ElementTree.fromstring(svg)
        assert "<script" not in svg
        assert "http://" not in svg.replace("http://www.w3.org/2000/svg", "")
        assert svg.count("r18-") == (0 if panel.startswith("parallel") else 6)
        assert str(next(iter(root)).get("fill")).upper() == "#0F1318", "the dark ground"
        assert saved(panel, "Save as PNG").startswith(b"\x89PNG")
    last = {number: loss(number, STEPS - 1) for number in range(6)}
    for panel in added[:3]:
        rows = [line.split() for line in answered(panel).splitlines()[1:]]
        assert len(rows) == 6
        for _, name, *_, value in rows:
            assert close(float(value), last[int(name[-1])]), "as pandas prints it"
    assert answered(added[3]).count("train/loss * 2 step [") == 6


def test_panels_over_runs_follow_the_filter_and_set_it(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Bars and importance of the filtered runs; a mark on an axis of parallel coordinates is the
    filter, and typing the filter is the mark.
    """
    added = ["parallel:config.lr;last(train/loss)", "bar:last(train/loss)"]
    added += [
        "scatter:config.lr;last(train/loss);config.optim.name",
        "importance:last(train/loss)",
    ]
    page = visit(gallery.url).workspace("resnets", "?add=" + quote(",".join(added), safe=""))
    bars = page.locator('[data-panel="bar:last(train/loss)"] li')
    until(lambda: bars.count() == 6)
    values = [float(text) for text in bars.locator(".value").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    assert math.isclose(values[0], max(loss(n, 399) for n in range(6)), rel_tol=1e-3)
    page.get_by_text("importance needs at least 10").wait_for()
    axis = page.get_by_role("button", name="Axis lr")
    box = axis.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] - 10, steps=4)
    page.mouse.up()
    page.wait_for_url(lambda url: "config.lr+%3E%3D" in url)
    assert said(page, "q")[0].startswith("config.lr >= ")
    until(lambda: bars.count() == 2)
    page.locator(".parallel").get_by_text("2 of 6 runs").wait_for()
    axis.focus()
    page.keyboard.press("Delete")
    until(lambda: bars.count() == 6)
    assert said(page, "q") == [""]
