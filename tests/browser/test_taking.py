"""Taking panels away: each kind as a picture, as values, and as a program that reads them."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page

import epochal
from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, choose, copied, until, wait_drawn

pytestmark = pytest.mark.browser

ITEM = "run,name,step,item,"
OF_MEDIA = {
    "ridge:train/weights": "run,name,step,from,to,count",
    "heat:train/weights": "run,name,step,from,to,count",
    "media:train/weights": ITEM + "from,to,count",
    "media:val/roc": ITEM + "series,False positive rate,True positive rate,threshold",
    "media:val/pr": ITEM + "series,Recall,Precision,threshold",
    "media:val/confusion": ITEM + "actual,predicted,count",
    "media:val/table": ITEM + "image,label,score,right,note",
    "media:val/digits": ITEM + "kind,caption,width,height,bytes,sha256",
    "media:train/curve": ITEM + "series,epoch,y",
    "media:plots/scatter": ITEM + "series,n,v",
    "media:plots/bar": ITEM + "k,n",
    "media:plots/histogram": ITEM + "from,to,count",
    "media:pages/text": ITEM + "text",
}
"""Panels of media, and the head of the CSV of each."""
OF_NUMBERS = {
    "lines:train/loss|val/acc": "series,run,key,step,time_us,value",
    "formula:train/loss * 2": "series,run,key,step,time_us,value",
    "bar:last(train/loss)": "run,name,last(train/loss)",
    "scatter:config.lr;last(train/loss)": "run,name,config.lr,last(train/loss)",
    "parallel:config.lr;last(train/loss)": "run,name,config.lr,last(train/loss)",
}
IMPORTANCE = "importance:last(m/00)"
SIGNS_OF_PNG = b"\x89PNG\r\n\x1a\n"
DRAWN = ".plot canvas, .scrolled, " + ", ".join(
    f".body {tag}" for tag in ("svg", "li", "img", "pre")
)
EACH = """
import json, sys
for text in json.load(sys.stdin):
    print("\\0", end="")
    exec(compile(text, "copied", "exec"), {})
"""


def taken(page: Page, panel: str, item: str) -> bytes:
    """The file that an item of a panel's menu gives."""
    with page.expect_download() as coming:
        choose(page, panel, item)
    return coming.value.path().read_bytes()


def take(page: Page, panel: str, head: str, values: str) -> tuple[list[dict[str, str]], str]:
    """Check the pictures of a panel. Returns its values and the program that it copies."""
    box = page.locator(f'[data-panel="{panel}"]')
    box.scroll_into_view_if_needed()
    until(lambda: box.locator(DRAWN).count(), what=panel)
    root = ElementTree.fromstring(taken(page, panel, "Save as SVG"))
    assert len(list(root.iter())) > 5, panel
    picture = taken(page, panel, "Save as PNG")
    assert picture.startswith(SIGNS_OF_PNG)
    size = struct.unpack(">II", picture[16:24])
    assert size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"])), panel
    text = taken(page, panel, values).decode()
    assert text.split("\r\n")[0] == head, panel
    page.mouse.move(0, 0)
    box.hover(position={"x": 40, "y": 12})
    return list(csv.DictReader(io.StringIO(text))), copied(page, lambda: page.keyboard.press("Y"))


