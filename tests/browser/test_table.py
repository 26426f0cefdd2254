"""2,000 runs with 30 columns: the first rows at once, and cost that follows the window."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route

from tests.browser.gallery import MANY_CONFIGS, MANY_METRICS, MANY_RUNS, Gallery
from tests.browser.visitor import Visitor, cell, held, rows, until

pytestmark = pytest.mark.browser

COLUMNS = [f"last(m/{i:02d})" for i in range(MANY_METRICS)] + [
    f"config.c{i:02d}" for i in range(MANY_CONFIGS)
]
MOST_NODES = 1_500
ASKED_BEFORE_ROWS = """() => performance.getEntriesByType("resource")
  .filter((e) => e.name.includes("/runs/query"))
  .filter((e) => e.startTime < window.__epochal.marks["table:rows"])
  .map((e) => e.decodedBodySize)"""
QUERY = "?sort=name&sel=m0000&cols=" + ",".join(COLUMNS)


def nodes(page: Page) -> int:
    """How many elements the document has."""
    count: int = page.evaluate("document.querySelectorAll('*').length")
    return count


def scroll(page: Page, row: int) -> None:
    """Bring a row to the top of the table."""
    page.locator("#runs-grid").evaluate("(grid, row) => grid.scrollTop = row * 28", row)


@pytest.fixture
def table(gallery: Gallery, visit: Callable[..., Visitor]) -> Page:
    return visit(gallery.url).workspace("many", QUERY)


def test_the_first_rows_of_a_large_table_need_one_question_and_few_elements(table: Page) -> None:
    """Whatever the size of the table; how soon they are there is measured in bench/."""
    [size] = table.evaluate(ASKED_BEFORE_ROWS)
    assert size < 60 * MANY_RUNS  # of all runs it would be five times as much
    until(lambda: cell(table, "m0000", COLUMNS[0]) == "1")
    grid = table.locator("#runs-grid")
    assert grid.get_attribute("aria-rowcount") == str(MANY_RUNS + 1)
    assert grid.get_attribute("aria-colcount") == "31"
    assert nodes(table) < MOST_NODES


def test_scrolling_to_any_row_loads_it_and_keeps_the_document_small(table: Page) -> None:
    """Beyond the first page of runs, and to the last: each row has its name and its values."""
    most = 0
    for row in (40, 95, 130, 700, 1_300, 1_960):
        scroll(table, row)
        name = f"m{row:04d}"
        until(partial(has_row, table, name), what=name)
        until(partial(says, table, name, row + 1), what=f"value of {name}")
        most = max(most, nodes(table))
    assert most < MOST_NODES


def test_a_jump_to_the_end_reads_that_place_and_nothing_between(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The scroll bar dragged to the bottom: one question by place brings the last rows."""
    visitor = visit(gallery.url)
    table = visitor.workspace("many", QUERY)
    asked: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if "/runs/query" in request.url:
            asked.append(body(request))

    table.on("request", note)
    scroll(table, MANY_RUNS)
    last = f"m{MANY_RUNS - 1:04d}"
    until(partial(has_row, table, last), what=last)
    until(partial(says, table, last, MANY_RUNS), what=f"value of {last}")
    assert {query.get("offset") for query in asked} <= {1_800}
    # What was read far below is selected, and plotted, as any row is.
    row = table.locator(".grid-row:not([hidden])", has_text=last)
    row.get_by_role("button", name=f"Plot {last}").click()
    until(lambda: f"sel=m0000,{last}" in table.url, what="the run in the address")
    row.locator(".grid-cell:not([hidden])").first.click(modifiers=["Control"])
    table.get_by_role("toolbar", name="Selected runs").get_by_text("1 selected").wait_for()
    scroll(table, 0)
    until(partial(has_row, table, "m0000"), what="the first rows again")


def test_scrolling_sideways_shows_the_last_column_beside_the_name(
    table: Page, gallery: Gallery
) -> None:
    """The first column stays; cells of columns far right are filled when they come into view."""
    table.locator("#runs-grid").evaluate("grid => grid.scrollLeft = grid.scrollWidth")
    value = until(lambda: cell(table, "m0003", COLUMNS[-1]), what="a cell of the last column")
    config: dict[str, Any] = gallery.run("many", "m0003")["config"]
    assert float(value) == pytest.approx(config[f"c{MANY_CONFIGS - 1:02d}"], rel=1e-3)
    lead = table.locator(".grid-row:not([hidden]) .grid-lead").first.bounding_box()
    assert lead
    assert lead["x"] == 0
    assert nodes(table) < MOST_NODES


