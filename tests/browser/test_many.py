"""What is done to many runs at once: by pieces, with how far it is, and stopped in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.gallery import ask, many_runs
from tests.browser.visitor import Visitor, held, rows, until
from tests.conftest import Server
from tests.store.journals import Writing

pytestmark = pytest.mark.browser

RUNS = 600
PIECE = 250


def known(server: Server, where: str = "") -> int:
    query = {"project": "lots", "where": where, "limit": 1, "archived": True}
    found: int = ask(server.url, "/api/v1/runs/query", query)["matched"]
    return found


@pytest.fixture
def page(server: Server, visit: Callable[..., Visitor]) -> Page:
    """The table, with all runs selected."""
    many_runs(server.home, "lots", RUNS)
    until(lambda: ask(server.url, "/api/v1/projects")["projects"], 60, "the project")
    until(lambda: known(server) == RUNS, 60, "the runs")
    page = visit(server.url).go("/p/lots/runs?sort=name")
    until(lambda: len(rows(page)) > 5, what="rows")
    page.get_by_label("Select the loaded runs").check()
    page.get_by_role("button", name=f"Select all {RUNS}").click()
    page.get_by_text(f"{RUNS} selected").wait_for()
    return page


def test_archiving_goes_by_pieces_and_is_stopped_between_them(server: Server, page: Page) -> None:
    """What was done until then stays done, and it is told how many were not tried."""
    single: list[str] = []
    page.on("request", lambda r: single.append(r.url) if r.method == "PATCH" else None)
    waiting = held(page, "**/api/v1/runs")
    bar = page.get_by_role("toolbar", name="Selected runs")
    bar.get_by_role("button", name="Archive").click()
    until(lambda: len(waiting) == 1, what="the first piece")
    assert len((waiting[0].request.post_data_json or {})["runs"]) == PIECE
    waiting[0].continue_()
    bar.get_by_text(f"{PIECE} of {RUNS}").wait_for()
    until(lambda: len(waiting) == 2, what="the second piece")
    bar.get_by_role("button", name="Stop").click()
    waiting[1].continue_()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"{2 * PIECE} of {RUNS} runs are done, 100 were not tried")
    assert known(server, "archived == true") == 2 * PIECE
    assert len(single) == 2
    until(lambda: rows(page)[:1] == ["m0500"], what="those that are left")


def test_runs_that_refuse_to_be_deleted_are_named_and_the_others_go(
    server: Server, page: Page
) -> None:
    """One is being written; each piece is one request."""
    busy = Writing(server.home, "m0007", project="lots", start_us=1_790_000_000_000_000)
    busy.line(5, 2, key="m/00")
    sent: list[Any] = []
    page.on("request", lambda r: sent.append(r) if r.url.endswith("/runs/delete") else None)
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Number of runs").fill(str(RUNS))
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "1 run did not change (m0007)", timeout=60_000
    )
    expect(dialog.get_by_role("alert")).to_contain_text("being written by a living process")
    dialog.get_by_role("button", name="Keep").click()
    assert len(sent) == 6
    assert known(server) == 1
    until(lambda: rows(page) == ["m0007"], what="the run that stays")
    busy.finish()


def test_a_selection_is_exported_by_pieces_as_it_stands_in_the_table(page: Page) -> None:
    """No question names all of the runs: a server takes ten thousand names at most."""
    named: list[int] = []

    def note(request: Request) -> None:
        if request.url.endswith("/runs/query"):
            named.append(len((request.post_data_json or {}).get("ids", [])))

    page.get_by_text(f"{RUNS} selected").wait_for()
    page.on("request", note)
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Export").click()
    with page.expect_download() as coming:
        page.get_by_role("dialog").get_by_role("button", name="JSON lines").click()
    lines = coming.value.path().read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"m{n:04d}" for n in range(RUNS)]
    assert [count for count in named if count] == [500, 100]
