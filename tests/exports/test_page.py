"""The page of a run opens from disk, shows the run, and asks nobody for anything."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.exports.charts import Bucket, bars, chart
from epochal.exports.page import page_of
from epochal.reports.axes import shown
from tests.cli.conftest import run_cli

NASTY = "</script><img src=x onerror=alert(1)>'\"&"

HOSTILE = f"""
import epochal
nasty = {NASTY!r}
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False)
run = epochal.init(project="p " + nasty, id="hostile", name=nasty, notes=nasty, tags=[nasty],
                   config={{nasty: nasty}}, group=nasty, settings=quiet)
print(nasty, flush=True)
for step in range(20):
    run.log({{nasty: step / 7, "tiny": float("nan") if step == 5 else step}})
run.log({{"text": epochal.Text(nasty), "html": epochal.Html("<script>alert(2)</script>"),
         "table": epochal.Table(columns=[nasty], data=[[nasty]])}})
run.summary[nasty] = nasty
run.finish()
"""


class Tags(HTMLParser):
    """Which elements a page has, and all their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    return tags


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run whose every name tries to break out."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    subprocess.run(
        [sys.executable, "-c", HOSTILE], env={"EPOCHAL_HOME": str(home)}, timeout=60, check=True
    )
    run = connect(home=home).run("hostile")
    return "".join(page_of(run, list(run.metrics), datetime(2026, 1, 1, tzinfo=UTC)))


def test_names_stay_text(hostile: str) -> None:
    """No element or attribute comes from what a user typed."""
    tags = parsed(hostile)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & tags.names
    assert not {name for name, _ in tags.attributes if name.startswith("on")}
    assert "img" not in tags.names
    assert hostile.count("&lt;/script&gt;") >= 8


def test_nothing_on_the_page_leads_out_of_it(hostile: str, pristine_things: Path) -> None:
    """Every address is a data URL, and a policy forbids the rest."""
    run = connect(home=pristine_things).run("shop/maker")
    for text in (hostile, "".join(page_of(run, []))):
        tags = parsed(text)
        named = {v for name, v in tags.attributes if name in ("src", "href", "srcset", "data")}
        assert all(value.startswith("data:image/") for value in named)
        assert "default-src 'none'" in text
        assert not re.search(r"url\(|@import", text)


def test_the_page_shows_what_the_run_has(pristine_things: Path, tmp_path: Path) -> None:
    """Media of the last step, files, artifacts."""
    path = tmp_path / "maker.html"
    done = run_cli("export", "shop/maker", "-o", str(path), home=pristine_things)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    for part in ("data:image/png;base64,", "step 2", "hello", "notes.md", "digits:v1", "word"):
        assert part in text, part


def test_the_page_of_numbers_names_every_spike(shared: Path, tmp_path: Path) -> None:
    """Ranges, what is not finite, the console without its colors."""
    path = tmp_path / "alpha.html"
    done = run_cli("export", "mnist/alpha", "-o", str(path), home=shared)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert "<h3>val/acc</h3>" in text
    assert "red line" in text
    assert "\x1b" not in text
    assert text.count('class="odd"') == 2  # an infinity and a NaN, in two buckets
    done = run_cli("export", "mnist/alpha", "-f", "html", "-o", "-", home=shared)
    assert done.stdout.startswith("<!doctype html>")
    again = run_cli("export", "mnist/alpha", "-o", str(path), home=shared)
    assert (again.returncode, "--force" in again.stderr) == (5, True)


@pytest.mark.browser
def test_a_browser_opens_it_from_disk_without_a_request(
    hostile: str, tmp_path: Path, page: Any
) -> None:
    """No script, no message in the console, charts with a size, hovering tells a number."""
    path = tmp_path / "page.html"
    path.write_text(hostile, encoding="utf-8")
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(path.as_uri())
    assert requests == [path.as_uri()]
    assert complaints == []
    assert page.locator("h1").inner_text() == NASTY
    line = page.locator("svg .line").first
    assert line.bounding_box()["width"] > 100
    titles = page.locator("svg .hover title").all_text_contents()
    assert any(title.startswith("step 5: ") for title in titles)


def bucket(step: int, low: float, high: float, odd: int = 0) -> Bucket:
    return Bucket(step, low, high, (low + high) / 2, odd)


def test_a_line_is_broken_where_there_is_no_number() -> None:
    buckets = [bucket(0, 1, 2), bucket(1, 1, 3), Bucket(2, None, None, None, 4), bucket(3, 1, 2)]
    drawn = chart("x", buckets)
    assert (drawn.count("<polyline"), drawn.count("<circle")) == (1, 1)
    assert "4 not finite" in drawn


@pytest.mark.parametrize(
    "values",
    [(0.0, 0.0), (1e300, 1e308), (-1e308, 1e308), (1e-320, 2e-320), (5.0, 5.0)],
    ids=["zero", "large", "both ends", "tiny", "equal"],
)
def test_any_range_can_be_drawn(values: tuple[float, float]) -> None:
    """Every coordinate is a number within the picture."""
    drawn = chart("x", [bucket(0, *values), bucket(7, *values)])
    numbers = re.findall(r' (?:x|y|x1|x2|y1|y2|width|height)="([^"]*)"', drawn)
    assert all(math.isfinite(float(number)) for number in numbers)
    assert "nan" not in drawn


def test_an_empty_chart_is_drawn() -> None:
    assert chart("x", []).startswith("<svg")
    assert "<rect" in bars("h", [0.0, 1.0, 2.0], [3, 1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (12345.0, "12,345"), (7, "7"), (None, "-"), (1 / 3, "0.33333"),
     (math.nan, "nan"), (1e300, "1e+300")],
)  # fmt: skip
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert shown(value) == text
