"""The table as people arrange it: columns, several sort criteria, groups, many runs at once."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route

from tests.browser.axe import serious
from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, ask, wait_known
from tests.browser.visitor import Visitor, cell, held, rows, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

COLUMNS = "?sort=name&cols=config.lr,last(train/loss),config.optim.name,created"
_FIVE = """
for number in range(5):
    run = epochal.init(project="bulk", name=f"n{number}", id=f"n{number}", settings=QUIET,
                       tags=["old"] if number < 2 else [], config={"seed": number},
                       reinit="create_new")
    run.log({"loss": number / 4}, step=0)
    run.finish()
"""
_MOVING = """
for project, ids in (("going", ("m0", "m1", "m2")), ("taken", ("m1",))):
    for id in ids:
        run = epochal.init(project=project, name=id, id=id, settings=QUIET, reinit="create_new")
        run.log({"loss": 1.0}, step=0)
        run.finish()
"""
_FOUR = """
for number in range(4):
    run = epochal.init(project="cells", name=f"c{number}", id=f"c{number}", settings=QUIET,
                       config={"seed": number, "lr": 0.1, **({"only": 1} if number == 2 else {})},
                       reinit="create_new")
    for step in range(6):
        bad = number == 3 and step > 3
        run.log({"loss": float("nan") if bad else 1.0 / (step + 1)}, step=step)
    run.finish()
"""


def table(visitor: Visitor, project: str, query: str) -> Page:
    """The runs of a project at full width."""
    return visitor.go(f"/p/{project}/runs{query}")


def heads(page: Page) -> list[str]:
    """The columns by the buttons of their options, from left to right."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".grid-headcell")]
          .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left)
          .map((head) => head.querySelector(".more").title.replace("Options of ", ""))"""
    )
    return found


def looks_for_differing(waiting: list[Route]) -> list[Route]:
    """Those requests that ask which settings differ: the table itself asks for fewer runs."""
    bodies = [(route, route.request.post_data_json or {}) for route in waiting]
    return [route for route, body in bodies if body.get("limit") == 1000 and "ids" not in body]


def head(page: Page, column: str) -> Any:
    options = page.get_by_title(f"Options of {column}", exact=True)
    return page.locator(".grid-headcell", has=options)


def wide(page: Page) -> float:
    """The width of the column of learning rates; 0 while its head is built anew."""
    box = head(page, "config.lr").bounding_box()
    return float(box["width"]) if box else 0.0


def test_columns_are_moved_pinned_resized_and_hidden_and_the_browser_remembers(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """By pointer and by keyboard; a bare address later shows the table as it was left."""
    visitor = visit(gallery.url)
    page = table(visitor, "resnets", COLUMNS)
    until(lambda: heads(page)[1:3] == ["config.lr", "last(train/loss)"])
    page.get_by_title("Sort by last(train/loss)").drag_to(page.get_by_title("Sort by config.lr"))
    until(lambda: heads(page)[1:3] == ["last(train/loss)", "config.lr"], what="the drop")
    assert "sort=name" in page.url
    page.get_by_title("Sort by config.optim.name").focus()
    page.keyboard.press("Alt+ArrowLeft")
    until(lambda: heads(page)[2] == "config.optim.name", what="a step to the left")
    edge = until(lambda: head(page, "config.lr").bounding_box(), what="the head of a column")
    page.mouse.move(edge["x"] + edge["width"] - 3, edge["y"] + 8)
    page.mouse.down()
    page.mouse.move(edge["x"] + edge["width"] + 57, edge["y"] + 8, steps=4)
    page.mouse.up()
    until(lambda: abs(wide(page) - edge["width"] - 60) < 2, what="the new width")
    page.get_by_title("Options of config.optim.name").click()
    page.get_by_role("button", name="Pin beside the name").click()
    until(lambda: heads(page)[1] == "config.optim.name", what="the pinned column first")
    page.get_by_title("Options of created").click()
    page.get_by_role("button", name="Hide", exact=True).click()
    wanted = ["name", "config.optim.name", "last(train/loss)", "config.lr"]
    until(lambda: heads(page) == wanted, what="three columns")
    page.get_by_title("Options of last(train/loss)").click()
    page.get_by_role("button", name="min", exact=True).click()
    until(lambda: heads(page)[2] == "min(train/loss)", what="the least values")
    width = until(lambda: wide(page))
    page.goto(gallery.url + "/p/resnets/runs")
    until(lambda: heads(page)[1:] == ["config.optim.name", "min(train/loss)", "config.lr"])
    until(lambda: wide(page) == width, what="the width as it was left")
    assert "pin=1" in page.url


def test_shift_sorts_by_several_columns_in_their_order(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Each sorted head says its rank; the order is the server's."""
    page = table(visit(gallery.url), "resnets", COLUMNS)
    page.get_by_title("Sort by config.optim.name").click()
    page.get_by_title("Sort by name").click(modifiers=["Shift"])
    until(lambda: rows(page) == ["r18-1", "r18-3", "r18-5", "r18-0", "r18-2", "r18-4"])
    assert "↑1" in page.get_by_title("Sort by config.optim.name").inner_text()
    page.get_by_title("Sort by name").click(modifiers=["Shift"])
    until(lambda: rows(page) == ["r18-5", "r18-3", "r18-1", "r18-4", "r18-2", "r18-0"])
    assert "↓2" in page.get_by_title("Sort by name").inner_text()


