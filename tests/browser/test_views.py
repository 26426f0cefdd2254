"""Saved views: under names, as short links, and as what a project opens with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.clients import run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, copied, rows, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser

_FOUR = """
for number in range(4):
    run = epochal.init(project="seen", name=f"n{number}", id=f"n{number}", settings=QUIET,
                       config={"lr": number, "optim": ["sgd", "adam"][number % 2]},
                       reinit="create_new")
    run.log({"loss": number / 4}, step=0)
    run.finish()
"""
CONFLICT = ("Failed to load resource: the server responded with a status of 409 (Conflict)",)
MISSING = ("Failed to load resource: the server responded with a status of 404 (Not Found)",)


@pytest.fixture
def seen(server: Server) -> str:
    run_script(server.home, _FOUR)
    wait_known(server.url, "seen", "n3")
    return server.url


def menu(page: Page) -> None:
    """Open the list of views."""
    page.locator(".tools .view").click()
    page.get_by_role("dialog", name="Saved views").wait_for()


def saved_view(visitor: Visitor) -> Page:
    """The project by name, saved as the view "ours", which somebody else may save meanwhile."""
    page = visitor.workspace("seen", "?sort=name")
    menu(page)
    page.get_by_label("Name of a new view").fill("ours")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**v=ours*")
    page.keyboard.press("Escape")
    return page


def test_a_view_is_saved_shared_changed_and_opened_first(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """Its name in an address brings back filter, order and columns, for anybody."""
    page = visit(seen).workspace("seen", "?q=config.lr+%3E+0&sort=name&cols=config.lr")
    until(lambda: rows(page) == ["n1", "n2", "n3"])
    menu(page)
    page.get_by_label("Name of a new view").fill("by name")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**v=by%20name*")
    page.get_by_role("button", name="Open the project with by name").click()
    until(lambda: page.get_by_text("opens first").count() == 1)
    other = visit(seen).go("/p/seen?v=by%20name")
    until(lambda: rows(other) == ["n1", "n2", "n3"], what="the view by its name")
    other.get_by_title("Sort by name").click()
    until(lambda: rows(other) == ["n3", "n2", "n1"])
    other.get_by_label("changed").wait_for()
    menu(other)
    other.get_by_role("button", name="Save changes to by name").click()
    other.get_by_label("changed").wait_for(state="detached")
    third = visit(seen).go("/p/seen")
    until(lambda: rows(third) == ["n3", "n2", "n1"], what="the view that the project opens with")
    menu(third)
    third.get_by_role("button", name="Default").click()
    until(lambda: len(rows(third)) == 4, what="every run")
    assert third.url == f"{seen}/p/seen"
    menu(third)
    third.get_by_role("button", name="Rename by name").click()
    field = third.get_by_label("New name of the view")
    # The old name is selected: what is typed stands in its place.
    until(lambda: field.evaluate("field => field.selectionEnd - field.selectionStart") == 7)
    third.keyboard.type("descending")
    third.get_by_role("button", name="Rename", exact=True).click()
    third.get_by_role("button", name="Delete descending").click()
    third.get_by_role("button", name="Delete", exact=True).click()
    third.get_by_role("button", name="Delete descending").wait_for(state="detached")
    assert third.evaluate("document.activeElement.closest('[role=dialog]') !== null")


def test_a_long_address_becomes_a_short_link_that_shows_the_same(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """Under 200 characters; whoever opens it sees the whole state; a cut link is told."""
    visitor = visit(seen)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    filters = " or ".join(f"config.lr == {number}" for number in (*range(4, 40), 2))
    page = visitor.workspace("seen", f"?q={filters}&group=config.optim&sort=name")
    page.locator(".grouping").wait_for()
    link = copied(page, lambda: page.keyboard.press("y"))
    assert len(link) < 200, link
    assert len(page.url) > 500
    guest = visit(seen)
    guest.forgiven = MISSING
    other = guest.go(link.removeprefix(seen))
    other.locator(".grouping").wait_for()
    until(lambda: len(other.url) > 500, what="the whole state in the address")
    assert other.get_by_label("Filter runs").input_value() == filters
    cut = guest.go(link.removeprefix(seen)[:-4])
    cut.get_by_role("alert").wait_for()
    assert "renamed or deleted" in cut.get_by_role("alert").inner_text()
    until(lambda: len(rows(cut)) == 4, what="the project all the same")
    assert "v=" not in cut.url


def test_the_address_of_a_view_that_somebody_deleted_teaches_and_opens_the_project(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """Opened by a second person while it was there, deleted by the first, opened again."""
    page = visit(seen).workspace("seen", "?q=config.lr+%3E+1&sort=name")
    until(lambda: rows(page) == ["n2", "n3"])
    menu(page)
    page.get_by_label("Name of a new view").fill("ours")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**v=ours*")
    guest = visit(seen)
    guest.forgiven = MISSING
    other = guest.go("/p/seen?v=ours")
    until(lambda: rows(other) == ["n2", "n3"], what="the view")
    page.get_by_role("button", name="Delete ours").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete ours").wait_for(state="detached")
    guest.go("/p/seen?v=ours")
    told = other.get_by_role("alert")
    told.wait_for()
    assert "ours" in told.inner_text()
    assert "renamed or deleted" in told.inner_text()
    until(lambda: len(rows(other)) == 4, what="the project all the same")


def test_an_address_says_which_of_its_runs_are_gone_or_archived(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """The others are drawn; what is not there can be left out of the address."""
    uids = {
        name: ask(seen, f"/api/v1/runs/resolve?project=seen&id={name}")["uid"]
        for name in ("n1", "n2")
    }
    assert ask(seen, f"/api/v1/runs/{uids['n1']}", method="DELETE") is None
    ask(seen, f"/api/v1/runs/{uids['n2']}", {"archived": True}, method="PATCH")
    page = visit(seen).workspace("seen", "?sel=n0,n1,n2,nobody")
    told = page.get_by_role("status").filter(has_text="not there any more")
    told.wait_for()
    said = told.inner_text()
    assert "2 runs of this address (n1, nobody) are not there any more." in said
    assert "The run n2 is archived; the filter archived == true finds it." in said
    wait_drawn(page, "loss", 1)
    told.get_by_role("button", name="Leave them out").click()
    told.wait_for(state="detached")
    assert page.url.endswith("?sel=n0")


def test_a_view_that_somebody_saved_meanwhile_is_not_written_over(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """Who and when is told; theirs can be shown, or mine saved over it."""
    page = saved_view(visit(seen))
    visitor = visit(seen)
    visitor.forgiven = CONFLICT
    other = visitor.go("/p/seen?v=ours")
    until(lambda: rows(other) == ["n0", "n1", "n2", "n3"], what="the view")
    for one in (page, other):
        one.get_by_title("Sort by name").click()
        one.get_by_label("changed").wait_for()
    menu(page)
    page.get_by_role("button", name="Save changes to ours").click()
    page.get_by_label("changed").wait_for(state="detached")
    other.get_by_label("Filter runs").fill("config.lr > 1")
    other.keyboard.press("Enter")
    until(lambda: rows(other) == ["n3", "n2"])
    menu(other)
    other.get_by_role("button", name="Save changes to ours").click()
    other.get_by_role("alert").filter(has_text="local saved ours").wait_for()
    other.get_by_role("button", name="Save mine over it").click()
    other.get_by_label("changed").wait_for(state="detached")
    third = visit(seen).go("/p/seen?v=ours")
    until(lambda: rows(third) == ["n3", "n2"], what="what was saved last")


def saved_by_another(seen: str, query: str) -> None:
    """Somebody else saves the view."""
    address = "/api/v1/views?project=seen&name=ours"
    ask(seen, address, {"query": query}, method="PATCH")


def stored(seen: str) -> Any:
    return ask(seen, "/api/v1/views/resolve?project=seen&name=ours")["query"]


@pytest.mark.parametrize("between", ["reload", "pin", "rename"])
def test_what_was_not_seen_is_not_written_over_after(
    seen: str, visit: Callable[..., Visitor], between: str
) -> None:
    """Neither a reload nor another change of the view makes somebody's state one that I saw."""
    visitor = visit(seen)
    visitor.forgiven = CONFLICT
    page = saved_view(visitor)
    page.get_by_title("Sort by name").click()
    page.get_by_label("changed").wait_for()
    saved_by_another(seen, "q=config.lr+%3E+2")
    name = "ours"
    if between == "reload":
        page.reload()
        page.get_by_label("changed").wait_for()
    menu(page)
    if between == "pin":
        page.get_by_role("button", name="Open the project with ours").click()
        page.get_by_text("opens first").wait_for()
    if between == "rename":
        page.get_by_role("button", name="Rename ours").click()
        page.get_by_label("New name of the view").fill("mine")
        page.get_by_role("button", name="Rename", exact=True).click()
        page.get_by_role("button", name="Delete mine").wait_for()
        name = "mine"
    page.get_by_role("button", name=f"Save changes to {name}").click()
    page.get_by_role("alert").filter(has_text=f"saved {name}").wait_for()
    kept = ask(seen, f"/api/v1/views/resolve?project=seen&name={name}")["query"]
    assert kept == "q=config.lr+%3E+2"
    page.get_by_role("button", name="Show theirs").click()
    until(lambda: rows(page) == ["n3"], what="theirs")


