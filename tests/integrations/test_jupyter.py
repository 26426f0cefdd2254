"""`%load_ext epochal` in a real IPython shell, and runs that show themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import epochal
from epochal.client.inline import run_html
from epochal.domain.run import RunState
from tests.client.scripts import QUIET


@pytest.fixture
def shell(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(home.parent / "ipython"))
    made: Any = InteractiveShell.instance(history_length=0)
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "epochal")
    yield made
    made.run_line_magic("unload_ext", "epochal")
    InteractiveShell.clear_instance()


def shown(shell: Any, cell: str) -> list[str]:
    """The HTML that a cell displays."""
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()
    return [
        output.data["text/html"] for output in captured.outputs if output.data.get("text/html")
    ]


def test_the_magic_shows_the_current_run(shell: Any) -> None:
    """Once; for all cells that log when it is switched on; nothing without a run."""
    assert shown(shell, "%epochal") == []
    with epochal.init(project="p", name="a <run>", settings=QUIET) as run:
        run.log({"loss": 0.5})
        run.log({"loss": 0.25})
        (html,) = shown(shell, "%epochal")
        assert "a &lt;run&gt;" in html
        assert shown(shell, "%epochal on") == []
        assert len(shown(shell, "import epochal; epochal.log({'loss': 1.0})")) == 1
        assert shown(shell, "1 + 1") == []
        assert shown(shell, "%epochal off\nepochal.log({'loss': 1.0})") == []
        (html,) = shown(shell, "display(epochal.run)")
        assert "loss" in html


def test_a_word_that_is_no_command_explains_the_magic(shell: Any) -> None:
    with capture_output() as captured:
        shell.run_cell("%epochal what")
    assert "%epochal on" in captured.stdout


def test_a_run_shows_curves_that_need_nothing_else(home: Path) -> None:
    """Well-formed, without scripts or addresses; NaN breaks a curve."""
    with epochal.init(project="p", settings=QUIET) as run:
        for step, value in enumerate((1.0, 2.0, float("nan"), 3.0)):
            run.log({"a": value, "<b>": 1, **{f"k{n:02}": 0.0 for n in range(30)}}, step=step)
        html = run._repr_html_()
    root = ElementTree.fromstring(html.replace("&amp;", "&#38;"))
    lines = [line.get("points") for line in root.iter("polyline")]
    assert "0.0,48.0 60.0,24.0" in lines
    assert "180.0,0.0 180.0,0.0" in lines
    assert "and 8 more" in html
    assert "http" not in html
    assert "<script" not in html


def test_live_charts_are_folded_away_where_a_server_shows_the_run() -> None:
    """Escaped, and asked for by nobody before the fold is opened."""
    html = run_html("<n>", RunState.RUNNING, "http://h/p/x", {}, [], 'http://h/embed/run/"<r>')
    root = ElementTree.fromstring(html)
    (fold,) = root.iter("details")
    assert fold.get("open") is None
    (frame,) = fold.iter("iframe")
    assert frame.get("src") == 'http://h/embed/run/"<r>'
    assert (frame.get("title"), frame.get("loading")) == ("<n>", "lazy")