def test_values_at_a_step_and_curves_are_read_for_rows_in_view(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A column at a step shows that step's value; a column of curves draws one per run."""
    columns = "?sort=name&cols=last(train/loss),spark(train/loss)"
    page = table(visit(gallery.url), "resnets", columns)
    page.get_by_title("Options of last(train/loss)").click()
    page.get_by_label("Step", exact=True).fill("100")
    page.get_by_role("button", name="Show", exact=True).click()
    exact = math.exp(-100 / 60) + 0.05 * math.sin(100)
    value = until(
        lambda: (cell(page, "r18-0", "at(train/loss@100)") or "").strip("…"), what="a value"
    )
    assert float(value) == pytest.approx(exact, rel=1e-3)
    curve = page.locator(".grid-row:not([hidden]) .spark path").first
    until(lambda: len(curve.get_attribute("d") or "") > 50, what="a curve")


def test_groups_show_mean_and_spread_over_all_their_runs_and_open(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Two levels from the chooser; a group's numbers are those of its runs; the address has it."""
    page = table(visit(gallery.url), "resnets", COLUMNS)
    until(lambda: len(rows(page)) == 6)
    page.keyboard.press("g")
    page.get_by_role("dialog").get_by_role("button", name="optim.name").click()
    page.get_by_role("dialog").get_by_role("button", name="lr").click()
    page.keyboard.press("Escape")
    page.wait_for_url("**group=config.optim.name,config.lr*")
    groups = page.locator(".grid-row.grouping:not([hidden])")
    until(lambda: groups.count() == 2, what="two groups")
    assert groups.first.locator(".grid-lead .grow").last.inner_text() == "adamw · name"
    # Its color is that of no curve: the groups inside are drawn.
    assert groups.first.locator(".swatch").is_hidden()
    until(lambda: "6 groups" in page.locator(".side > .tools").inner_text(), what="both levels")
    values = last_losses(gallery, "adamw")
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    shown = groups.first.locator('.grid-cell[data-column="2"]').inner_text()
    left, right = (float(part.replace("−", "-")) for part in shown.split("±"))
    assert left == pytest.approx(mean, rel=2e-3)
    assert right == pytest.approx(spread, rel=0.06)
    page.locator("#runs-grid").focus()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    until(lambda: groups.count() == 5, what="three groups inside")
    assert groups.nth(1).locator(".swatch").is_visible()
    groups.nth(1).click()
    until(lambda: sum(name.startswith("r18-") for name in rows(page)) == 1, what="the run inside")
    page.reload()
    until(lambda: groups.count() == 2, what="the groups after a reload")


def last_losses(gallery: Gallery, optimizer: str) -> list[float]:
    runs = [gallery.run("resnets", f"r18-{number}") for number in range(6)]
    mine = [run for run in runs if run["config"]["optim"]["name"] == optimizer]
    metrics = [metric for run in mine for metric in run["metrics"]]
    return [metric["last"] for metric in metrics if metric["key"] == "train/loss"]


def test_many_runs_are_tagged_exported_archived_and_deleted(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """One selection; deleting wants the number typed; the file holds the columns of the table."""
    run_script(server.home, _FIVE)
    wait_known(server.url, "bulk", "n4")
    visitor = visit(server.url)
    page = table(visitor, "bulk", "?sort=name&cols=config.seed,last(loss),tags")
    until(lambda: len(rows(page)) == 5)
    page.get_by_label("Select the loaded runs").check()
    page.keyboard.press("t")
    page.get_by_label("Add", exact=True).fill("new, fresh")
    page.get_by_role("button", name="old 2").click()
    page.get_by_role("button", name="Save").click()
    until(lambda: cell(page, "n0", "tags") == "new, fresh", what="the tags")
    assert cell(page, "n4", "tags") == "new, fresh"
    page.keyboard.press("e")
    with page.expect_download() as coming:
        page.get_by_role("button", name="JSON lines").click()
    lines = coming.value.path().read_text().splitlines()
    assert [json.loads(line)["last(loss)"] for line in lines] == [0, 0.25, 0.5, 0.75, 1]
    assert json.loads(lines[0])["tags"] == ["new", "fresh"]
    page.get_by_role("button", name="Drop the selection").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("a")
    until(lambda: rows(page) == ["n1", "n2", "n3", "n4"], what="one run less")
    page.locator('.grid-cell[data-column="1"]', has_text="1").click(modifiers=["Control"])
    page.locator('.grid-cell[data-column="1"]', has_text="3").click(modifiers=["Shift"])
    page.get_by_text("3 selected").wait_for()
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Delete").is_disabled()
    dialog.get_by_label("Number of runs").fill("3")
    dialog.get_by_role("button", name="Delete").click()
    until(lambda: rows(page) == ["n4"], what="the run that is left")


def test_runs_move_to_another_project_and_old_links_lead_there(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """What stays is named; the page of a run that went says where, also when nothing is left."""
    run_script(server.home, _MOVING)
    wait_known(server.url, "going", "m2")
    wait_known(server.url, "taken", "m1")
    page = table(visit(server.url), "going", "?sort=name")
    until(lambda: len(rows(page)) == 3)
    page.get_by_label("Select the loaded runs").check()
    page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Move").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("To project").fill("taken")
    dialog.get_by_role("button", name="Move", exact=True).click()
    dialog.get_by_role("alert").wait_for()
    assert "1 run did not change (m1)" in dialog.get_by_role("alert").inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    until(lambda: rows(page) == ["m1"], what="the run that stays")
    gone = visit(server.url).go("/p/going/r/m0")
    gone.get_by_role("link", name="moved to taken").click()
    gone.wait_for_url("**/p/taken/r/m0")
    gone.get_by_role("heading", name="m0").wait_for()
    uid = ask(server.url, "/api/v1/runs/resolve?project=going&id=m2")["uid"]
    ask(server.url, f"/api/v1/runs/{uid}", method="DELETE")
    left = visit(server.url).go("/p/going/r/m2/logs")
    left.wait_for_url("**/p/taken/r/m2/logs")
    left.get_by_role("heading", name="m2").wait_for()


def test_names_notes_and_settings_are_worked_on_in_the_table(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """Names and notes are written in their cells and kept; columns of what differs; findings."""
    run_script(server.home, _FOUR)
    for number in range(4):
        wait_known(server.url, "cells", f"c{number}", 5)
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: net::ERR_FAILED",)
    page = table(visitor, "cells", "?sort=config.seed&cols=notes,tags,findings,config.seed")
    until(lambda: rows(page) == ["c0", "c1", "c2", "c3"])

    def stored(run: str) -> Any:
        return ask(server.url, f"/api/v1/runs/resolve?project=cells&id={run}")

    page.get_by_role("link", name="c1", exact=True).hover()
    page.get_by_role("button", name="Rename c1").click()
    page.get_by_label("Name of c1").fill("renamed")
    assert serious(page) == []
    page.keyboard.press("Enter")
    until(lambda: rows(page) == ["c0", "renamed", "c2", "c3"])
    assert stored("c1")["name"] == "renamed"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("F2")
    page.keyboard.type("never")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    lost = held(page, "**/api/v1/runs/*")
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("1") and lost)
    lost[0].abort()
    page.get_by_role("alert").wait_for()
    page.unroute("**/api/v1/runs/*")
    page.keyboard.press("Enter")
    active = page.locator(".grid-row.active .grid-lead a").inner_text()
    until(lambda: (cell(page, active, "notes") or "").split() == ["two", "lines"])
    until(lambda: stored("c1" if active == "renamed" else active)["notes"] == "two\nlines")
    assert "never" not in rows(page)

    until(lambda: "NaN" in (cell(page, "c3", "findings") or ""), what="the finding of the run")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Differing").click()
    shown = ["name", "notes", "tags", "findings", "config.seed", "config.only"]
    until(lambda: heads(page) == shown, what="settings that tell the runs apart")
    page.keyboard.press("Escape")
    page.get_by_label("Filter runs").fill("config.seed < 2")
    page.get_by_label("Filter runs").press("Enter")
    until(lambda: heads(page) == shown[:-1], what="settings that differ among those that are left")
    page.get_by_label("Filter runs").fill("")
    page.get_by_label("Filter runs").press("Enter")
    until(lambda: heads(page) == shown, what="all that differ, again")

    waiting = held(page, "**/api/v1/runs/query")
    page.get_by_label("Filter runs").fill("config.seed < 2")
    page.get_by_label("Filter runs").press("Enter")
    asked = until(lambda: page.evaluate("1") and looks_for_differing(waiting))[0]
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Differing").click()
    until(lambda: "differ" not in urlsplit(page.url).query, what="it is switched off")
    page.keyboard.press("Escape")
    with page.expect_response(lambda answer: answer.request == asked.request) as answered:
        for route in waiting:
            route.continue_()
    answered.value.finished()
    page.unroute("**/api/v1/runs/query")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert "differ" not in urlsplit(page.url).query, "an answer that nobody waits for does nothing"
    assert heads(page) == shown
    until(lambda: rows(page) == ["c0", "renamed"], what="the filter holds")
    page.get_by_label("Filter runs").fill("")
    page.get_by_label("Filter runs").press("Enter")
    until(lambda: rows(page) == ["c0", "renamed", "c2", "c3"], what="all runs, again")
    page.locator(".grid-cell a.chip", has_text="NaN").click()
    page.wait_for_url("**/p/cells/r/c3/charts**")
