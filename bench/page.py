"""How fast the page is: a project of 1,000 runs in headless Chromium, opened cold, used, and live.

Times run from navigation. CPU is that of the page's main thread. ``machine`` says how much slower
than the reference this machine ran a fixed loop of JavaScript at that moment; the bars of the
design are meant for 1.0.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench import console, data, longrun, stores, table
from bench.clients import Result
from bench.visitor import COUNT_FRAMES, FLAGS, per_frame, stand_on, watched
from epochal.journal.home import read_server_address
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store

PLOTTED = 20
USED = 10
LONGER = 10
"""The runs that charts show have so many times the steps of the others."""
USED_FOR_S = 60
MARKS = ("table:rows", "chart:first", "viewport")
REFERENCE_MS = 120.0
LOOP = """() => {
  const begun = performance.now();
  let x = 1;
  for (let i = 0; i < 2e7; i++) x = (x * 1103515245 + 12345) & 0x7fffffff;
  return performance.now() - begun + (x === -1 ? 1 : 0);
}"""
WATCH_AGE = """(since) => {
  window.__age = { worst: 0, draws: 0 };
  const newest = new Map();
  const look = () => {
    const now = Date.now() / 1000 - since;
    for (const [run, keys] of Object.entries(window.__epochal.lastPoint)) {
      const value = keys.clock?.value;
      if (!(value > 0) || newest.get(run) === value) continue;
      // The oldest point that is new here came a tenth of a second after the newest before.
      const age = now - (newest.get(run) ?? now) - 0.1;
      window.__age.worst = Math.max(window.__age.worst, age);
      newest.set(run, value);
      window.__age.draws++;
    }
    requestAnimationFrame(look);
  };
  look();
}"""
WRITER = """
import sys, time
import epochal
home, seconds, since = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
quiet = {"console": False, "git": False, "environment": False, "system_interval": 0,
         "silent": True}
runs = [epochal.init(project="live", id=f"live-{n:02d}", dir=home, settings=quiet,
                     reinit="create_new") for n in range(20)]
end, step = time.time() + seconds, 0
while time.time() < end:
    begun = time.time()
    for run in runs:
        now = time.time() - since
        run.log({"clock": now, **{f"m{i}": now / (i + 1) for i in range(9)}}, step=step)
    step += 1
    time.sleep(max(0.0, 0.1 - (time.time() - begun)))
for run in runs:
    run.finish()
"""


def fill(home: Path, runs: int, keys: int, steps: int) -> None:
    # As many sets of numbers as curves in one chart: equal ones would flatter the compression.
    sets = [list(data.rows(steps, keys, seed)) for seed in range(PLOTTED)]
    for number in range(runs):
        looked_at = number < USED or number >= runs - PLOTTED
        rows = (
            data.rows(LONGER * steps, keys, number) if looked_at else iter(sets[number % PLOTTED])
        )
        journal = stores.new_journal(home, f"r{number:04d}", {"lr": 10.0 ** -(number % 5)})
        stores.write_rows(journal, rows)
        stores.close(journal)
    console.fill(home)
    longrun.fill(home)
    with open_store(home) as store:
        ingest_home(store)


def open_once(browser: Browser, url: str) -> dict[str, float]:
    """One cold visit."""
    with watched(browser) as visit:
        visit.page.goto(url, wait_until="commit")
        found = {f"{mark} ms": visit.mark(mark) for mark in MARKS}
        found["charts drawn"] = float(
            visit.page.evaluate(
                "() => [...document.querySelectorAll('[data-panel]')].filter((p) =>"
                " window.__epochal.drawn(p.dataset.panel).length > 0).length"
            )
        )
        visit.settle()
        found["kilobytes"] = sum(visit.loaded) / 1000
        found["requests"] = float(len(visit.loaded))
        found["heap MB"] = visit.heap_mb()
        found["elements"] = float(
            visit.page.evaluate("() => document.querySelectorAll('*').length")
        )
        return found


def use(browser: Browser, url: str) -> dict[str, float]:
    """Ten runs plotted: the pointer over the charts, a zoom by dragging, scrolling the table."""
    ids = ",".join(f"r{number:04d}" for number in range(USED))
    with watched(browser) as visit:
        page = visit.page
        page.goto(f"{url}?sel={ids}", wait_until="commit")
        visit.mark("viewport")
        page.evaluate(COUNT_FRAMES)
        box = page.locator(".chart-over").first.bounding_box()
        assert box
        y = box["y"] + box["height"] / 2
        left, right = box["x"] + 8, box["x"] + box["width"] - 8

        def sweep() -> None:
            page.mouse.move(right, y, steps=60)

        def zoom() -> None:
            page.mouse.down()
            page.mouse.move(left + 40, y, steps=60)
            page.mouse.up()
            page.wait_for_url("**z=*")
            page.wait_for_timeout(300)

        def views() -> None:
            # Each zoom back and forth draws every visible chart anew.
            for _ in range(15):
                page.keyboard.press("s")
                page.wait_for_timeout(30)

        def scroll() -> None:
            for _ in range(60):
                page.mouse.wheel(0, 100)
                page.wait_for_timeout(16)

        page.mouse.move(left, y)
        found = per_frame(visit, "cursor", sweep)
        found |= per_frame(visit, "drag to zoom", zoom)
        found |= per_frame(visit, "redraw all", views)
        stand_on(page, "#runs-grid")
        found |= per_frame(visit, "table scroll", scroll)
        return found


def heap_after_use(browser: Browser, url: str, seconds: float) -> dict[str, float]:
    """What a visitor's page holds who never rests: zooms, smoothing, charts and table scrolled."""
    with watched(browser) as visit:
        page = visit.page
        page.goto(url, wait_until="commit")
        visit.mark("viewport")
        box = page.locator(".chart-over").first.bounding_box()
        assert box
        middle, end = box["y"] + box["height"] / 2, time.monotonic() + seconds
        while time.monotonic() < end:
            page.mouse.move(box["x"] + 0.3 * box["width"], middle)
            page.mouse.down()
            page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=20)
            page.mouse.up()
            page.keyboard.press("s")
            page.wait_for_timeout(200)
            page.keyboard.press("0")
            for by in (700, 700, 700, -2100):
                page.mouse.wheel(0, by)
                page.wait_for_timeout(150)
            stand_on(page, "#runs-grid")
            page.mouse.wheel(0, 2000)
            page.wait_for_timeout(100)
        visit.settle()
        return {"heap after ceaseless use MB": visit.heap_mb()}


