"""The page of keys, as three people of different roles meet it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.axe import serious
from tests.browser.test_login import OUTAGE, REFUSALS, Team, log_in, wait_for_form
from tests.browser.visitor import Visitor, until
from tests.conftest import end_process

pytestmark = pytest.mark.browser


@pytest.fixture
def team(home: Path, tmp_path: Path) -> Iterator[Team]:
    team = Team(home, tmp_path / "server.log")
    yield team
    end_process(team.server.process)


@pytest.fixture
def enter(team: Team, visit: Callable[..., Visitor]) -> Callable[[str, str], Page]:
    """``enter(path, key)``: a browser of its own that logs in there."""

    def come(path: str, key: str) -> Page:
        visitor = visit(team.url)
        visitor.forgiven = (REFUSALS, OUTAGE)
        page = visitor.go(path)
        log_in(page, key)
        page.get_by_role("button", name="Log out").wait_for()
        return page

    return come


def make(page: Page, name: str, role: str, ends: str) -> str:
    """Make a key by the dialog, with the keyboard alone; returns its text."""
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(role)
    page.keyboard.press("Tab")
    dialog.get_by_label("Ends").select_option(label=ends)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    told = dialog.locator("p code")
    told.wait_for()
    key = told.inner_text()
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.get_by_role("table", name="Keys").get_by_text(name, exact=True).wait_for()
    return key


def test_an_admin_makes_and_revokes_keys_and_others_read_why_they_may_not(
    team: Team, enter: Callable[[str, str], Page]
) -> None:
    """Made by keyboard, told once, good at once, and dead in the browser of who holds it."""
    admin = enter("/keys", team.key("ada", "admin"))
    key = make(admin, "rita", "reader", "after 30 days")
    assert key not in admin.content(), "it is told once"
    row = admin.get_by_role("row").filter(has_text="rita")
    assert "reader" in row.inner_text()
    for theme in ("dark", "light"):
        admin.emulate_media(color_scheme=theme)
        assert serious(admin) == [], theme

    reader = enter("/keys", key)
    reader.get_by_text("rita, a reader: you see everything and change nothing").wait_for()
    assert reader.get_by_role("button", name="New key").count() == 0
    assert reader.get_by_role("link", name="Keys").count() == 0

    row.get_by_role("button", name="Revoke the key of rita").click()
    dialog = admin.get_by_role("dialog", name="Revoke the key of rita?")
    dialog.get_by_role("button", name="Keep it").click()
    dialog.wait_for(state="detached")
    row.get_by_role("button", name="Revoke the key of rita").click()
    dialog.get_by_role("button", name="Revoke").click()
    row.wait_for(state="detached")
    admin.get_by_text("1 ended").click()
    assert "revoked" in admin.get_by_role("list", name="Ended keys").inner_text()
    reader.goto(team.url + "/")
    wait_for_form(reader, "Log in")
    log_in(reader, key)
    reader.get_by_text("The key of rita was revoked").wait_for()


def test_the_last_admin_key_stays_and_a_key_that_expired_says_when(
    team: Team, enter: Callable[[str, str], Page]
) -> None:
    """The refusal stands in the dialog; an expired key moves to those that ended."""
    until_us = time.time_ns() // 1000 + 4_000_000
    new = {"name": "brief", "role": "writer", "expires_us": until_us}
    brief = str(team.ask("POST", "/api/v1/keys", new)["key"])
    lasting = enter("/keys", team.key("ada", "admin"))
    first = next(one for one in team.ask("GET", "/api/v1/keys")["keys"] if one["role"] == "admin")
    team.ask("DELETE", f"/api/v1/keys/{first['prefix']}")
    lasting.get_by_role("row").filter(has_text=first["name"]).wait_for(state="detached")
    lasting.get_by_role("button", name="Revoke the key of ada").click()
    dialog = lasting.get_by_role("dialog")
    dialog.get_by_role("button", name="Revoke").click()
    dialog.get_by_role("alert").get_by_text("last admin key").wait_for()
    lasting.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    until(lambda: time.time_ns() // 1000 > until_us, what="the brief key's end")
    lasting.get_by_text("2 ended").click()
    assert "expired" in lasting.get_by_role("list", name="Ended keys").inner_text()
    late = enter_late(lasting, team, brief)
    assert "The key of brief expired on" in late


def enter_late(page: Page, team: Team, key: str) -> str:
    """What the door says to a key, in a browser that nobody logged in with."""
    page.get_by_role("button", name="Log out").click()
    wait_for_form(page, "Log in")
    log_in(page, key)
    refusal = page.get_by_role("alert")
    refusal.wait_for()
    return refusal.inner_text()
