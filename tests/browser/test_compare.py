"""Runs side by side: only what differs, from a baseline, and all of it in the address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, drawn, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

THREE = "/p/resnets/compare?r=r18-0,r18-1,r18-2"


def keys(page: Page) -> list[str]:
    """The keys of the rows, in order."""
    return page.locator("tbody th.first .name").all_inner_texts()


def test_runs_are_compared_where_they_differ_and_the_address_says_how(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Another baseline turns the deltas; search, ignored keys and all of it survive a reload."""
    page = visit(gallery.url).go(THREE)
    page.get_by_role("region", name="Values of the runs").wait_for()
    assert keys(page)[:2] == ["lr", "optim.name"]
    assert "epoch" not in keys(page)
    row = page.locator("tr", has=page.locator(".name", has_text="train/loss"))
    first = row.locator(".delta").all_inner_texts()
    assert len(first) == 2
    assert all(text[0] in "▲▼" and text[2] in "+−" for text in first)
    page.get_by_role("button", name="as baseline: r18-2").click()
    page.wait_for_url("**b=r18-2**")
    assert row.locator(".delta").count() == 2
    assert row.locator(".delta").all_inner_texts() != first
    page.get_by_role("button", name="Ignore optim.name").click()
    page.get_by_label("Only differences").uncheck()
    until(lambda: "epoch" in keys(page))
    page.keyboard.press("t")
    page.locator("tbody tr").nth(2).wait_for()
    assert page.locator("tbody tr").count() == 3
    page.keyboard.press("t")
    until(lambda: "epoch" in keys(page))
    shown = keys(page)
    page.reload()
    until(lambda: keys(page) == shown, what="the same rows after a reload")
    assert "optim.name" not in shown
    page.get_by_label("Search keys and values").fill("optim")
    until(lambda: keys(page) == [])
    page.get_by_role("button", name="1 ignored").click()
    until(lambda: keys(page) == ["optim.name"])


def test_the_table_opens_it_and_charts_media_and_code_stand_side_by_side(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """`c` compares what is selected; tabs have keys; parts that have nothing say so."""
    page = visit(gallery.url).workspace("resnets")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("c")
    page.wait_for_url("**/compare?r=*,*")
    page.get_by_role("region", name="Values of the runs").wait_for()
    page.keyboard.press("2")
    page.locator('[data-panel="train/loss"] canvas').wait_for()
    page.keyboard.press("3")
    page.get_by_role("heading", name="No media to compare").wait_for()
    page.keyboard.press("4")
    page.get_by_role("heading", name="No code to compare").wait_for()
    page.get_by_text("No commit was recorded of any of these runs").wait_for()


def test_too_many_too_few_and_deleted_runs_are_told(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """What cannot be compared is named, and taken out of the address at a click."""
    visitor = visit(gallery.url)
    visitor.forgiven = ("Failed to load resource",)
    page = visitor.go("/p/resnets/compare?r=r18-0")
    page.get_by_role("heading", name="Choose what to compare r18-0 with").wait_for()
    page = visitor.go("/p/resnets/compare?r=r18-0,gone,r18-1")
    page.get_by_text("The run gone is not there any more").wait_for()
    assert page.locator("thead a").all_inner_texts() == ["r18-0", "r18-1"]
    page.get_by_role("button", name="Take it out of the address").click()
    page.wait_for_url(lambda url: "gone" not in url)
    many = ",".join(f"m{number:04d}" for number in range(25))
    page = visitor.go(f"/p/many/compare?r={many}")
    page.get_by_text("The address names 25 runs; the first 20 are compared").wait_for()
    until(lambda: page.locator("thead a").count() == 20)


_WIDE = """
for number in range(2):
    run = epochal.init(project="wide", name=f"wide {number}", id=f"w{number}", settings=QUIET,
                       reinit="create_new")
    run.define_metric("val/*", step_metric="epoch")
    for epoch in range(5):
        run.log({"epoch": epoch, "val/loss": number + epoch / 8}, step=epoch * 100)
    run.log({f"{group}/m{at:02d}": at + number for group in "ab" for at in range(40)}, step=500)
    run.finish()
"""


def test_many_keys_are_folded_and_a_search_opens_them(
    home: Path, server: Server, visit: Callable[..., Visitor]
) -> None:
    """Groups open one by one; charts have a legend, and stand over the axis that was defined."""
    run_script(home, _WIDE)
    wait_known(server.url, "wide", "w1", 500)
    page = visit(server.url).go("/p/wide/compare?r=w0,w1")
    group = page.get_by_role("button", name="b 40")
    group.wait_for()
    assert keys(page) == ["val/loss"]
    group.click()
    until(lambda: keys(page)[-1] == "m39")
    assert len(keys(page)) == 41
    page.get_by_label("Search keys and values").fill("a/m0")
    until(lambda: len(keys(page)) == 10)
    page.keyboard.press("Escape")
    page.goto(f"{server.url}/p/wide/compare?r=w0,w1&tab=charts")
    legend = page.get_by_role("list", name="Runs").get_by_role("link")
    until(lambda: legend.all_inner_texts() == ["wide 0", "wide 1"])
    wait_drawn(page, "val/loss", 2)
    first = drawn(page, "val/loss")[0]
    assert [first["x_first"][0], first["x_last"][-1]] == [0, 4]
    page.get_by_label("x axis").select_option("step")
    page.wait_for_url("**x=step**")
    until(lambda: drawn(page, "val/loss")[0]["x_last"][-1] == 400)


_TALL = """
for number in range(3):
    text = "You are an assistant that reads digits and answers with one figure. " * 12
    config = {"prompt": text + str(number), "lines": "a: 1\\n" * 30 + str(number), "lr": number}
    run = epochal.init(project="tall", id=f"t{number}", config=config, settings=QUIET,
                       reinit="create_new")
    run.log({"loss": number})
    run.finish()
"""


@pytest.mark.parametrize("transposed", ["", "&t=1"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_values_keep_rows_low_and_are_shown_whole_when_asked(
    home: Path, server: Server, visit: Callable[..., Visitor], transposed: str, scheme: str
) -> None:
    """A prompt of 800 letters and 30 lines of text: a row is a few lines high until a value is
    opened, then all of it is there.
    """
    run_script(home, _TALL)
    wait_known(server.url, "tall", "t2")
    visitor = visit(server.url, color_scheme=scheme)
    page = visitor.go(f"/p/tall/compare?r=t0,t1,t2{transposed}")
    open_all = page.get_by_role("button", name="Show all")
    until(lambda: open_all.count() == 6, what="two long values of each run")
    heights = "(rows) => rows.map((row) => row.getBoundingClientRect().height)"
    assert max(page.locator("tbody tr").evaluate_all(heights)) < 150
    open_all.first.click()
    whole = page.get_by_role("region", name="prompt of")
    if whole.count() == 0:
        whole = page.get_by_role("region", name="lines of")
    assert whole.first.inner_text().rstrip().endswith("0")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    within = "(does) => does.every((d) => d.scrollWidth <= d.clientWidth)"
    assert page.locator(".does").evaluate_all(within)
    assert serious(page) == []
