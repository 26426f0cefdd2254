"""How fast the page is: a project of 1,000 runs opened cold in headless Chromium."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench import data, stores
from bench.clients import Result
from epochal.journal.home import read_server_address
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = ("table:rows", "chart:first", "viewport")


def fill(home: Path, runs: int, keys: int, steps: int) -> None:
    rows = list(data.rows(steps, keys))
    for number in range(runs):
        journal = stores.new_journal(home, f"r{number:04d}", {"lr": 10.0 ** -(number % 5)})
        stores.write_rows(journal, iter(rows))
        stores.close(journal)
    with open_store(home) as store:
        ingest_home(store)


def open_once(browser: Browser, url: str) -> dict[str, float]:
    """One cold visit; milliseconds from navigation to each mark, bytes and requests."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    loaded: list[float] = []
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    page.goto(url, wait_until="commit")
    found = {}
    for mark in MARKS:
        script = f"() => performance.getEntriesByName({mark!r})[0]?.startTime"
        found[f"{mark} ms"] = float(page.wait_for_function(script, timeout=30_000).json_value())
    found["kilobytes"] = sum(loaded) / 1000
    found["requests"] = float(len(loaded))
    context.close()
    return found


def page(quick: bool) -> Result:
    """Medians over five cold visits."""
    runs, keys, steps = (100, 50, 200) if quick else (1_000, 50, 1_000)
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        fill(home, runs, keys, steps)
        command = [sys.executable, "-m", "epochal", "server", "--home", str(home), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = stores.wait_for(lambda: read_server_address(home), 30).url
            chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                visits = [open_once(browser, f"{url}/p/bench") for _ in range(5)]
                browser.close()
        finally:
            server.terminate()
            server.wait(20)
    return {
        "runs": runs,
        **{name: statistics.median(visit[name] for visit in visits) for name in visits[0]},
    }
