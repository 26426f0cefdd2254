"""2,000 runs with 30 columns: the first rows at once, and cost that follows the window."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.gallery import MANY_CONFIGS, MANY_METRICS, MANY_RUNS, Gallery
from tests.browser.visitor import Visitor, cell, rows, until

pytestmark = pytest.mark.browser

COLUMNS = [f"last(m/{i:02d})" for i in range(MANY_METRICS)] + [
    f"config.c{i:02d}" for i in range(MANY_CONFIGS)
]
MOST_NODES = 1_500
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


def test_the_first_rows_of_a_large_table_are_there_within_a_second(
    table: Page, slack: float
) -> None:
    """From navigation to rows, and few elements whatever the size of the table."""
    assert table.evaluate("window.__epochal.marks['table:rows']") < 1000 * slack
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
        until(partial(has_row, table, name), seconds=20, what=name)
        until(partial(says, table, name, row + 1), what=f"value of {name}")
        most = max(most, nodes(table))
    assert most < MOST_NODES


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


def has_row(page: Page, run: str) -> bool:
    """Whether a run is among the rows in the document."""
    return run in rows(page)


def says(page: Page, run: str, number: int) -> bool:
    """Whether the first metric's cell has that number, however thousands are set apart."""
    return re.sub(r"\s", "", cell(page, run, COLUMNS[0]) or "") == str(number)