def live(browser: Browser, home: Path, base: str, seconds: float) -> dict[str, float]:
    """Twenty runs log ten metrics ten times a second while the project's page is open."""
    since = time.time()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), str(seconds + 12), str(since)]
    )
    try:
        stores.wait_for(lambda: knows(base, "live"), 30)
        with watched(browser) as visit:
            page = visit.page
            page.goto(f"{base}/p/live", wait_until="commit")
            visit.mark("viewport")
            page.wait_for_timeout(4000)
            page.evaluate(WATCH_AGE, since)
            heap, before, begun = visit.heap_mb(), visit.cpu_ms(), time.monotonic()
            page.wait_for_timeout(seconds * 1000 - 4000)
            wall = (time.monotonic() - begun) * 1000
            spent, age = visit.cpu_ms() - before, page.evaluate("() => window.__age")
            return {
                "live worst delay s": age["worst"],
                "live drawings per s": age["draws"] / 20 / wall * 1000,
                "live CPU %": spent / wall * 100,
                "live heap growth MB": visit.heap_mb() - heap,
            }
    finally:
        writer.wait(seconds + 60)


def knows(base: str, project: str) -> bool:
    """Whether the server has heard of all twenty runs."""
    from urllib.request import urlopen

    with urlopen(f"{base}/api/v1/projects", timeout=10) as reply:
        projects: list[dict[str, Any]] = json.loads(reply.read())["projects"]
    return any(one["name"] == project and one["runs"] == 20 for one in projects)


def speed(browser: Browser) -> float:
    """How much slower than the reference this machine is just now."""
    page = browser.new_page()
    measured = min(page.evaluate(LOOP) for _ in range(3))
    page.close()
    return measured / REFERENCE_MS


def page(quick: bool) -> Result:
    """Medians over five cold visits; then one visitor who uses the page; then live runs."""
    runs, keys, steps = (100, 50, 200) if quick else (1_000, 50, 1_000)
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        fill(home, runs, keys, steps)
        command = [sys.executable, "-m", "epochal", "server", "--home", str(home), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            base = stores.wait_for(lambda: read_server_address(home), 30).url
            chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                slowness = [speed(browser)]
                visits = [open_once(browser, f"{base}/p/bench") for _ in range(5)]
                slowness.append(speed(browser))
                used = use(browser, f"{base}/p/bench")
                used |= heap_after_use(browser, f"{base}/p/bench", 5 if quick else USED_FOR_S)
                used |= longrun.read(browser, f"{base}/p/{longrun.PROJECT}/r/{longrun.RUN}/charts")
                lived = live(browser, home, base, 15 if quick else 60)
                logged = console.read(browser, f"{base}/p/{console.PROJECT}/r/{console.RUN}/logs")
                tabled = table.measure(browser, 1_000 if quick else table.RUNS)
                slowness.append(speed(browser))
                browser.close()
        finally:
            server.terminate()
            server.wait(20)
    return {
        "runs": runs,
        "machine": statistics.median(slowness),
        **{name: statistics.median(visit[name] for visit in visits) for name in visits[0]},
        **used,
        **lived,
        **logged,
        **tabled,
    }