def answers(programs: list[str], home: Path) -> list[str]:
    """What each program prints that somebody runs who copied it."""
    done = subprocess.run(
        [sys.executable, "-c", EACH], input=json.dumps(programs),
        capture_output=True, text=True, check=False, timeout=120, cwd=home,
        env={**os.environ, "EPOCHAL_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[1:]


def visited(visit: Callable[..., Visitor], gallery: Gallery, project: str, query: str) -> Page:
    allowed = ["clipboard-read", "clipboard-write"]
    return visit(gallery.url, permissions=allowed).workspace(project, query)


def last_json(answer: str, name: str) -> Any:
    """The plot of a run in what a program printed."""
    [line] = [line for line in answer.splitlines() if line.startswith(f"{name} ")]
    return json.loads(line.split(" ", 2)[2])


def test_media_panels_give_all_they_show(
    gallery: Gallery, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """Curves, matrices, tables, distributions, pictures, texts: the values are those that the
    reading API gives, and the copied programs give them, too.
    """
    query = "?add=" + quote(",".join(OF_MEDIA), safe="")
    page = visited(visit, gallery, "media", query)
    found = {
        panel: take(page, panel, head, "Save values as CSV") for panel, head in OF_MEDIA.items()
    }
    said = dict(
        zip(found, answers([program for _, program in found.values()], tmp_path), strict=True)
    )
    for panel, (lines, _) in found.items():
        assert {line["name"] for line in lines} == {"first", "second"}, panel
        assert "first" in said[panel], panel
        assert "second" in said[panel], panel

    run = epochal.connect(gallery.url).run("media/first")

    def mine(panel: str, *columns: str) -> list[tuple[str, ...]]:
        return [
            tuple(line[c] for c in columns) for line in found[panel][0] if line["name"] == "first"
        ]

    matrix = json.loads(run.media("val/confusion")[-1].data())
    assert last_json(said["media:val/confusion"], "first") == matrix
    cells = [(a, p, n) for a, row in zip(matrix["classes"], matrix["counts"], strict=True)
             for p, n in zip(matrix["classes"], row, strict=True)]  # fmt: skip
    shown = mine("media:val/confusion", "actual", "predicted", "count")
    assert [(a, p, float(n)) for a, p, n in shown] == cells
    curves = json.loads(run.media("val/roc")[-1].data())["series"]
    rates = [pair for one in curves for pair in zip(one["x"], one["y"], strict=True)]
    columns = ("False positive rate", "True positive rate")
    assert [(float(x), float(y)) for x, y in mine("media:val/roc", *columns)] == rates
    names, rows = run.media("val/table")[-1].rows()
    scores = mine("media:val/table", "label", "score")
    at = [names.index("label"), names.index("score")]
    assert [label for label, _ in scores] == [row[at[0]] for row in rows]
    assert [repr(float(score)) for _, score in scores] == [repr(float(row[at[1]])) for row in rows]
    weights = run.media("train/weights")[-1]
    assert [float(n) for (n,) in mine("media:train/weights", "count")] == weights.meta["counts"]


def test_panels_of_numbers_give_all_they_show(
    gallery: Gallery, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """Lines, formulas, bars, dots, parallel axes and importance, bit for bit."""
    query = "?add=" + quote(",".join(OF_NUMBERS), safe="")
    page = visited(visit, gallery, "resnets", query)
    wait_drawn(page, "formula:train/loss * 2", 6)
    found = {}
    for panel, head in OF_NUMBERS.items():
        item = "Save every point as CSV" if ":train" in panel else "Save values as CSV"
        found[panel] = take(page, panel, head, item)
    said = answers([program for _, program in found.values()], tmp_path)
    for panel, text in zip(found, said, strict=True):
        assert all(f"r18-{number}" in text for number in range(6)), panel
    reader = epochal.connect(gallery.url)
    for number in range(6):
        run = reader.run(f"resnets/r18-{number}")
        loss = run.history("train/loss")["train/loss"]
        twice = [r for r in found["formula:train/loss * 2"][0] if r["series"] == run.name]
        assert [float(row["value"]) for row in twice] == (loss * 2).tolist()
        for panel in list(OF_NUMBERS)[2:]:
            [row] = [row for row in found[panel][0] if row["name"] == run.name]
            assert float(row["last(train/loss)"]) == loss[-1]

    query = "?q=" + quote("config.number < 40") + "&add=" + quote(IMPORTANCE)
    page = visited(visit, gallery, "many", query)
    head = "parameter,importance,error,certain,correlation,low,high,runs"
    rows, program = take(page, IMPORTANCE, head, "Save values as CSV")
    [text] = answers([program], tmp_path)
    shown = [(row["parameter"], float(row["importance"])) for row in rows]
    told = [line.split()[:2] for line in text.splitlines()]
    assert [(name, float(importance)) for name, importance in told] == shown
