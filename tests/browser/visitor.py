"""Somebody who looks at the page, with a profile of their own, and sees what must not happen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

PATIENCE_MS = 60_000.0
"""How long what must come may take; what is waited for in vain has failed by then."""
OUTSIDE = re.compile(r"^(?!(https?://(127\.0\.0\.1|localhost|\[::1\])[:/]|data:|blob:|about:))")
WATCH_POLICY = """
window.__violations = [];
addEventListener("securitypolicyviolation", (e) =>
  window.__violations.push(`${e.violatedDirective} refused ${e.blockedURI || e.sample}`), true);
"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  const word = hidden ? "hidden" : "visible";
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => word });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Visitor:
    """A browser context on one server.

    Args:
        browser: where the context is opened.
        base: the server's address.
        options: of the context; 1440x900 and the light theme by default.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base = base
        chosen = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light", **options}
        self.context = browser.new_context(**chosen)
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.forgiven: tuple[str, ...] = ()
        """Beginnings of console errors that the test itself brings about."""
        self.context.add_init_script(WATCH_POLICY)
        self.context.route(OUTSIDE, self._refuse)
        self.page = self.open_tab()

    def _refuse(self, route: Route, request: Request) -> None:
        self.outside.append(request.url)
        route.abort()

    def open_tab(self) -> Page:
        """Another tab of the same profile."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"the page raised {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self.requests.append(request.url))
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(self.forgiven or ("\0",)):
            self.complaints.append(f"console error: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def go(self, path: str, page: Page | None = None) -> Page:
        """Open a path of the server and wait until the page has its bundle."""
        page = page or self.page
        page.goto(self.base + path, wait_until="load")
        page.wait_for_function("() => window.__epochal")
        return page

    def workspace(self, project: str, query: str = "", page: Page | None = None) -> Page:
        """Open a project and wait for its first rows."""
        page = self.go(f"/p/{quote(project, safe='')}{query}", page)
        page.wait_for_function("() => window.__epochal.marks['table:rows'] > 0")
        return page

    def wait_rest(self, seconds: float) -> None:
        """Wait until nothing was asked for so long; what asks again and again fails."""
        asked, since = len(self.requests), time.monotonic()
        end = since + PATIENCE_MS / 1000
        while time.monotonic() < since + seconds:
            self.page.wait_for_timeout(50)
            if len(self.requests) > asked:
                asked, since = len(self.requests), time.monotonic()
            assert since < end, f"the page never rests: {self.requests[-3:]}"

    def leave(self) -> list[str]:
        """Close everything. Returns what must not have happened."""
        for page in self.context.pages:
            if page.url.startswith("http"):
                self.complaints += page.evaluate("() => window.__violations")
        self.context.close()
        return self.complaints + [f"a request to {url}" for url in self.outside]


def until(question: Callable[[], Any], seconds: float = 60.0, what: str = "") -> Any:
    """Ask until the answer is true, and give it back."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds:.1f} s: {what or question}"
        time.sleep(0.02)


def hide(page: Page, hidden: bool = True) -> None:
    """Tell the page that its tab was hidden or shown; headless tabs never are."""
    page.evaluate(HIDE, hidden)


def copied(page: Page, act: Callable[[], None]) -> str:
    """What an action copies; all visitors share one clipboard, which holds what others copied."""
    page.evaluate("() => navigator.clipboard.writeText('')")
    act()
    text: str = until(lambda: page.evaluate("() => navigator.clipboard.readText()"), what="a copy")
    return text


def choose(page: Page, panel: str, item: str) -> None:
    """Choose an item of a panel's menu."""
    box = page.locator(f'[data-panel="{panel}"]')
    box.hover()
    box.get_by_role("button", name="More about").click()
    page.get_by_role("menu").get_by_text(item, exact=True).click()


def held(page: Page, pattern: str) -> list[Route]:
    """The requests that the pattern fits, from now on: each waits until the test lets it go."""
    waiting: list[Route] = []

    def keep(route: Route) -> None:
        waiting.append(route)

    page.route(pattern, keep)
    return waiting


def drawn(page: Page, panel: str) -> list[dict[str, Any]]:
    """The bucket arrays of a panel's last drawing; not a number is ``None``."""
    found: list[dict[str, Any]] = page.evaluate("(panel) => window.__epochal.drawn(panel)", panel)
    return found


def wait_drawn(page: Page, panel: str, series: int = 1) -> None:
    """Wait until a panel has drawn that many series."""
    page.wait_for_function(
        "([panel, n]) => window.__epochal.drawn(panel).length >= n",
        arg=[panel, series],
    )


def rows(page: Page) -> list[str]:
    """The names in the runs table, from top to bottom."""
    names: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("#runs-grid .grid-row:not([hidden])")]
          .sort((a, b) => a.dataset.row - b.dataset.row)
          .map((row) => row.querySelector(".grid-lead a").textContent)"""
    )
    return names


def cell(page: Page, run: str, column: str) -> str | None:
    """The text of a cell, found by the run's name and the column's id."""
    found: str | None = page.evaluate(
        """([run, column]) => {
          const grid = document.querySelector("#runs-grid");
          const heads = [...grid.querySelectorAll(".grid-headcell")];
          const title = `Options of ${column}`;
          const head = heads.find((h) => h.querySelector(".more").title === title);
          const row = [...grid.querySelectorAll(".grid-row:not([hidden])")]
            .find((r) => r.querySelector(".grid-lead a").textContent === run);
          if (!head || !row) return null;
          const at = head.dataset.column;
          const cells = [...row.querySelectorAll(".grid-cell:not([hidden])")];
          return cells.find((c) => c.dataset.column === at)?.textContent ?? null;
        }""",
        [run, column],
    )
    return found
