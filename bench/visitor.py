"""A visitor of a page: a fresh profile of headless Chromium, its traffic and its CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
]
COUNT_FRAMES = """() => {
  window.__frames = [];
  let before = performance.now();
  const tick = (now) => {
    window.__frames.push(now - before);
    before = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""

MARK_WHEN = """{
  const look = () => (CONDITION) ? performance.mark("NAME") : requestAnimationFrame(look);
  requestAnimationFrame(look);
}"""


class Watched:
    """A page in a fresh profile, with its traffic and its main thread's CPU time."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page: Page = self.context.new_page()
        self.session: CDPSession = self.context.new_cdp_session(self.page)
        self.session.send("Page.enable")
        self.session.send("Network.enable")
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.loaded: list[float] = []
        self.session.on(
            "Network.loadingFinished",
            lambda event: self.loaded.append(event["encodedDataLength"]),
        )

    def metric(self, name: str) -> float:
        found = self.session.send("Performance.getMetrics")["metrics"]
        return next(item["value"] for item in found if item["name"] == name)

    def cpu_ms(self) -> float:
        return self.metric("TaskDuration") * 1000

    def heap_mb(self) -> float:
        self.ask("gc()")
        return self.metric("JSHeapUsedSize") / 1e6

    def ask(self, expression: str) -> Any:
        """The value of an expression, without the scripts that Playwright brings along.

        They are 330 kB, and a page that is just opening would wait for them to be compiled.
        """
        answer = self.session.send(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True}
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression[:80]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def mark_when(self, name: str, condition: str) -> None:
        """Have the next page mark the first frame before which a condition came true."""
        self.session.send(
            "Page.addScriptToEvaluateOnNewDocument",
            {"source": MARK_WHEN.replace("NAME", name).replace("CONDITION", condition)},
        )

    def mark(self, name: str) -> float:
        """When the page marked something, in ms since its navigation; looked for seldom."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = self.ask(f"performance.getEntriesByName({name!r})[0]?.startTime")
            if found is not None:
                return float(found)
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"the page never marked {name}")

    def settle(self) -> None:
        """Wait until half a second passes in which the page does nearly nothing."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            before = self.cpu_ms()
            self.page.wait_for_timeout(500)
            if self.cpu_ms() - before < 15:
                return


def stand_on(page: Page, selector: str) -> None:
    """Put the pointer on the middle of an element.

    Unlike `hover()` it does not mind what the element shows there for a pointer, as a pencil.
    """
    box = page.locator(selector).bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@contextmanager
def watched(browser: Browser) -> Iterator[Watched]:
    one = Watched(browser)
    try:
        yield one
    finally:
        one.context.close()


def per_frame(visit: Watched, name: str, action: Callable[[], None]) -> dict[str, float]:
    """CPU per frame and the 95th percentile of frame times while something is done."""
    visit.settle()
    visit.page.evaluate("() => { window.__frames.length = 0; }")
    before = visit.cpu_ms()
    action()
    spent = visit.cpu_ms() - before
    frames = sorted(visit.page.evaluate("() => window.__frames"))
    return {
        f"{name} CPU ms/frame": spent / max(1, len(frames)),
        f"{name} p95 frame ms": frames[int(0.95 * (len(frames) - 1))],
    }
