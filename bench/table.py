"""The table of a project of 10,000 runs with 100 columns: its first rows, a scroll, a sort.

The first rows are measured from the end of the answer that brought them, a sort from the click
until other rows are painted; the server orders the runs. The pointer rests on a head before it
clicks, as a hand does, and the page asks meanwhile; a sort that nothing announced is asked for at
the click.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from bench import lists, stores
from bench.visitor import COUNT_FRAMES, Watched, per_frame, stand_on, watched
from epochal.journal.home import read_server_address

RUNS = 10_000
COLUMNS = [*lists.COLUMNS, *(f"min(m{number:02d})" for number in range(30))]
STEPS = 60
SORTS = 5
SINCE_DATA = """() => {
  const answers = performance.getEntriesByType("resource");
  const asked = answers.find((one) => one.name.includes("runs/query"));
  const { responseEnd } = asked ?? performance.getEntriesByType("navigation")[0];
  return performance.getEntriesByName("table:rows")[0].startTime - responseEnd;
}"""
SORT = """(column) => {
  const shown = () => [...document.querySelectorAll("#runs-grid .grid-row:not([hidden]) a")]
    .map((link) => link.textContent).join();
  const frame = () => new Promise(requestAnimationFrame);
  // A message that is sent in a frame is read when that frame has been laid out and painted.
  const painted = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(null);
  });
  const before = shown();
  const head = document.querySelector(`[data-column="${column}"] [data-act=sort]`);
  window.__sorted = new Promise((done) => head.addEventListener("click", async () => {
    const clicked = performance.now();
    while (shown() === before) await frame();
    await painted();
    done(performance.now() - clicked);
  }, { capture: true, once: true }));
}"""
REST_MS = 250


def measure(browser: Browser, runs: int = RUNS) -> dict[str, float]:
    """Medians of three visits, each with its own scroll and sort."""
    with TemporaryDirectory() as text:
        home = Path(text, "home")
        home.mkdir()
        lists.fill(home, runs)
        command = [sys.executable, "-m", "epochal", "server", "--home", str(home), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            base = stores.wait_for(lambda: read_server_address(home), 30).url
            url = f"{base}/p/bench/runs?cols={','.join(COLUMNS)}"
            visits = [_visit(browser, url) for _ in range(3)]
        finally:
            server.terminate()
            server.wait(20)
    return {name: statistics.median(visit[name] for visit in visits) for name in visits[0]}


def _visit(browser: Browser, url: str) -> dict[str, float]:
    with watched(browser) as visit:
        visit.page.goto(url, wait_until="commit")
        visit.mark("table:rows")
        since = float(visit.page.evaluate(SINCE_DATA))
        visit.page.evaluate(COUNT_FRAMES)
        stand_on(visit.page, "#runs-grid")
        scrolled = per_frame(visit, "scroll of 100 columns", lambda: _scroll(visit))
        elements = visit.page.evaluate("() => document.querySelectorAll('*').length")
        return {
            "rows of 100 columns after data ms": since,
            **scrolled,
            "elements of 100 columns": float(elements),
            "sort of 10,000 runs ms": _sort(visit, pointed=True),
            "sort of 10,000 runs unannounced ms": _sort(visit, pointed=False),
        }


def _scroll(visit: Watched) -> None:
    for _ in range(STEPS):
        visit.page.mouse.wheel(0, 100)
        visit.page.wait_for_timeout(16)


def _sort(visit: Watched, *, pointed: bool) -> float:
    """The median of some sorts, each by another column and from the top of the table."""
    page = visit.page
    page.locator("#runs-grid").evaluate("(grid) => (grid.scrollTop = 0)")
    took = []
    for column in range(3, 3 + SORTS):
        page.mouse.move(700, 600)
        visit.settle()
        page.evaluate(SORT, column)
        head = page.locator(f'[data-column="{column}"] [data-act=sort]')
        if pointed:
            head.hover()
            page.wait_for_timeout(REST_MS)
            page.mouse.down()
            page.mouse.up()
        else:
            head.evaluate("(head) => head.click()")
        took.append(float(page.evaluate("() => window.__sorted")))
    return statistics.median(took)
