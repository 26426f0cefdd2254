"""A pipeline of another process is seen step by step, and two of its runs are compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

SCRIPT = """
import sys, time
from pathlib import Path
from typing import Annotated
import epochal
from epochal.pipelines import pipeline, step

GATE = Path(sys.argv[1])
RATE = float(sys.argv[2])

@step
def load(rows: int) -> Annotated[list[int], "rows"]:
    return list(range(rows))

@step
def train(rows: list[int], rate: float) -> Annotated[float, "weight"]:
    epochal.log({"loss": rate})
    print("training has begun")
    while not GATE.exists():
        time.sleep(0.02)
    print("training is done")
    return sum(rows) * rate

@step
def evaluate(weight: float, fold: int) -> float:
    return weight + fold

@step
def judge(scores: list[float], limit: float) -> float:
    if max(scores) > limit:
        raise ValueError(f"{max(scores)} is over the limit of {limit}")
    return max(scores)

@pipeline(name="flows")
def training(rate: float, limit: float = 60.0) -> None:
    judge(evaluate.map(train(load(10), rate), fold=range(40)), limit)

if __name__ == "__main__":
    training(RATE)
"""
BOX = "g.box"


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Iterator[Callable[[float], Path]]:
    """``start(rate)``: a pipeline in a process; its training waits until the path exists."""
    script = tmp_path / "flows.py"
    script.write_text(dedent(SCRIPT))
    drivers: list[subprocess.Popen[bytes]] = []

    def begin(rate: float) -> Path:
        gate = tmp_path / f"gate-{len(drivers)}"
        command = [sys.executable, str(script), str(gate), str(rate)]
        environment = {**os.environ, "EPOCHAL_HOME": str(server.home)}
        drivers.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return gate

    yield begin
    for driver in drivers:
        driver.kill()
        driver.wait()


def box(page: Page, title: str) -> str:
    """The words of a step's box."""
    line = page.locator(f'{BOX}[data-box="{title}"] .line')
    return line.text_content(timeout=30_000) or ""


def rows(page: Page) -> list[str]:
    return page.locator("table[aria-label='Pipeline runs'] tbody tr").all_inner_texts()


def test_a_running_pipeline_is_followed_step_by_step_and_two_runs_are_compared(
    server: Server, start: Callable[[float], Path], visit: Callable[..., Visitor]
) -> None:
    """From the empty list to a failure that is explained, without a reload."""
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 404",)
    page = visitor.go("/p/flows/pipelines")
    expect(page.get_by_text("from epochal.pipelines import pipeline, step")).to_be_visible()

    gate = start(0.5)
    until(lambda: any("running" in row for row in rows(page)), what="the run is in the list")
    page.locator("table[aria-label='Pipeline runs'] tbody a").click()
    until(lambda: box(page, "train").startswith("running"), what="train runs")
    assert box(page, "load").startswith("finished")
    until(lambda: box(page, "evaluate ×40") == "40 ○", what="the fan-out waits, in one box")
    assert page.locator(BOX).count() == 4

    page.locator(f'{BOX}[data-box="train"] [role=button]').click()
    panel = page.locator("aside")
    expect(panel.get_by_text("it is the first time in this home")).to_be_visible()
    expect(panel.get_by_role("link", name="load", exact=True)).to_be_visible()
    page.keyboard.press("3")
    expect(panel.get_by_text("training has begun")).to_be_visible()
    address = page.url
    gate.touch()
    expect(panel.get_by_text("training is done")).to_be_visible(timeout=30_000)
    until(lambda: box(page, "judge").startswith("failed"), what="the last step failed")
    assert page.url == address
    assert box(page, "evaluate ×40") == "40 ✓"
    expect(page.get_by_text("step 'judge' failed: ValueError: 61.5 is over")).to_be_visible()
    page.keyboard.press("2")
    expect(panel.get_by_role("region", name="Summary values").get_by_text("loss")).to_be_visible()

    page.locator("[data-step='evaluate[]']").click()
    until(lambda: page.locator(BOX).count() == 43, what="the calls are seen one by one")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.keyboard.press("j")
    expect(panel.get_by_role("heading", name="load")).to_be_visible()

    start(0.25).touch()
    page.goto(server.url + "/p/flows/pipelines")
    until(lambda: any("finished" in row for row in rows(page)), what="the second run is done")
    for number in (0, 1):
        page.locator("tbody input[type=checkbox]").nth(number).check()
    page.keyboard.press("c")
    train = page.locator("tr[data-step=train]")
    expect(train.get_by_text("parameter rate: 0.5 -> 0.25")).to_be_visible()
    assert train.locator("table td").all_inner_texts() == ["loss", "0.5", "0.25", "▼ 0.25"]
    expect(page.locator("tr[data-step='evaluate[0] … evaluate[39]']")).to_be_visible()
    expect(page.locator("tr[data-step=load]")).to_have_count(0)
    expect(page.locator("tr[data-step=judge]").get_by_text("✗")).to_be_visible()

    page.get_by_role("button", name="Compare").click()
    until(lambda: box(page, "load") == "cached", what="the cached step says so")
    page.locator("[data-step=load]").click()
    expect(page.locator("aside").get_by_text("did not run: run")).to_be_visible()
    expect(page.locator("aside").get_by_role("link", name="Worked in")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
