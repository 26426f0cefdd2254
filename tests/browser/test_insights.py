"""Findings on a run's page: their evidence, where they lead to, and switching them off."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.gallery import wait_known
from tests.browser.visitor import Visitor, until, wait_drawn
from tests.conftest import Server
from tests.server.targets import webhook
from tests.store.journals import Writing

MEANING = {
    "spike": "A loss that jumped far above what it did before",
    "nan": "The first series that became NaN",
}

pytestmark = pytest.mark.browser


def test_findings_lead_to_their_chart_and_stay_off_when_switched_off(
    home: Path, server: Server, visit: Callable[..., Visitor]
) -> None:
    """A planted spike and NaN; nobody looks for anything."""
    source = random.Random(1)
    writing = Writing(home, "r1")
    writing.rows(
        list(range(600)),
        [{"train/loss": 9.0 if i == 300 else 1 + source.gauss(0, 0.02),
          "norm": math.nan if i > 500 else 1.0} for i in range(600)],
    )  # fmt: skip
    writing.finish()
    wait_known(server.url, "p", "r1")
    visitor = visit(server.url)
    page = visitor.go("/p/p/r/r1")
    findings = page.get_by_role("region", name="Findings")
    nan, spike = findings.locator("a.chip").all_text_contents() or until(
        lambda: findings.locator("a.chip").all_text_contents(), what="findings are shown"
    )
    assert "NaN from step 501" in nan
    assert "Spike of train/loss" in spike
    findings.get_by_role("button", name="Why").click()
    findings.get_by_text("99 of 600 points are").first.wait_for()

    findings.locator("a.chip", has_text="Spike").click()
    wait_drawn(page, "train/loss")
    shown = page.evaluate("window.__epochal.drawn('train/loss')")
    assert shown, "the chart of the finding is drawn"
    assert "/charts?" in page.url
    assert page.locator("section.panel").count() == 1, "and no other"
    lo, hi = (int(x) for x in page.url.split("z=")[1].split("&")[0].replace("%2C", ",").split(","))
    assert lo < 300 < hi < 400

    findings.get_by_role("button", name="Switch off for this run: NaN").click()
    until(lambda: findings.locator("a.chip").count() == 1, what="the NaN is gone")
    findings.get_by_role("button", name="Choose…").click()
    spikes, nans = page.get_by_label(MEANING["spike"]), page.get_by_label(MEANING["nan"])
    spikes.last.uncheck()
    assert spikes.first.is_disabled(), "what is off in the project is off in its runs"
    assert not nans.first.is_checked()
    nans.first.check()
    page.get_by_role("button", name="Save").click()
    findings.locator("a.chip", has_text="NaN").wait_for()
    findings.locator("a.chip", has_text="Spike").wait_for(state="detached")
    page.reload()
    findings.get_by_text("1 kind off").wait_for()
    assert "NaN" in findings.locator("a.chip").inner_text(), "and what was off here is back"


def test_a_rule_made_on_the_page_tells_a_webhook_and_its_log_says_so(
    home: Path, server: Server, visit: Callable[..., Visitor]
) -> None:
    """Made, tried, told, removed; what was typed as its address is not shown again."""
    writing = Writing(home, "r1")
    writing.line(0, 5)
    writing.finish()
    wait_known(server.url, "p", "r1")
    page = visit(server.url).go("/p/p/r/r1")
    page.get_by_role("button", name="Alerts", exact=True).click()
    page.get_by_role("dialog", name="Alerts of p").get_by_role("button", name="Close").click()
    page.goto(f"{server.url}/p/p")
    with webhook() as hook:
        page.get_by_role("button", name="Alerts", exact=True).click()
        dialog = page.get_by_role("dialog", name="Alerts of p")
        dialog.get_by_role("combobox", name="When").select_option("threshold")
        dialog.get_by_role("combobox", name="Series").fill("loss")
        dialog.get_by_role("textbox", name="Bound").fill("5")
        dialog.get_by_role("textbox", name="Tell").fill(hook.url)
        dialog.get_by_role("button", name="Add").click()
        dialog.get_by_text("loss is above 5").wait_for()
        assert "very-secret" not in dialog.inner_text()
        dialog.get_by_role("button", name="Try").click()
        until(lambda: hook.got, what="the webhook is told")
        dialog.get_by_role("list", name="Told lately").get_by_text("Trial").wait_for()
        assert dialog.get_by_role("alert").count() == 0
        dialog.get_by_role("button", name="Remove").click()
        dialog.get_by_text("No rules yet").wait_for()
        dialog.get_by_role("list", name="Told lately").get_by_text("Trial").wait_for()
        dialog.get_by_role("button", name="Close").click()
        dialog.wait_for(state="detached")
        page.goto(f"{server.url}/p/p/sweeps")
        page.get_by_role("heading", name="Sweeps").wait_for()
        page.keyboard.press("!")
        dialog.get_by_text("No rules yet").wait_for()
