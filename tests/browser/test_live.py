"""What another process logs is seen soon, and moves nothing that somebody looks at."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route

from tests.browser.clients import Client, run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, rows, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

_THREE = """
for number in range(3):
    run = epochal.init(project="fading", name=f"d{number}", id=f"d{number}", settings=QUIET,
                       reinit="create_new")
    for step in range(4):
        run.log({"loss": 1.0 / (step + 1)}, step=step)
    run.finish()
"""
LOOKED_AT = """() => ({
  address: location.href,
  table: document.querySelector("#runs-grid").scrollTop,
  charts: document.querySelector(".charts").scrollTop,
  picked: [...document.querySelectorAll("#runs-grid .grid-row.picked")].map((r) => r.id),
  active: document.querySelector("#runs-grid").getAttribute("aria-activedescendant"),
  rows: [...document.querySelectorAll("#runs-grid .grid-row:not([hidden])")]
    .sort((a, b) => a.dataset.row - b.dataset.row)
    .map((r) => r.querySelector(".grid-lead a").textContent),
})"""


def test_points_that_another_process_logs_come_to_the_open_page_one_by_one(
    server: Server, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """Each is drawn before the next is logged, by a page that asks for no run and no document
    again; how soon is measured in bench/.
    """
    training = client(project="live", id="ticking")
    training.log(0, clock=0.0)
    wait_known(server.url, "live", "ticking")
    visitor = visit(server.url)
    page = visitor.workspace("live")
    wait_drawn(page, "clock")
    page.get_by_text("live", exact=True).first.wait_for()
    visitor.wait_rest(1)
    visitor.requests.clear()
    for step in range(1, 11):
        training.log(step, clock=step / 2)
        page.wait_for_function(
            "([uid, step]) => window.__epochal.lastPoint[uid].clock.x === step",
            arg=[training.uid, step],
        )
    paths = [urlsplit(url).path for url in visitor.requests]
    assert not [path for path in paths if not path.startswith("/api/v1/")], paths


def test_a_run_that_is_deleted_before_the_page_listens_does_not_stay(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """The document brings runs along; one of them is deleted before its stream says hello."""
    run_script(server.home, _THREE)
    for name in ("d0", "d1", "d2"):
        wait_known(server.url, "fading", name, 3)
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 404",)
    page = visitor.page

    def late(route: Route) -> None:
        answer = route.fetch()
        if doomed:
            ask(server.url, f"/api/v1/runs/{doomed.pop()}", method="DELETE")
        route.fulfill(response=answer)

    doomed = [ask(server.url, "/api/v1/runs/resolve?project=fading&id=d1")["uid"]]
    page.route("**/p/fading", late)
    visitor.workspace("fading")
    until(lambda: doomed == [] and rows(page) == ["d2", "d0"], what="the table without the run")

    doomed += [ask(server.url, "/api/v1/runs/resolve?project=fading&id=d2")["uid"]]
    page.route("**/p/fading/r/d2", late)
    visitor.go("/p/fading/r/d2")
    page.get_by_role("heading", name="There is no such run").wait_for()


def test_live_points_change_neither_zoom_nor_scroll_nor_selection(
    server: Server, home: object, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """A live update changes values, never the address, the scrolling, the order, the selection."""
    run_script(
        server.home,
        """
        for number in range(60):
            run = epochal.init(project="busy", name=f"old-{number:02d}", id=f"old-{number:02d}",
                               settings=QUIET, reinit="create_new")
            for step in range(20):
                run.log({f"k{i}/loss": step * i for i in range(30)}, step=step)
            run.finish()
        """,
    )
    training = client(project="busy", id="now", name="now")
    training.log(0, **{"k0/loss": 1.0})
    wait_known(server.url, "busy", "now")
    wait_known(server.url, "busy", "old-59", 19)
    page = visit(server.url).workspace("busy", "?sort=name&z=0,15&sel=now,old-03")
    wait_drawn(page, "k0/loss", series=2)
    page.locator(".charts").evaluate("box => box.scrollTop = 260")
    page.locator("#runs-grid").evaluate("grid => grid.scrollTop = 336")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator("#runs-grid").evaluate("grid => grid.scrollTop = 336")
    page.wait_for_function("() => document.querySelector('#runs-grid').scrollTop === 336")
    page.wait_for_function(
        """() => Math.min(...[...document.querySelectorAll("#runs-grid .grid-row:not([hidden])")]
             .map((row) => Number(row.dataset.row))) > 0"""
    )
    before = page.evaluate(LOOKED_AT)
    for step in range(1, 12):
        training.log(step, **{f"k{i}/loss": float(step) for i in range(30)})
    page.wait_for_function(
        "(uid) => Object.values(window.__epochal.lastPoint[uid]).some((p) => p.x === 11)",
        arg=training.uid,
    )
    assert page.evaluate(LOOKED_AT) == before
    assert before["table"] == 336
    assert before["charts"] == 260
