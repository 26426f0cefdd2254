"""Nothing moves under the pointer: what would move rows waits, and is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.clients import Client, run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, rows, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

_OLD = """
for number in range(60):
    run = epochal.init(project="held", name=f"old-{number:02d}", id=f"old-{number:02d}",
                       config={"kind": "even" if number % 2 else "odd"}, settings=QUIET,
                       reinit="create_new")
    run.log({"loss": float(number)}, step=0)
    run.finish()
"""


@pytest.fixture
def filled(server: Server) -> Server:
    """Sixty ended runs, the newest ``old-59``."""
    run_script(server.home, _OLD)
    wait_known(server.url, "held", "old-59")
    return server


def new_runs(server: Server, *names: str) -> None:
    """Runs that begin and end while somebody looks."""
    run_script(
        server.home,
        """
        for name in sys.argv[1:]:
            run = epochal.init(project="held", name=name, id=name, config={"kind": "new"},
                               settings=QUIET, reinit="create_new")
            run.log({"loss": 0.5}, step=0)
            run.finish()
        """,
        *names,
    )
    wait_known(server.url, "held", names[-1])


def point(page: Page, row: int = 4) -> None:
    """Move the pointer over a row of the table."""
    box = page.locator("#runs-grid").bounding_box()
    assert box
    page.mouse.move(box["x"] + 120, box["y"] + 28 * (row + 1) + 14)


def away(page: Page) -> None:
    """Move the pointer to the charts."""
    page.mouse.move(1200, 700)


def told(page: Page) -> str:
    """What the chip says, empty without one."""
    chip = page.locator(".news")
    return str(chip.text_content()) if chip.count() else ""


def test_new_runs_wait_while_the_pointer_is_over_the_table(
    filled: Server, visit: Callable[..., Visitor]
) -> None:
    """They are counted by a chip; a click on it shows them, and so does the pointer's leaving."""
    page = visit(filled.url).workspace("held")
    before = rows(page)
    assert before[0] == "old-59"
    point(page)
    new_runs(filled, "new-1", "new-2", "new-3")
    until(lambda: told(page) == "3 new runs", what="the chip")
    assert rows(page) == before
    # The table counts what it shows.
    assert page.get_by_text("60 runs", exact=True).count() == 1
    page.locator(".news").click()
    until(lambda: rows(page)[:4] == ["new-3", "new-2", "new-1", "old-59"], what="the new rows")
    assert told(page) == ""

    point(page)
    new_runs(filled, "new-4")
    until(lambda: told(page) == "1 new run", what="the chip again")
    away(page)
    until(lambda: rows(page)[0] == "new-4", what="the row, once the pointer is away")
    new_runs(filled, "new-5")
    until(lambda: rows(page)[0] == "new-5", what="a row with nobody at the table")


def test_a_deleted_run_keeps_its_row_until_the_pointer_leaves(
    filled: Server, visit: Callable[..., Visitor]
) -> None:
    """Its row is struck out meanwhile; those below it do not move up."""
    page = visit(filled.url).workspace("held")
    before = rows(page)
    point(page)
    uid = wait_known(filled.url, "held", "old-58")["uid"]
    ask(filled.url, f"/api/v1/runs/{uid}", method="DELETE")
    until(lambda: told(page) == "1 run gone", what="the chip")
    assert rows(page) == before
    assert page.locator(".grid-row.leaving .grid-lead a").all_inner_texts() == ["old-58"]
    away(page)
    until(lambda: "old-58" not in rows(page), what="the row to go")
    page.get_by_text("59 runs").wait_for()


def test_rows_stay_while_a_name_is_edited_and_the_pointer_is_elsewhere(
    filled: Server, visit: Callable[..., Visitor]
) -> None:
    """An editor that the keyboard opened holds the table, and what it saves goes to its run."""
    page = visit(filled.url).workspace("held")
    away(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("F2")
    page.get_by_label("Name of old-58").fill("renamed")
    new_runs(filled, "new-1")
    until(lambda: told(page) == "1 new run", what="the chip")
    assert rows(page)[:2] == ["old-59", "old-58"]
    page.keyboard.press("Enter")
    until(lambda: rows(page)[:3] == ["new-1", "old-59", "renamed"], what="both changes")


def test_what_is_looked_at_stays_when_runs_come_above_it(
    filled: Server, visit: Callable[..., Visitor]
) -> None:
    """Scrolled down, the rows in view stay in view; the active row stays with its run."""
    page = visit(filled.url).workspace("held")
    away(page)
    for _ in range(3):
        page.keyboard.press("j")
    until(lambda: active(page) == "old-57", what="the third row is active")
    new_runs(filled, "new-1")
    until(lambda: rows(page)[0] == "new-1", what="the new row")
    assert active(page) == "old-57"

    grid = page.locator("#runs-grid")
    grid.evaluate("grid => grid.scrollTop = 28 * 20")
    top = until(lambda: at_top(page), what="a row at the top")
    new_runs(filled, "new-2", "new-3")
    until(lambda: grid.get_attribute("aria-rowcount") == "64", what="two more rows")
    until(lambda: grid.evaluate("grid => grid.scrollTop") == 28 * 22, what="the scroll follows")
    assert at_top(page) == top


def test_an_order_that_somebody_chose_changes_only_when_it_is_wanted(
    filled: Server, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """Values change in their rows; that they stand in another order now is told."""
    training = client(project="held", id="now", name="now")
    training.log(0, loss=100.0)
    wait_known(filled.url, "held", "now")
    page = visit(filled.url).workspace("held", "?sort=-last(loss)&cols=last(loss)")
    until(lambda: rows(page)[:2] == ["now", "old-59"], what="the greatest first")
    away(page)
    training.log(1, loss=-1.0)
    until(lambda: told(page) == "New order", what="the chip")
    assert rows(page)[:2] == ["now", "old-59"]
    page.locator(".news").click()
    until(lambda: rows(page)[0] == "old-59" and told(page) == "", what="the new order")


def test_groups_stay_in_their_places_under_the_pointer(
    filled: Server, visit: Callable[..., Visitor]
) -> None:
    """A new group, and a new run in an open one, wait as well."""
    page = visit(filled.url).workspace("held", "?group=config.kind")
    page.get_by_role("button", name="Open the group odd").click()
    until(lambda: "old-58" in rows(page), what="the runs of the open group")
    lines = page.locator("#runs-grid").get_attribute("aria-rowcount")
    point(page, 0)
    new_runs(filled, "new-1")
    until(lambda: told(page) == "1 new run", what="the chip")
    assert page.locator("#runs-grid").get_attribute("aria-rowcount") == lines
    away(page)
    page.get_by_role("button", name="Open the group new").wait_for()


def active(page: Page) -> str:
    """The name of the active row's run."""
    return str(page.locator(".grid-row.active .grid-lead a").text_content())


def at_top(page: Page) -> str | None:
    """The run whose row touches the head of the table."""
    found: str | None = page.evaluate(
        """() => {
          const grid = document.querySelector("#runs-grid");
          const { left, top } = grid.getBoundingClientRect();
          const row = document.elementFromPoint(left + 90, top + 28 + 6)?.closest(".grid-row");
          return row?.querySelector(".grid-lead a")?.textContent ?? null;
        }"""
    )
    return found