def test_sorting_and_filtering_work_on_all_runs_not_on_the_loaded_page(table: Page) -> None:
    """The order is the server's: the greatest of 2,000 is first after one click."""
    table.get_by_title(f"Sort by {COLUMNS[0]}").click()
    until(lambda: rows(table)[:2] == ["m1999", "m1998"], what="the greatest first")
    table.get_by_label("Filter runs").fill("config.number >= 1990 and config.number < 1993")
    until(lambda: rows(table) == ["m1992", "m1991", "m1990"], what="the filtered rows")


def test_a_sort_shows_what_is_in_view_first_and_the_rest_after_it(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """With many columns out of view, the first answer has those on screen; nothing is left out."""
    visitor = visit(gallery.url, viewport={"width": 900, "height": 500})
    more = [f"{kind}(m/{i:02d})" for kind in ("min", "max") for i in range(MANY_METRICS)]
    columns = [*COLUMNS, *more]
    table = visitor.workspace("many", "/runs?sort=name&cols=" + ",".join(columns))
    until(lambda: cell(table, "m0000", COLUMNS[0]) == "1")
    waiting = held(table, "**/api/v1/runs/query")
    # Nobody pointed at the head, so nothing was foreseen.
    table.get_by_title(f"Sort by {COLUMNS[0]}").evaluate("(head) => head.click()")
    first = until(lambda: asked_of(table, waiting), what="the first question")[0]
    asked = body(first.request)
    assert 0 < len(asked["columns"]) < len(columns) / 2
    assert asked["limit"] < 100
    first.continue_()
    until(lambda: rows(table)[:2] == ["m1999", "m1998"], what="the rows before the rest is asked")
    second = until(lambda: asked_of(table, waiting)[1:], what="the second question")[0]
    assert body(second.request)["columns"] == columns
    second.continue_()
    table.locator("#runs-grid").evaluate("grid => grid.scrollLeft = grid.scrollWidth")
    # Its last step logged the most: the run's number, the column's and the step's.
    most = MANY_RUNS - 1 + MANY_METRICS - 1 + 1
    until(lambda: digits(cell(table, "m1999", more[-1])) == str(most), what="a later column")


def test_a_sort_that_is_pointed_at_is_read_before_the_click(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The answer to the coming click is there when it comes, and no other is asked for first."""
    visitor = visit(gallery.url)
    more = ",".join(f"min(m/{i:02d})" for i in range(MANY_METRICS))
    table = visitor.workspace("many", f"/runs?sort=name&cols={','.join(COLUMNS)},{more}")
    until(lambda: cell(table, "m0000", COLUMNS[0]) == "1")
    with table.expect_response("**/api/v1/runs/query") as foreseen:
        table.get_by_title(f"Sort by {COLUMNS[0]}").hover()
    assert body(foreseen.value.request)["order"] == [f"-{COLUMNS[0]}"]
    foreseen.value.finished()
    waiting = held(table, "**/api/v1/runs/query")
    table.get_by_title(f"Sort by {COLUMNS[0]}").click()
    until(lambda: rows(table)[:2] == ["m1999", "m1998"], what="the greatest first, unasked")
    for route in until(lambda: asked_of(table, waiting), what="the whole table is asked for"):
        route.continue_()


def body(request: Request) -> dict[str, Any]:
    """The question that a request asks."""
    asked: dict[str, Any] = request.post_data_json or {}
    return asked


def asked_of(page: Page, waiting: list[Route]) -> list[Route]:
    """The requests that wait, once the browser has had its say."""
    page.evaluate("0")
    return waiting


def has_row(page: Page, run: str) -> bool:
    """Whether a run is among the rows in the document."""
    return run in rows(page)


def says(page: Page, run: str, number: int) -> bool:
    """Whether the first metric's cell has that number, however thousands are set apart."""
    return digits(cell(page, run, COLUMNS[0])) == str(number)


def digits(text: str | None) -> str:
    """A number of the page without what sets thousands apart."""
    return re.sub(r"\s", "", text or "")