def test_a_view_opens_where_the_browser_keeps_nothing(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """With storage switched off, a reload keeps what was changed of it as elsewhere."""
    visitor = visit(seen)
    visitor.context.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', "
        "{ get() { throw new DOMException('denied', 'SecurityError'); } });"
    )
    page = saved_view(visitor)
    page.get_by_title("Sort by name").click()
    page.get_by_label("changed").wait_for()
    page.reload()
    page.get_by_label("changed").wait_for()
    assert "v=ours" in page.url
    until(lambda: rows(page) == ["n3", "n2", "n1", "n0"], what="the order that was chosen")


def test_a_view_that_somebody_saved_meanwhile_is_deleted_at_the_second_wish(
    seen: str, visit: Callable[..., Visitor]
) -> None:
    """The first one tells who saved it."""
    visitor = visit(seen)
    visitor.forgiven = CONFLICT
    page = saved_view(visitor)
    saved_by_another(seen, "q=config.lr+%3E+2")
    menu(page)
    page.get_by_role("button", name="Delete ours").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("alert").filter(has_text="look at that before you delete it").wait_for()
    assert stored(seen) == "q=config.lr+%3E+2"
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete ours").wait_for(state="detached")
    page.get_by_role("button", name="Delete", exact=True).wait_for(state="detached")
