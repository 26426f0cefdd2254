"""A server that asks for keys, as somebody with a browser meets it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response

from epochal.journal.home import read_server_address
from tests.browser.clients import run_script
from tests.browser.visitor import Visitor, rows, until
from tests.conftest import Server, end_process, start_server
from tests.ports import free_port

pytestmark = pytest.mark.browser

RUN = "/p/team/r/mine"
REFUSALS = "Failed to load resource: the server responded with a status of 4"
OUTAGE = "Failed to load resource: net::ERR_"


class Team:
    """A server in team mode with one run, and what its owner does beside it."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home = home
        self._log = log
        self._arguments = ("--auth", f"--port={free_port()}")
        self.server: Server = start_server(home, *self._arguments, log=log)

    @property
    def url(self) -> str:
        return self.server.url

    def restart(self) -> None:
        """End the server and start it on the same port."""
        end_process(self.server.process)
        self.server = start_server(self.home, *self._arguments, log=self._log)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request with the token that lies in the home."""
        address = read_server_address(self.home)
        assert address is not None
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {address.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read() or b"null")

    def key(self, name: str, role: str = "writer") -> str:
        """A new key."""
        return str(self.ask("POST", "/api/v1/keys", {"name": name, "role": role})["key"])

    def revoke(self, key: str) -> None:
        """End a key."""
        self.ask("DELETE", f"/api/v1/keys/{key[3:11]}")

    def stored(self) -> Any:
        """The run as the store has it now."""
        return self.ask("GET", "/api/v1/runs/resolve?project=team&id=mine")


@pytest.fixture
def team(home: Path, tmp_path: Path) -> Iterator[Team]:
    run_script(
        home,
        """
        run = epochal.init(project="team", id="mine", name="mine", tags=["first"], settings=QUIET)
        run.log({"loss": 1.0}, step=0)
        run.finish()
        """,
    )
    team = Team(home, tmp_path / "server.log")
    yield team
    end_process(team.server.process)


@pytest.fixture
def come(team: Team, visit: Callable[..., Visitor]) -> Callable[..., Visitor]:
    """``come(**options)``: somebody at the door, who knows that a refusal is no accident."""

    def at_the_door(**options: Any) -> Visitor:
        visitor = visit(team.url, **options)
        visitor.forgiven = (REFUSALS, OUTAGE)
        return visitor

    return at_the_door


def log_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def wait_for_form(page: Page, heading: str = "Log in again") -> None:
    page.get_by_role("heading", name=heading, exact=True).wait_for()


def test_a_wrong_key_is_told_and_the_right_one_leads_to_the_asked_address(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """The form stands where the page was asked for; reload and other tabs stay in."""
    key = team.key("ann")
    visitor = come()
    page = visitor.go(RUN + "/charts?x=wall")
    wait_for_form(page, "Log in")
    assert page.get_by_label("API key").get_attribute("type") == "password"
    log_in(page, key[:-1])
    refusal = page.get_by_role("alert")
    refusal.wait_for()
    assert refusal.inner_text().startswith("This is no valid key")
    assert page.get_by_label("API key").get_attribute("aria-invalid") == "true"
    log_in(page, f"  {key} ")
    page.locator('[data-panel="loss"] canvas').wait_for()
    assert page.url == team.url + RUN + "/charts?x=wall"
    assert page.get_by_text("ann", exact=True).is_visible()
    page.reload()
    page.locator('[data-panel="loss"] canvas').wait_for()
    other = visitor.workspace("team", page=visitor.open_tab())
    until(lambda: rows(other) == ["mine"])


def test_no_key_stays_where_a_script_can_read_it(team: Team, come: Callable[..., Visitor]) -> None:
    """AU-13: neither cookie nor storage nor address nor the document has it."""
    key = team.key("ann")
    page = come().go("/")
    log_in(page, key)
    page.get_by_role("link", name="team").wait_for()
    seen = page.evaluate(
        """() => JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage},
             location.href, document.documentElement.outerHTML])"""
    )
    assert key[3:11] not in seen
    assert page.evaluate("document.cookie") == ""


def test_logging_out_ends_it_in_every_tab(team: Team, come: Callable[..., Visitor]) -> None:
    """The form comes back in each, and a copy of the cookie is worth nothing."""
    visitor = come()
    page = visitor.go("/")
    log_in(page, team.key("ann"))
    page.get_by_role("link", name="team").wait_for()
    other = visitor.workspace("team", page=visitor.open_tab())
    cookies = visitor.context.cookies()
    assert [cookie["httpOnly"] for cookie in cookies] == [True]
    page.get_by_role("button", name="Log out").click()
    for tab in (page, other):
        wait_for_form(tab, "Log in")
        assert tab.get_by_text("mine").count() == 0
    assert visitor.context.cookies() == []
    visitor.context.add_cookies(cookies)  # type: ignore[arg-type]  # what one gives is what one takes
    page.reload()
    wait_for_form(page, "Log in")


def test_a_revoked_key_ends_the_session_and_nothing_stays_on_screen(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """Without a click: the open stream ends, the page asks, and the form takes its place."""
    key = team.key("ann")
    visitor = come()
    page = visitor.go(RUN)
    log_in(page, key)
    page.get_by_role("heading", name="mine").wait_for()
    page.get_by_text("live", exact=True).wait_for()
    team.revoke(key)
    wait_for_form(page)
    assert page.get_by_text("Your session has ended").is_visible()
    assert page.get_by_role("heading", name="mine").count() == 0
    visitor.wait_rest(3)  # nothing is asked while nobody is let in
    log_in(page, team.key("ann again"))
    page.get_by_role("heading", name="mine").wait_for()
    assert page.url == team.url + RUN


def test_notes_that_were_being_typed_survive_the_end_of_the_session(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """They are sent after the same person is in again, though the field was never left."""
    key = team.key("ann")
    page = come().go(RUN)
    log_in(page, key)
    page.get_by_label("Notes", exact=True).fill("half a sent")
    page.get_by_label("Notes", exact=True).press_sequentially("ence")
    page.get_by_text("live", exact=True).wait_for()
    team.revoke(key)
    wait_for_form(page)
    assert not team.stored()["notes"]
    log_in(page, team.key("ann"))
    until(lambda: team.stored()["notes"] == "half a sentence")
    notes = page.get_by_label("Notes", exact=True)
    until(lambda: notes.input_value() == "half a sentence")


def test_a_name_that_was_being_typed_survives_the_end_of_the_session(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """It is sent after the same person is in again, though Enter was never pressed."""
    key = team.key("ann")
    page = come().go(RUN)
    log_in(page, key)
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_label("Name of the run").fill("renamed")
    page.get_by_text("live", exact=True).wait_for()
    team.revoke(key)
    wait_for_form(page)
    assert team.stored()["name"] == "mine"
    log_in(page, team.key("ann"))
    until(lambda: team.stored()["name"] == "renamed")
    page.get_by_role("heading", name="renamed").wait_for()


def test_an_edit_is_never_sent_in_the_name_of_somebody_else(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """Who comes after takes over the browser, not the unsaved work."""
    key = team.key("ann")
    page = come().go(RUN)
    log_in(page, key)
    page.get_by_label("Notes", exact=True).fill("of ann")
    page.get_by_text("live", exact=True).wait_for()
    team.revoke(key)
    wait_for_form(page)
    log_in(page, team.key("bob"))
    page.get_by_label("Add a tag").fill("of bob")
    page.keyboard.press("Enter")
    until(lambda: team.stored()["tags"] == ["first", "of bob"])
    assert not team.stored()["notes"]


def test_a_restarted_server_asks_again_and_takes_the_edit_then(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """Sessions end with the server; an edit that it refused waits for the login."""
    key = team.key("ann")
    page = come().go(RUN)
    log_in(page, key)
    page.get_by_label("Add a tag").fill("second")
    page.get_by_text("live", exact=True).wait_for()
    team.restart()
    wait_for_form(page)
    log_in(page, key)
    page.get_by_role("heading", name="mine").wait_for()
    page.get_by_label("Add a tag").fill("third")
    page.keyboard.press("Enter")
    until(lambda: "third" in team.stored()["tags"])
    page.get_by_text("live", exact=True).wait_for()


def test_an_edit_that_the_server_refused_waits_for_the_login(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """The request is on its way while the key ends: 401, form, and then it goes out again."""
    key = team.key("ann")
    page = come().go(RUN)
    log_in(page, key)
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_label("Name of the run").fill("renamed")
    statuses: list[int] = []

    def late(route: Any) -> None:
        if route.request.method == "PATCH" and not statuses:
            team.revoke(key)
        route.fallback()

    def came(response: Response) -> None:
        if response.request.method == "PATCH":
            statuses.append(response.status)

    def heard() -> list[int]:
        page.wait_for_timeout(20)  # what the browser tells is heard in a call of it only
        return statuses

    page.route("**/api/v1/runs/*", late)
    page.on("response", came)
    page.keyboard.press("Enter")
    wait_for_form(page)
    until(lambda: heard() == [401])
    log_in(page, team.key("ann"))
    page.get_by_role("heading", name="renamed").wait_for()
    until(lambda: heard() == [401, 200])
    assert team.stored()["name"] == "renamed"


def test_a_reader_sees_everything_and_no_way_to_change_it(
    team: Team, come: Callable[..., Visitor]
) -> None:
    """No control that would only be refused; the reason stands there instead."""
    visitor = come()
    page = visitor.go(RUN)
    log_in(page, team.key("rita", "reader"))
    page.get_by_role("heading", name="mine").wait_for()
    facts = page.get_by_label("Notes and tags")
    facts.get_by_text("first", exact=True).wait_for()
    assert facts.get_by_text("You are a reader on this server").is_visible()
    assert facts.locator("button, input, textarea").count() == 0
    for name in ("Rename", "Archive", "Delete", "Remove"):
        assert page.get_by_role("button", name=name).count() == 0, name
    assert page.get_by_text("reader", exact=True).is_visible()
    visitor.workspace("team")
    until(lambda: rows(page) == ["mine"])
    for name in ("Archive", "Delete"):
        assert page.get_by_role("button", name=name).count() == 0, name


def test_too_many_wrong_keys_count_down(team: Team, come: Callable[..., Visitor]) -> None:
    """The button says how long, lets nothing through, and the seconds pass."""
    visitor = come()
    page = visitor.go("/")
    wait_for_form(page, "Log in")
    button = page.locator("button[type=submit]")
    for number in range(10):
        log_in(page, f"wrong {number}")
        page.get_by_role("alert").wait_for()
        until(lambda: button.inner_text() == "Log in")
    log_in(page, "wrong once more")
    page.get_by_text("Too many failed attempts").wait_for()
    first = until(lambda: seconds_left(button.inner_text()))
    assert 1 <= first <= 61
    assert button.is_disabled()
    asked = len(visitor.requests)
    page.get_by_label("API key").press("Enter")
    until(lambda: seconds_left(button.inner_text()) < first)
    assert visitor.requests[asked:] == []


def seconds_left(label: str) -> int:
    """The number in "Again in 17 s"; 0 when there is none."""
    return next((int(word) for word in label.split() if word.isdigit()), 0)


def test_the_browser_never_opens_its_own_dialog(team: Team, come: Callable[..., Visitor]) -> None:
    """A 401 that offers Basic would cover the page; ours names Bearer, the page itself is 200."""
    visitor = come()
    offers: list[tuple[str, str]] = []

    def came(response: Response) -> None:
        if response.status == 401:
            offers.append((response.url, response.headers.get("www-authenticate", "")))

    visitor.page.on("response", came)
    answer = visitor.page.goto(team.url + RUN)
    assert answer is not None
    assert answer.status == 200
    wait_for_form(visitor.page, "Log in")
    log_in(visitor.page, "wrong")
    visitor.page.get_by_role("alert").wait_for()
    direct = visitor.open_tab().goto(team.url + "/api/v1/projects")
    assert direct is not None
    offers.append((direct.url, direct.headers.get("www-authenticate", "")))
    assert len(offers) >= 2
    assert {offer for _, offer in offers} == {'Bearer realm="epochal"'}


@pytest.mark.parametrize("theme,width", list(product(("light", "dark"), (375, 1440))))
def test_the_form_fits_every_screen(
    team: Team, come: Callable[..., Visitor], tmp_path: Path, theme: str, width: int
) -> None:
    """Nothing sticks out, the field has the focus, and after the login the account fits."""
    visitor = come(color_scheme=theme, viewport={"width": width, "height": 812})
    page = visitor.go(RUN)
    wait_for_form(page, "Log in")
    assert page.evaluate("document.activeElement.id") == "api-key"
    log_in(page, "wrong")
    page.get_by_role("alert").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / f"form-{theme}-{width}.png")
    log_in(page, team.key("a-rather-long-name-of-somebody@example.org"))
    page.get_by_role("heading", name="mine").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / f"run-{theme}-{width}.png")
    if width < 900:
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("dialog").get_by_role("button", name="Log out").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=tmp_path / f"account-{theme}-{width}.png")
