"""A chart or a run stands in a page of another site: it shows, lives, and acts for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, Request

from tests.browser.axe import serious
from tests.browser.clients import Client
from tests.browser.gallery import HOSTILE, Gallery, wait_known
from tests.browser.visitor import Visitor, until
from tests.conftest import Server, end_process, start_server

pytestmark = pytest.mark.browser

REFUSED = ("Failed to load resource", "Framing ")


class Notebook:
    """A page of another site (`localhost`, where the server is `127.0.0.1`) that holds frames."""

    def __init__(self) -> None:
        self.html = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.html.encode()
                self.send_response(200 if self.path == "/" else 204)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body if self.path == "/" else b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self._server.server_port}"

    def show(self, page: Page, *addresses: str, gap: int = 0) -> list[FrameLocator]:
        """Open the page with these addresses in frames."""
        self.html = "<!doctype html><title>notebook</title>" + "".join(
            f'<iframe src="{escape(address)}" width="700" height="360"></iframe>'
            f'<div style="height:{gap}px"></div>'
            for address in addresses
        )
        page.goto(self.url + "/")
        return [page.frame_locator("iframe").nth(n) for n in range(len(addresses))]

    def end(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    made = Notebook()
    yield made
    made.end()


def test_charts_stand_in_a_page_of_another_site(
    gallery: Gallery, visit: Callable[..., Visitor], notebook: Notebook
) -> None:
    """Curves of a panel, media, a run with its state; a link out of each; hostile names are
    text.
    """
    visitor = visit(gallery.url)
    base = gallery.url
    panel, media, run, hostile = notebook.show(
        visitor.page,
        f"{base}/embed/panel?project=resnets&panel=lines:train/loss&limit=3&theme=dark",
        f"{base}/embed/panel?project=media&panel=media:val/scene",
        f"{base}/embed/run/explodes?project=gradients",
        f"{base}/embed/run/hostile?project={HOSTILE['project']}",
    )
    panel.locator("canvas").first.wait_for()
    assert panel.get_by_label("Runs").locator("li").count() >= 3
    assert panel.locator("html").get_attribute("data-theme") == "dark"
    media.locator("img, canvas").first.wait_for()
    run.get_by_role("heading", name="explodes").wait_for()
    run.locator("canvas").first.wait_for()
    assert "finished" in run.locator(".line").inner_text()
    hostile.get_by_role("heading", name=HOSTILE["name"], exact=True).wait_for()
    for frame in visitor.page.frames[1:]:
        assert frame.evaluate("() => window.__owned") is None
    with visitor.context.expect_page() as opened:
        run.get_by_role("link", name="Open in Epochal").click()
    opened.value.wait_for_url("**/p/gradients/r/explodes")
    with visitor.context.expect_page() as opened:
        panel.get_by_role("link", name="Open in Epochal").click()
    opened.value.wait_for_url("**/p/resnets?full=train/loss")


def test_everything_else_is_framed_by_nobody(
    gallery: Gallery, visit: Callable[..., Visitor], notebook: Notebook
) -> None:
    """The browser says so for each, and nothing that belongs to those pages is loaded."""
    visitor = visit(gallery.url)
    visitor.forgiven = REFUSED
    said: list[str] = []
    visitor.page.on("console", lambda message: said.append(message.text))
    addresses = [gallery.url + path for path in ("/p/resnets", "/", "/api/v1/projects", "/models")]
    notebook.show(visitor.page, *addresses)

    def refused() -> int:
        visitor.page.wait_for_timeout(20)  # what the browser says is heard meanwhile
        return sum(text.startswith("Framing ") for text in said)

    until(lambda: refused() == len(addresses), what="the browser refuses each frame")
    asked = [url for url in visitor.requests if url.startswith(gallery.url)]
    assert sorted(asked) == sorted(addresses)


def test_nothing_in_an_embed_asks_the_server_to_change_anything(
    gallery: Gallery, visit: Callable[..., Visitor], notebook: Notebook
) -> None:
    """Every button is pressed, and every key of the page: nothing but reads is sent."""
    visitor = visit(gallery.url)
    sent: list[str] = []
    visitor.page.on("request", lambda r: sent.append(f"{r.method} {r.url.partition('?')[0]}"))
    frames = notebook.show(
        visitor.page,
        f"{gallery.url}/embed/panel?project=resnets&panel=lines:train/loss",
        f"{gallery.url}/embed/run/explodes?project=gradients",
    )
    reads = ("/runs/query", "/series/buckets", "/series/points", "/reports/panel", "/media/query")
    for frame in frames:
        frame.locator("canvas").first.wait_for()
        frame.get_by_label("More about", exact=False).first.click()
        items = frame.get_by_role("menuitem").all_inner_texts()
        assert not any("Add to report" in item for item in items)
        visitor.page.keyboard.press("Escape")
        for number in range(frame.get_by_role("button").count()):
            button = frame.get_by_role("button").nth(number)
            if button.is_visible():
                button.click(force=True)
                visitor.page.keyboard.press("Escape")
        for key in ("Control+k", "d", "u", "p", "e", "s", "1", "?", "x", "c"):
            visitor.page.keyboard.press(key)
        assert frame.get_by_role("dialog").count() == 0
        assert frame.locator("header, input:not([type=checkbox], [type=range])").count() == 0
    writes = [one for one in sent if not one.startswith("GET ") and not one.endswith(reads)]
    assert writes == []


def test_bad_addresses_say_what_they_should_be(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    visitor = visit(gallery.url)
    visitor.forgiven = REFUSED
    for path, told in {
        "/embed/panel": "names no project",
        "/embed/panel?project=resnets": "names no panel",
        "/embed/panel?project=resnets&panel=pie:x": "pie",
        "/embed/panel?project=nothing&panel=lines:x": "nothing",
        "/embed/panel?project=resnets&panel=lines:x&where=config.": "expected a key after config",
        "/embed/panel?project=resnets&pane=lines:x": "“pane”",
        "/embed/run/nobody?project=resnets": "nobody",
        "/embed/run/nobody": "/embed/run/nobody?project=",
        "/embed/run/" + "0" * 32: "0000",
        "/embed/run/explodes?project=gradients&keys=no/such": "no/such",
        "/embed/other": "There is no such embed",
        "/embed/panel?project=%00&panel=lines:x": "project",
    }.items():
        visitor.go(path).locator("main").get_by_text(told).first.wait_for()


def test_a_frame_follows_its_run_and_sleeps_out_of_sight(
    server: Server,
    client: Callable[..., Client],
    visit: Callable[..., Visitor],
    notebook: Notebook,
) -> None:
    """Far below the fold nothing is asked for; in sight points arrive by themselves."""
    writer = client(project="live", id="r")
    writer.log(0, loss=1.0)
    wait_known(server.url, "live", "r")
    visitor = visit(server.url)
    address = f"{server.url}/embed/run/r?project=live"
    near, far = notebook.show(visitor.page, address, address + "&theme=dark", gap=6000)
    near.locator("canvas").first.wait_for()
    for step in range(1, 5):
        writer.log(step, loss=1.0 / step)
    until(lambda: "step 4" in near.locator(".line").inner_text(), what="the points are there")
    visitor.page.locator("iframe").nth(1).scroll_into_view_if_needed()
    until(lambda: "step 4" in far.locator(".line").inner_text(), what="it caught up")
    own = visitor.page.frames[1]
    asked = [time.monotonic()]

    def note(request: Request) -> None:
        if request.frame == own:
            asked.append(time.monotonic())

    visitor.page.on("request", note)

    def rests() -> bool:
        visitor.page.wait_for_timeout(100)
        return time.monotonic() - asked[-1] > 4.5

    until(rests, what="what is out of sight is not asked for any more")


def test_without_a_login_the_frame_says_so_and_takes_no_key(
    home: Path, tmp_path: Path, visit: Callable[..., Visitor], notebook: Notebook
) -> None:
    """A form for keys inside of a foreign page would teach people to type them there."""
    running = start_server(home, "--auth", log=tmp_path / "server.log")
    try:
        visitor = visit(running.url)
        visitor.forgiven = REFUSED
        (frame,) = notebook.show(
            visitor.page, f"{running.url}/embed/panel?project=p&panel=lines:loss"
        )
        frame.get_by_role("heading", name="Log in to see this").wait_for()
        assert frame.locator("input").count() == 0
        with visitor.context.expect_page() as opened:
            frame.get_by_role("link", name="Log in to Epochal").click()
        opened.value.get_by_label("API key").wait_for()
    finally:
        end_process(running.process)


def test_the_menu_of_a_chart_copies_a_frame_that_shows_the_same(
    gallery: Gallery, visit: Callable[..., Visitor], notebook: Notebook
) -> None:
    visitor = visit(gallery.url)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=gallery.url)
    page = visitor.workspace("resnets", "?q=config.lr+%3C+0.05&yl=train/loss")
    chart = page.locator('[data-panel="train/loss"]')
    chart.hover()
    chart.get_by_label("More about train/loss").click()
    page.get_by_role("menuitem", name="Copy embed code").click()
    page.get_by_text("A frame with this chart copied").wait_for()
    code = page.evaluate("() => navigator.clipboard.readText()")
    assert code.count("<iframe ") == 1
    assert "where=config.lr" in code
    source = code.partition('src="')[2].partition('"')[0].replace("&#38;", "&")
    (frame,) = notebook.show(visitor.page, source)
    frame.locator("canvas").first.wait_for()
    shown = frame.get_by_label("Runs").locator("li").count()
    matched = gallery.ask(
        "/api/v1/runs/query", {"project": "resnets", "where": "config.lr < 0.05"}
    )
    assert shown == matched["matched"] > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_embeds_are_accessible_and_fit_a_phone(
    gallery: Gallery, visit: Callable[..., Visitor], scheme: str
) -> None:
    visitor = visit(gallery.url, color_scheme=scheme, viewport={"width": 390, "height": 400})
    for path in (
        "/embed/panel?project=resnets&panel=lines:train/loss",
        "/embed/run/explodes?project=gradients",
        "/embed/panel",
    ):
        page = visitor.go(path)
        page.locator("main").wait_for()
        if "project" in path:
            page.locator("canvas").first.wait_for()
        assert serious(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
