"""What another process logs is seen soon, and moves nothing that somebody looks at."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Route

from tests.browser.clients import Client, run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, rows, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

BAR_SECONDS = 1.5
WATCH = """([uid, since]) => {
  let before = null;
  window.__drawings = [];
  const look = () => {
    const point = window.__epochal.lastPoint[uid]?.clock;
    if (point && point.value !== before) {
      window.__drawings.push({ at: Date.now() / 1000 - since, value: point.value });
      before = point.value;
    }
    requestAnimationFrame(look);
  };
  look();
}"""
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


def test_a_point_logged_by_another_process_is_on_the_open_page_within_a_second_and_a_half(
    server: Server,
    client: Callable[..., Client],
    visit: Callable[..., Visitor],
    slack: float,
) -> None:
    """Each point is drawn less than 1.5 s after its log(): one after a pause, all of a stream."""
    training = client(project="live", id="ticking")
    since = time.time()
    training.log(0, clock=time.time() - since)
    wait_known(server.url, "live", "ticking")
    page = visit(server.url).workspace("live")
    wait_drawn(page, "clock")
    page.evaluate(WATCH, [training.uid, since])
    until(lambda: page.evaluate("window.__drawings.length"), what="the first point is drawn")

    logged = training.log(1, clock=0.5)
    page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].clock.x === 1")
    seen = page.evaluate("window.__drawings.at(-1).at") + since
    assert seen - logged < BAR_SECONDS * slack

    training.tick(2, 42, 0.1, since)
    training.wait()
    page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].clock.x === 41")
    drawings = page.evaluate("window.__drawings")[2:]
    assert len(drawings) >= 3
    # The oldest point of a drawing was logged after the newest of the drawing before.
    delays = [later["at"] - earlier["value"] for earlier, later in pairwise(drawings)]
    assert max(delays) < (BAR_SECONDS + 0.1) * slack


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
