"""What is changed on the page is changed in the store."""

from __future__ import annotations

import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clients import run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, drawn, held, rows, until, wait_drawn
from tests.conftest import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def stored(server: Server) -> Callable[[], Any]:
    """``stored()``: the run as the store has it now."""
    run_script(
        server.home,
        """
        for name in ("mine", "other"):
            run = epochal.init(project="edit", id=name, name=name, tags=["first"], settings=QUIET,
                               reinit="create_new")
            run.log({"loss": 1.0}, step=0)
            run.finish()
        """,
    )
    for name in ("mine", "other"):
        wait_known(server.url, "edit", name)
    return lambda: ask(server.url, "/api/v1/runs/resolve?project=edit&id=mine")


@pytest.fixture
def page(server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]) -> Page:
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: net::ERR_FAILED",)
    page = visitor.go("/p/edit/r/mine")
    page.get_by_role("heading", name="mine").wait_for()
    return page


def test_name_notes_and_tags_are_saved(page: Page, stored: Callable[[], Any]) -> None:
    """Each edit reaches the store by itself and is there after a reload."""
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_label("Name of the run").fill("renamed")
    page.keyboard.press("Enter")
    until(lambda: stored()["name"] == "renamed")
    page.get_by_label("Notes", exact=True).fill("two\nlines")
    page.get_by_label("Add a tag").click()
    until(lambda: stored()["notes"] == "two\nlines")
    page.get_by_label("Add a tag").fill("second")
    page.keyboard.press("Enter")
    until(lambda: stored()["tags"] == ["first", "second"])
    page.get_by_role("button", name="Remove the tag first").click()
    until(lambda: stored()["tags"] == ["second"])
    page.reload()
    page.get_by_role("heading", name="renamed").wait_for()
    assert page.get_by_label("Notes", exact=True).input_value() == "two\nlines"
    assert page.get_by_role("button", name="Remove the tag second").count() == 1


def test_escape_gives_the_name_back(page: Page, stored: Callable[[], Any]) -> None:
    """An edit that was given up is not saved."""
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_label("Name of the run").fill("never")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="mine").wait_for()
    assert stored()["name"] == "mine"


def test_a_key_that_ends_a_field_leaves_the_keyboard_where_it_began(page: Page) -> None:
    """The button has it again, and Enter has not pressed it; Tab goes on from there."""
    button = page.get_by_role("button", name="Rename mine")
    for key in ("Escape", "Enter"):
        button.focus()
        page.keyboard.press("Enter")
        page.get_by_label("Name of the run").press(key)
        expect(button).to_be_focused()
    expect(page.get_by_label("Name of the run")).to_have_count(0)


def test_archiving_hides_the_run_and_bringing_it_back_shows_it(
    page: Page, server: Server, stored: Callable[[], Any]
) -> None:
    """An archived run is in no table, keeps everything, and comes back."""
    page.get_by_role("button", name="Archive").click()
    until(lambda: stored()["archived"] is True)
    page.goto(server.url + "/p/edit")
    until(lambda: rows(page) == ["other"])
    page.goto(server.url + "/p/edit/r/mine")
    page.get_by_role("button", name="Bring back from the archive").click()
    until(lambda: stored()["archived"] is False)
    page.goto(server.url + "/p/edit")
    until(lambda: set(rows(page)) == {"mine", "other"})


def test_deleting_asks_first_and_then_the_run_is_gone(
    page: Page, server: Server, stored: Callable[[], Any]
) -> None:
    """Keep it keeps it; Delete ends it and leads back to the runs that are left."""
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep it").click()
    dialog.wait_for(state="detached")
    assert stored()["name"] == "mine"
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/p/edit")
    until(lambda: rows(page) == ["other"])
    with pytest.raises(urllib.error.HTTPError) as refused:
        stored()
    assert refused.value.code == 404


def test_a_change_that_fails_is_told(
    page: Page, server: Server, stored: Callable[[], Any]
) -> None:
    """When the store cannot be reached, the page says that the change was not saved."""
    page.route(
        "**/api/v1/runs/*",
        lambda route: route.abort() if route.request.method == "PATCH" else route.fallback(),
    )
    page.get_by_label("Notes", exact=True).fill("lost")
    page.get_by_label("Add a tag").click()
    page.get_by_role("alert").wait_for()
    assert "not saved" in page.get_by_role("alert").inner_text()
    assert not stored()["notes"]


