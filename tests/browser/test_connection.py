"""The live stream: one while somebody looks, none while nobody does, and back after an outage."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Page

import epochal
from tests.browser.clients import Client
from tests.browser.gallery import Gallery, wait_known
from tests.browser.visitor import Visitor, hide, until, wait_drawn
from tests.conftest import Server, end_process, start_server
from tests.ports import free_port

pytestmark = pytest.mark.browser


def connections(server: Server) -> int:
    """How many connections the server holds; one that is only kept alive ends after seconds."""
    port = int(server.url.rsplit(":", 1)[1])
    found = psutil.Process(server.pid).net_connections(kind="tcp")
    return sum(c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in found)


def test_a_hidden_tab_has_no_stream_and_catches_up_when_shown(
    server: Server, client: Callable[..., Client], visit: Callable[..., Visitor]
) -> None:
    """Hidden: the server holds no connection. Shown again: what was logged is drawn."""
    training = client(project="quiet", id="quiet")
    training.log(0, loss=1.0)
    wait_known(server.url, "quiet", "quiet")
    visitor = visit(server.url)
    page = visitor.workspace("quiet")
    wait_drawn(page, "loss")
    page.get_by_text("live", exact=True).wait_for()
    hide(page)
    page.get_by_text("paused", exact=True).wait_for()
    until(lambda: connections(server) == 0, what="no connection is left")
    asked = len(visitor.requests)
    training.log(1, loss=0.5)
    wait_known(server.url, "quiet", "quiet", 1)
    training.log(2, loss=0.25)
    wait_known(server.url, "quiet", "quiet", 2)
    assert visitor.requests[asked:] == []
    assert page.evaluate(f"window.__epochal.lastPoint['{training.uid}'].loss.x") == 0
    hide(page, hidden=False)
    page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].loss.x === 2")
    page.get_by_text("live", exact=True).wait_for()


def test_ten_tabs_of_one_profile_all_load_and_all_are_live(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """A browser opens six connections to a host; more tabs must not starve each other."""
    visitor = visit(gallery.url)
    tabs = [visitor.page, *(visitor.open_tab() for _ in range(9))]
    for tab in tabs:
        visitor.workspace("resnets", page=tab)
    for tab in tabs:
        wait_drawn(tab, "train/loss", series=6)
        tab.get_by_text("live", exact=True).wait_for()


def test_an_idle_page_asks_for_nothing(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """The document brings the runs, so curves alone are asked for; then nothing at all."""
    visitor = visit(gallery.url)
    page = visitor.workspace("resnets")
    wait_drawn(page, "train/loss", series=6)
    page.get_by_text("live", exact=True).wait_for()
    page.wait_for_load_state("load")
    api = {urlsplit(url).path for url in visitor.requests if "/api/" in url}
    assert api - {"/api/v1/events"} == {"/api/v1/series/buckets"}
    visitor.wait_rest(5)


def test_a_restarted_server_is_found_again_without_a_reload(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: Callable[..., Client],
    visit: Callable[..., Visitor],
) -> None:
    """A banner tells of the outage; the page keeps what it shows, and goes on by itself.

    One that was upgraded meanwhile is told, and what was typed stays until somebody reloads.
    """
    port = free_port()
    first = start_server(home, f"--port={port}", log=tmp_path / "first.log")
    training = client(project="outage", id="outage")
    page = open_live(visit(first.url), training, "outage")

    end_process(first.process)
    training.log(1, loss=0.5)
    banner = page.get_by_text("The Epochal server does not answer.")
    banner.wait_for()
    wait_drawn(page, "loss")

    second = start_server(home, f"--port={port}", log=tmp_path / "second.log")
    try:
        banner.wait_for(state="detached")
        page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].loss.x === 1")
        training.log(2, loss=0.25)
        page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].loss.x === 2")
        assert page.evaluate("window.__same")
        assert page.get_by_text("The Epochal server was upgraded.").count() == 0
        filter_box = page.get_by_label("Filter charts")
        filter_box.fill("lo")
    finally:
        end_process(second.process)

    banner.wait_for()
    monkeypatch.setenv("PYTHONPATH", upgraded(tmp_path / "new"))
    third = start_server(home, f"--port={port}", log=tmp_path / "third.log")
    try:
        page.get_by_text("The Epochal server was upgraded.").wait_for()
        assert page.evaluate("window.__same")
        assert filter_box.input_value() == "lo"
        page.get_by_role("button", name="Load the page again").click()
        page.wait_for_function("() => !window.__same && window.__epochal")
        wait_drawn(page, "loss")
        assert page.get_by_role("status").filter(has_text="upgraded").count() == 0
    finally:
        end_process(third.process)


@pytest.mark.parametrize("typed", [False, True])
def test_a_tab_that_slept_through_an_upgrade_opens_no_half_of_two_pages(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: Callable[..., Client],
    visit: Callable[..., Visitor],
    typed: bool,
) -> None:
    """Shown again, it is told; a part that it has not loaded yet comes with a page of one build.

    By itself, unless somebody typed something: then they are asked to save it first.
    """
    port = free_port()
    first = start_server(home, f"--port={port}", log=tmp_path / "first.log")
    training = client(project="asleep", id="asleep")
    page = open_live(visit(first.url), training, "asleep")
    if typed:
        page.get_by_label("Filter charts").fill("lo")
    hide(page)
    page.get_by_text("paused", exact=True).wait_for()
    end_process(first.process)
    monkeypatch.setenv("PYTHONPATH", upgraded(tmp_path / "new"))
    second = start_server(home, f"--port={port}", log=tmp_path / "second.log")
    try:
        hide(page, hidden=False)
        page.get_by_text("The Epochal server was upgraded.").wait_for()
        training.log(1, loss=0.5)
        page.wait_for_function(f"() => window.__epochal.lastPoint['{training.uid}'].loss.x === 1")
        assert page.evaluate("window.__same")
        if typed:
            page.keyboard.press("Control+k")
            lost = page.get_by_role("dialog", name="This part of the page could not be loaded")
            lost.get_by_text("Save what you typed, then load the page again.").wait_for()
            assert page.evaluate("window.__same")
            assert page.get_by_label("Filter charts").input_value() == "lo"
            lost.get_by_role("button", name="Load the page again").click()
            page.wait_for_function("() => !window.__same && window.__epochal")
            wait_drawn(page, "loss")
        else:
            page.locator(".grid-lead a").click()
            page.get_by_role("region", name="Summary", exact=True).wait_for()
            assert not page.evaluate("window.__same ?? false")
            assert page.evaluate("location.pathname") == "/p/asleep/r/asleep"
        assert page.get_by_text("The Epochal server was upgraded.").count() == 0
    finally:
        end_process(second.process)


def open_live(visitor: Visitor, training: Client, name: str) -> Page:
    """The project of a run that begins, on a page that follows it and will miss its server."""
    training.log(0, loss=1.0)
    wait_known(visitor.base, name, name)
    visitor.forgiven = ("Failed to load resource: net::ERR_",)
    page = visitor.workspace(name)
    wait_drawn(page, "loss")
    page.get_by_text("live", exact=True).wait_for()
    page.evaluate("window.__same = true")
    return page


def upgraded(place: Path) -> str:
    """A copy of the package with another page; what to put before the module path.

    All addresses within the page are others, as when each of its files had changed.
    """
    shutil.copytree(Path(epochal.__file__).parent, place / "epochal")
    for file in (place / "epochal/server/static").iterdir():
        if file.suffix in {".html", ".js", ".json"}:
            file.write_text(re.sub(r"\?v=([0-9a-f]{11})", r"?v=\g<1>0", file.read_text()))
    return str(place)
