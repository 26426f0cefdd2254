"""The runs table where it is large or odd: many columns, wrong addresses, archived runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.clients import run_script
from tests.browser.gallery import wait_known
from tests.browser.test_arranging import heads, table
from tests.browser.visitor import Visitor, rows, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

_FIVE = """
for number in range(5):
    run = epochal.init(project="bulk", name=f"n{number}", id=f"n{number}", settings=QUIET,
                       tags=["old"] if number < 2 else [], config={"seed": number},
                       reinit="create_new")
    run.log({"loss": number / 4}, step=0)
    run.finish()
"""
_WIDE = """
import math
for number in range(60):
    keys = {f"aug.p{key:02d}": number * key % 7 for key in range(24)}
    run = epochal.init(project="wide", name=f"w{number:03d}", id=f"w{number:03d}",
                       config={"lr": 0.0012345 / (number + 1), "seed": number, **keys},
                       settings=QUIET, reinit="create_new")
    run.log({"loss": float(number)}, step=0)
    run.finish()
"""


def test_what_an_address_asks_for_in_vain_is_told_by_the_table_and_left_out(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """A broken order or column is no fault of the filter; one click shows the runs."""
    run_script(server.home, _FIVE)
    wait_known(server.url, "bulk", "n4")
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    for wrong, other in (
        ("sort=-conf%5Big", "cols=tags"),
        ("cols=config.seed,last()", "sort=name"),
    ):
        page = table(visitor, "bulk", f"?{wrong}&{other}")
        alert = page.get_by_role("alert")
        alert.get_by_text("The address asks for").wait_for()
        assert page.get_by_label("Filter runs").get_attribute("aria-invalid") == "false"
        alert.get_by_role("button", name="Leave it out").click()
        page.get_by_role("link", name="n4", exact=True).wait_for()
        assert len(rows(page)) == 5
        assert alert.count() == 0
    page.get_by_label("Filter runs").fill("config.seed <")
    until(lambda: page.get_by_label("Filter runs").get_attribute("aria-invalid") == "true")


def test_archived_runs_are_found_and_brought_back(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Archiving says how to find them again; the same button brings them back."""
    run_script(server.home, _FIVE)
    wait_known(server.url, "bulk", "n4")
    page = table(visit(server.url), "bulk", "?sort=name&cols=config.seed")
    until(lambda: len(rows(page)) == 5)
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    bar = page.get_by_role("toolbar", name="Selected runs")
    bar.get_by_role("button", name="Archive").click()
    until(lambda: rows(page) == ["n2", "n3", "n4"], what="the others")
    page.get_by_role("status").get_by_text("archived == true").wait_for()
    page.get_by_label("Filter runs").fill("archived == true")
    until(lambda: rows(page) == ["n0", "n1"], what="the archive")
    page.get_by_label("Select the loaded runs").check()
    bar.get_by_role("button", name="Bring back").click()
    until(lambda: rows(page) == [], what="an empty archive")
    page.get_by_label("Filter runs").fill("")
    until(lambda: len(rows(page)) == 5, what="all runs")


def test_a_series_has_several_columns_and_keys_stand_in_groups(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Another value beside the first; many keys fold by what they begin with."""
    run_script(server.home, _WIDE.replace("range(60)", "range(2)"))
    wait_known(server.url, "wide", "w001")
    page = table(visit(server.url), "wide", "?sort=name&cols=last(loss),config.lr")
    until(lambda: len(rows(page)) == 2)
    page.get_by_title("Options of last(loss)").click()
    page.get_by_role("button", name="Another value beside it").click()
    until(lambda: heads(page) == ["name", "last(loss)", "min(loss)", "config.lr"])
    fits = "(e) => e.scrollWidth <= e.clientWidth"
    lr = page.locator('.grid-row:not([hidden]) .grid-cell[data-column="3"]').first
    until(lambda: lr.inner_text() == "0.001235" or lr.inner_text() == "0.001234")
    assert lr.evaluate(fits)
    page.get_by_role("button", name="Columns").click()
    chooser = page.get_by_role("dialog", name="Columns")
    group = chooser.get_by_role("button", name="aug")
    assert group.get_attribute("aria-expanded") == "true"
    chooser.get_by_label("aug.p03", exact=True).check()
    until(lambda: heads(page)[-1] == "config.aug.p03", what="the column")
    assert "1 of 24" in group.inner_text()
    group.click()
    assert chooser.get_by_label("aug.p03", exact=True).count() == 0
    chooser.get_by_label("Find a column").fill("p17")
    chooser.get_by_label("aug.p17", exact=True).wait_for()
