"""TensorBoard's log directories on the page: followed while they grow, a purge hides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.server.address import live_server
from tests.browser.visitor import Visitor, until, wait_drawn
from tests.conftest import end_process
from tests.imports.tensorboard.events import NAME, file_bytes, scalar, start, version, write

pytestmark = pytest.mark.browser

NEWEST = "([uid, key]) => window.__epochal.lastPoint[uid]?.[key]"


@pytest.fixture
def file(home: Path, tmp_path: Path) -> Iterator[Path]:
    """A file that grows in one of two directories, which a server follows.

    The visitor comes later and leaves sooner: a page that stays misses its server, aloud.
    """
    file = write(tmp_path / "runs" / "a" / NAME, *(scalar("loss", n, 8 - n) for n in range(4)))
    write(tmp_path / "other" / "b" / NAME, scalar("acc", 1, 0.5))
    command = [sys.executable, "-m", "epochal", "ui", "--no-browser", "--port", "0"]
    places = ["--logdir", f"digits:{tmp_path / 'runs'}", "--logdir", str(tmp_path / "other")]
    process = subprocess.Popen([*command, *places], stdout=subprocess.DEVNULL)
    yield file
    end_process(process)


def test_an_open_chart_follows_two_directories_and_a_restart_hides_what_it_purged(
    file: Path, home: Path, visit: Callable[..., Visitor]
) -> None:
    """Nobody reloads: points come as files grow, a second writer purges, other names are kept."""
    address = until(lambda: live_server(home), what="the server answers")
    visitor = visit(address.url)
    page = visitor.workspace("digits")
    wait_drawn(page, "loss")
    (run,) = connect(address.url).runs("digits")

    def newest() -> Any:
        return page.evaluate(NEWEST, [run.uid, "loss"])

    until(lambda: (newest() or {}).get("x") == 3, what="all that was there is drawn")
    for step in range(4, 9):
        with file.open("ab") as growing:
            growing.write(file_bytes(scalar("loss", step, 8.0 - step)))
    until(lambda: newest() == {"x": 8, "value": 0}, what="the chart follows the file")
    again = file_bytes(version(), start(3), scalar("loss", 3, 7.5))
    (file.parent / NAME.replace("17", "18", 1)).write_bytes(again)
    until(lambda: newest() == {"x": 3, "value": 7.5}, what="purged points are hidden")
    run.refresh()
    assert run.series("loss").step.tolist() == [0, 1, 2, 3]
    assert len(run.series("loss", view="all")) == 4, "hidden in every view of the run"
    page = visitor.go(f"/p/digits/r/{run.id}")
    page.get_by_role("tab", name="System").first.wait_for()
    assert page.get_by_role("button", name="Stop").count() == 0, "nobody there would hear it"
    page = visitor.go("/")
    page.get_by_role("link", name="other").first.wait_for()
