"""One Chromium and one seeded server for the whole folder; a fresh profile for each visitor.

A visitor reaches loopback only: any other request is aborted and remembered. When its test ends,
a request to the outside, a violation of the content security policy, an error in the console or a
dialog fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import belongings
from tests.browser.clients import Client
from tests.browser.gallery import Gallery, fill
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.conftest import CHROMIUM_FLAGS, end_process, find_chromium, start_server

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def _chromium() -> Iterator[Browser]:
    """Closed with this folder: its event loop must not outlive the tests that need it."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("Chromium is missing: apt install chromium, or set EPOCHAL_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A server on a home full of finished runs. Tests look at it and change nothing."""
    root = tmp_path_factory.mktemp("gallery")
    home = root / "home"
    home.mkdir(mode=0o700)
    belongings.fill(home)  # first, as its artifacts are looked up in all that the home has by then
    fill(home)
    running = start_server(home, log=root / "server.log")
    gallery = Gallery(running)
    gallery.wait_until_read()
    belongings.wait_until_kept(gallery.url)
    yield gallery
    end_process(running.process)


@pytest.fixture
def visit(_chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """``visit(base_url, **context_options)``: a visitor with a profile of its own."""
    visitors: list[Visitor] = []

    def come(base: str, **options: Any) -> Visitor:
        visitors.append(Visitor(_chromium, base, **options))
        return visitors[-1]

    yield come
    complaints = [complaint for visitor in visitors for complaint in visitor.leave()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def client(home: Path) -> Iterator[Callable[..., Client]]:
    """``client(project=..., **init)``: another process that logs when it is told to."""
    clients: list[Client] = []

    def start(**arguments: Any) -> Client:
        clients.append(Client(home, **arguments))
        return clients[-1]

    yield start
    for one in clients:
        one.end()
