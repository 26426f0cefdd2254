from __future__ import annotations

import math

import pytest

from epochal.cli.figures import literal, number, span, sparkline
from epochal.cli.ls import split_columns
from epochal.cli.terminal import Col, console_text, fitting, plain_console_text, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢字", "plain ü 漢字"),
        ("a\x1b[2Jb", "a␛[2Jb"),
        ("a\nb\tc", "a⏎b c"),
        ("\x07\x00", "␇␀"),
        ("\u202eevil", "\ufffdevil"),
        ("\x9b2J", "\ufffd2J"),
    ],
)
def test_control_characters_are_shown_instead_of_obeyed(text: str, shown: str) -> None:
    """Names and values of runs may come from anywhere."""
    assert visible(text) == shown


def test_a_console_line_keeps_its_colors_and_nothing_else() -> None:
    """A title change, a cursor move or a screen wipe does not pass."""
    text = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \x1b[5A end"
    rich = console_text(text)
    assert rich.plain == "red ␛]0;title␇ ␛[2J ␛[5A end"
    assert any("color(1)" in str(span.style) for span in rich.spans)
    assert plain_console_text(text) == rich.plain


def test_a_narrow_terminal_drops_the_least_important_columns_first() -> None:
    """And never one of rank 0."""
    columns = [Col("id"), Col("name", rank=1), Col("tags", rank=3), Col("state", rank=0)]
    rows = [["a" * 10, "b" * 20, "c" * 30, "finished"]]
    assert fitting(columns, rows, 200) == [0, 1, 2, 3]
    assert fitting(columns, rows, 50) == [0, 1, 3]
    assert fitting(columns, rows, 30) == [0, 3]
    assert fitting(columns, rows, 5) == [0, 3]


def test_columns_are_split_outside_of_keys() -> None:
    """A comma within parentheses, brackets or quotes belongs to the key."""
    text = 'config.lr, last(a,b) ,config["x,y"],, "q,r"'
    assert split_columns(text) == ["config.lr", "last(a,b)", 'config["x,y"]', '"q,r"']


def test_a_sparkline_shows_what_is_not_finite() -> None:
    """And survives a range that overflows."""
    assert sparkline([0.0, 1.0, math.nan, 0.5, math.inf]) == "▁█!▅!"
    assert sparkline([]) == ""
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"


def test_values_are_short_for_people() -> None:
    """Scripts use --json."""
    assert [number(value) for value in (0.1 + 0.2, 10**20, None, True, "x", math.nan)] == [
        "0.3",
        "100000000000000000000",
        "",
        "true",
        "x",
        "nan",
    ]
    assert literal({"a": [1, None]}) == '{"a":[1,null]}'
    assert [span(s) for s in (0.25, 61, 3_700, 90_000)] == ["0.2s", "1m 01s", "1h 01m", "1d 01h"]
