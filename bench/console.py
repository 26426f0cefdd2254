"""A console of a million lines on the page: how soon its end is on screen, and a search answered.

Times run from navigation and from the last key of the search, to the frame that shows the answer.
The page waits 300 ms after the last key before it asks; that is in the time of the search.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from playwright.sync_api import Browser

from bench import stores
from bench.visitor import watched
from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Console, Header
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal

PROJECT = RUN = "console"
LINES = 1_000_000
A_RECORD = 200
NEEDLE = LINES // 3
SHOWN = """[...document.querySelectorAll(".logs .row .text")]
  .some((line) => line.textContent.includes("TEXT"))"""
SHOWN_AT = f"() => {SHOWN.replace('TEXT', 'here is the needle')} ? performance.now() : 0"


def fill(home: Path) -> None:
    """A run that has printed a million lines, one of them unlike all others."""
    uid = run_uid("local", PROJECT, RUN)
    header = Header("local", PROJECT, RUN, stores.BASE_US, host="bench", pid=os.getpid())
    journal = open_journal(str(run_directory(home, uid)), uid, new_uid(), header)
    for first in range(0, LINES, A_RECORD):
        lines = [
            "here is the needle" if n == NEEDLE else f"step {n} loss {1 / (n + 1):.6f} lr 0.001"
            for n in range(first, first + A_RECORD)
        ]
        journal.append_fact(Console(stores.BASE_US + first, 0, first, lines))
    stores.close(journal)


def read(browser: Browser, url: str) -> dict[str, float]:
    """Medians over five cold visits."""
    visits = [_visit(browser, url) for _ in range(5)]
    return {name: statistics.median(visit[name] for visit in visits) for name in visits[0]}


def _visit(browser: Browser, url: str) -> dict[str, float]:
    with watched(browser) as visit:
        page = visit.page
        visit.mark_when("log:end", SHOWN.replace("TEXT", f"step {LINES - 1} "))
        page.goto(url, wait_until="commit")
        opened = visit.mark("log:end")
        page.get_by_label("Search the log").fill("the needle")
        asked = page.evaluate("() => performance.now()")
        found = page.wait_for_function(SHOWN_AT, polling="raf").json_value()
    return {
        "end of a million lines ms": opened,
        "search in a million lines ms": float(found) - float(asked),
    }