def test_a_dialog_is_written_in_at_once_and_gives_the_keyboard_back(
    server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """Opened by its key: what is typed next stands in its field, Enter saves, focus is back."""
    page = visit(server.url).workspace("edit", "?sort=name")
    page.locator("#runs-grid").focus()
    page.keyboard.press("j")
    page.keyboard.press("t")
    field = page.get_by_role("dialog").get_by_label("Add")
    field.wait_for()
    page.keyboard.type("typed")
    assert field.input_value() == "typed"
    page.keyboard.press("Enter")
    field.wait_for(state="detached")
    until(lambda: page.evaluate("document.activeElement.id") == "runs-grid")
    assert stored()["tags"] == ["first", "typed"]


def test_a_run_deleted_elsewhere_takes_its_curve_alone(
    server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """Its row goes by itself; a view that names it still draws all others, and nothing fails."""
    page = visit(server.url).workspace("edit", "?sel=mine,other&sort=name")
    wait_drawn(page, "loss", 2)
    uid = stored()["uid"]
    waiting = held(page, "**/api/v1/series/buckets")
    page.get_by_label("Smoothing").fill("0.5")
    until(lambda: page.evaluate("1") and waiting, what="a question about both runs")
    assert ask(server.url, f"/api/v1/runs/{uid}", method="DELETE") is None
    for route in waiting:
        route.continue_()
    page.unroute("**/api/v1/series/buckets")
    until(lambda: rows(page) == ["other"])
    wait_drawn(page, "loss", 1)
    until(
        lambda: [len(one["smooth"]) for one in drawn(page, "loss") if one["smooth"]] == [1],
        what="the smoothed curve that is left",
    )
    assert page.locator("[role=alert]").count() == 0


def test_notes_that_somebody_else_wrote_are_written_over_by_enter_only(
    server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """A refused edit is kept through clicks and other edits, and is sent by Enter alone."""
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 409",)
    page = visitor.go("/p/edit/runs?sort=-name&cols=notes")
    until(lambda: rows(page) == ["other", "mine"])
    page.locator(".grid-row", has_text="mine").locator('.grid-cell[data-column="1"]').dblclick()
    box = page.get_by_label("Notes of mine")
    box.fill("ours")
    run = f"/api/v1/runs/{stored()['uid']}"
    ask(server.url, run, {"notes": "theirs"}, method="PATCH")
    box.press("Enter")
    page.get_by_role("alert").get_by_text("theirs").wait_for()
    page.get_by_role("link", name="other", exact=True).hover()
    page.get_by_role("button", name="Columns").focus()
    assert box.input_value() == "ours"
    other = page.locator(".grid-row", has_text="other")
    other.locator('.grid-cell[data-column="1"]').dblclick()
    page.get_by_label("Notes of other").fill("apart")
    page.keyboard.press("Enter")
    other.get_by_text("apart").wait_for()
    assert stored()["notes"] == "theirs"
    page.locator(".grid-row", has_text="mine").locator('.grid-cell[data-column="1"]').dblclick()
    assert box.input_value() == "ours"
    box.press("Enter")
    until(lambda: stored()["notes"] == "ours", what="the notes that Enter sent")


def test_two_people_write_about_one_run_and_nothing_is_lost(
    server: Server, page: Page, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """What is typed stays where it is; who would write over the other is told, and chooses."""
    server_says = "Failed to load resource: the server responded with a status of 409"
    ours, theirs = visit(server.url), visit(server.url)
    ours.forgiven = theirs.forgiven = (server_says,)
    one, other = ours.go("/p/edit/r/mine"), theirs.go("/p/edit/r/mine")
    notes = one.get_by_label("Notes", exact=True)
    notes.fill("mine, not sent yet")
    other.get_by_label("Notes", exact=True).fill("from the other")
    other.get_by_label("Add a tag").fill("theirs")
    other.keyboard.press("Enter")
    one.get_by_role("alert").get_by_text("from the other").wait_for()
    assert notes.input_value() == "mine, not sent yet"
    assert stored()["notes"] == "from the other"
    one.get_by_role("button", name="Put theirs below mine").click()
    one.get_by_label("Add a tag").fill("ours")
    one.keyboard.press("Enter")
    until(lambda: stored()["notes"] == "mine, not sent yet\n\nfrom the other")
    until(lambda: stored()["tags"] == ["first", "theirs", "ours"])

    one.get_by_role("button", name="Rename mine").click()
    name = one.get_by_label("Name of the run")
    name.fill("ours")
    uid = stored()["uid"]
    ask(server.url, f"/api/v1/runs/{uid}", {"name": "theirs"}, method="PATCH")
    name.press("Enter")
    one.get_by_role("alert").get_by_text("renamed the run to 'theirs'").wait_for()
    assert (name.input_value(), stored()["name"]) == ("ours", "theirs")
    name.press("Enter")
    until(lambda: stored()["name"] == "ours")


def test_tags_of_a_dialog_leave_alone_what_others_tagged_meanwhile(
    server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """The dialog knows the tags of when it was opened, and says only what to change."""
    page = visit(server.url).workspace("edit", "?sort=name")
    page.keyboard.press("j")
    page.keyboard.press("t")
    field = page.get_by_role("dialog").get_by_label("Add")
    field.fill("ours")
    page.get_by_role("dialog").get_by_role("button", name="first").click()
    run = f"/api/v1/runs/{stored()['uid']}"
    ask(server.url, run, {"add_tags": ["theirs"]}, method="PATCH")
    field.press("Enter")
    field.wait_for(state="detached")
    assert stored()["tags"] == ["theirs", "ours"]
