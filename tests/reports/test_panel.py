"""The block of a panel says what it shows, or which line is wrong."""

from __future__ import annotations

import pytest

from epochal.domain.view import MetricAxis
from epochal.errors import InvalidInput
from epochal.reports.panel import keys_of, read_panel

KEYS = ["train/loss", "train/acc", "val/loss", "lr", "a|b"]


def test_every_line_of_a_panel_is_read():
    panel = read_panel(
        "panel: lines:train/*\ntitle: Loss: all\nruns: a%2Cb, c\nlimit: 7\nx: m:train/acc\n"
        "range: -1,2.5\nsmooth: ema:0.6\nlog: xy\nfrozen: " + "0" * 32
    )
    assert (panel.kind, panel.what, panel.name) == ("lines", "train/*", "Loss: all")
    assert panel.runs == ["a,b", "c"]
    assert (panel.limit, panel.x, panel.range) == (7, MetricAxis("train/acc"), (-1.0, 2.5))
    assert (panel.smooth, panel.log_x, panel.log_y) == (0.6, True, True)
    assert panel.frozen == "0" * 32


def test_columns_of_panels_over_runs_are_named():
    panel = read_panel("panel: scatter:config.a%3Bb;last(val/loss)")
    assert panel.columns == ["config.a;b", "last(val/loss)"]
    assert panel.name == "last(val/loss) by config.a;b"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no panel"),
        ("panel: pie:a", "expected one of lines"),
        ("panel: lines:", "names no panel"),
        ("panel: lines:a\nwhat is this", "no line of a panel"),
        ("panel: lines:a\npanel: lines:b", "stands twice"),
        ("panel: lines:a\nlimit: 0", "from 1 to 200"),
        ("panel: lines:a\nx: epoch", "expected step, time, rel or m:KEY"),
        ("panel: lines:a\nrange: 5", "two numbers"),
        ("panel: lines:a\nrange: 2,1", "two numbers"),
        ("panel: lines:a\nrange: nan,1", "two numbers"),
        ("panel: lines:a\nsmooth: 0.6", "ema:0.6"),
        ("panel: lines:a\nfrozen: ../../x", "no name of a frozen panel"),
        ("panel: scatter:a", "two columns"),
    ],
)
def test_a_line_that_is_not_understood_is_told(text, told):
    with pytest.raises(InvalidInput, match=told):
        read_panel(text)


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("val/loss", ["val/loss"]),
        ("val/loss|lr", ["val/loss", "lr"]),
        ("train/*", ["train/loss", "train/acc"]),
        ("TRAIN/*", ["train/loss", "train/acc"]),
        ("*/loss", ["train/loss", "val/loss"]),
        ("loss", ["train/loss", "val/loss"]),
        ("train/*|lr", ["train/loss", "train/acc", "lr"]),
        ("nothing", []),
        ("|", []),
    ],
)
def test_patterns_find_the_keys_that_the_page_finds(pattern, keys):
    assert keys_of(pattern, KEYS) == keys


def test_an_expression_is_refused_as_it_may_never_end():
    with pytest.raises(InvalidInput, match="write the names with stars"):
        keys_of("(a+)+$", KEYS)


@pytest.mark.parametrize(
    "value", ["x" + " " * 200_000 + "x", "x" * 200_000], ids=["spaces", "letters"]
)
def test_a_long_line_of_a_panel_is_read_to_its_end(value):
    """A square of the length would take minutes here."""
    assert read_panel(f"panel: lines:a\n  title :  {value}  ").title == value
    with pytest.raises(InvalidInput, match="no line of a panel"):
        read_panel(value)
