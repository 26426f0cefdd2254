"""A run of a million steps on the page: how soon its curve is drawn, and the heap after zooms."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

from bench import stores
from bench.visitor import watched
from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Header
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal

PROJECT = RUN = "long"
STEPS = 1_000_000
SPIKE_EVERY = 21_017
NAN_FROM, NAN_TO = 700_000, 700_400
ZOOMS = 6


def rows() -> Iterator[dict[str, float]]:
    """A noisy loss with spikes and a stretch of NaN."""
    source = random.Random(3)
    for step in range(STEPS):
        spike = 40.0 if step % SPIKE_EVERY == 0 else 0.0
        nan = NAN_FROM <= step < NAN_TO
        yield {"loss": float("nan") if nan else 1 / (1 + step / 1e5) + source.random() / 9 + spike}


def fill(home: Path) -> None:
    uid = run_uid("local", PROJECT, RUN)
    header = Header("local", PROJECT, RUN, stores.BASE_US, host="bench", pid=os.getpid())
    journal = open_journal(str(run_directory(home, uid)), uid, new_uid(), header)
    stores.write_rows(journal, rows())
    stores.close(journal)


def read(browser: Browser, url: str) -> dict[str, float]:
    """One visitor opens the run and looks closer and closer at the same place."""
    with watched(browser) as visit:
        page = visit.page
        page.goto(url, wait_until="commit")
        first = visit.mark("chart:first")
        box = page.locator(".chart-over").first.bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        for number in range(ZOOMS):
            before = page.url
            page.mouse.move(box["x"] + 0.2 * box["width"], middle)
            page.mouse.down()
            page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=10)
            page.mouse.up()
            page.wait_for_url(lambda url, before=before: url != before)
            page.wait_for_timeout(200 * (number == ZOOMS - 1))
        visit.settle()
        return {"curve of a million steps ms": first, "its heap MB": visit.heap_mb()}
