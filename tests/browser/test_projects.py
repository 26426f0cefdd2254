"""The list of projects: few, many, and what their runs were about lately."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Request

from tests.browser.visitor import Visitor, until
from tests.conftest import Server
from tests.store.journals import Writing

pytestmark = pytest.mark.browser

MANY = 130


@pytest.fixture
def projects(server: Server) -> Server:
    """``p000`` to ``p129``, each with a run, and ``busy`` with one that still runs."""
    now = time.time_ns() // 1000
    for number in range(MANY):
        Writing(server.home, "r", project=f"p{number:03d}", start_us=now - number).finish()
    writing = Writing(server.home, "r", project="busy", start_us=now + 1)
    writing.row(0, loss=1.0)
    return server


def test_a_hundred_projects_are_drawn_and_all_are_found(
    projects: Server, visit: Callable[..., Visitor]
) -> None:
    """The newest first; the filter looks at all; what runs and what began is counted."""
    page = visit(projects.url).go("/")
    table = page.locator("main table tbody tr")
    until(lambda: page.get_by_role("heading", name="Projects").count() == 1)
    page.get_by_text(f"{MANY + 1}, 1 run live").wait_for()
    assert table.count() == 100
    assert table.first.locator(".name").inner_text() == "busy"
    assert table.first.get_by_text("1 live").count() == 1
    page.get_by_role("button", name=f"Show 31 more of {MANY + 1}").click()
    until(lambda: table.count() == MANY + 1, what="all projects")
    page.get_by_label("Filter projects").fill("P12")
    until(lambda: table.count() == 10, what="what the filter finds")
    page.get_by_text(f"10 of {MANY + 1}").wait_for()
    days = table.first.get_by_role("img")
    began = "1 run began in the last 30 days"
    until(
        lambda: began in (days.get_attribute("aria-label") or ""), what="the days of the project"
    )
    table.first.click()
    page.wait_for_url("**/p/p120")


def test_projects_in_view_show_their_key_metric_and_no_others_are_asked_about(
    projects: Server, visit: Callable[..., Visitor]
) -> None:
    """One question for what is seen, another after a scroll; the curve says what it is."""
    visitor = visit(projects.url)
    asked: list[list[str]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/projects/key-metrics"):
            asked.append(
                [one["project"] for one in json.loads(request.post_data or "")["projects"]]
            )

    visitor.page.on("request", note)
    page = visitor.go("/")
    until(lambda: page.locator("a.spark path[d]").count() == 1, what="the curve")
    assert page.get_by_title("loss of r, the newest run: 1 at last").is_visible()
    seen = {name for names in asked for name in names}
    assert "busy" in seen
    assert len(seen) < 60
    assert "p090" not in seen
    page.get_by_role("link", name="p090").scroll_into_view_if_needed()
    until(
        lambda: page.evaluate("1") and any("p090" in names for names in asked),
        what="a question about what is seen",
    )
    assert not any("p050" in names for names in asked), "passed over"


def test_a_home_without_projects_teaches_the_first_lines(
    server: Server, home: Path, visit: Callable[..., Visitor]
) -> None:
    """What to write, and where the home is; the first run then appears by itself."""
    page = visit(server.url).go("/")
    page.get_by_role("heading", name="No projects yet").wait_for()
    assert "epochal.init(" in page.locator("pre").inner_text()
    assert str(home) in page.locator("main").inner_text()
    Writing(home, "r", project="first").finish()
    page.get_by_role("link", name="first", exact=True).wait_for()
