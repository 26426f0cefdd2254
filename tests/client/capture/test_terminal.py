"""A recorded line is what a terminal would have shown."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.client.capture.terminal import EDITABLE, MAX_LINE, Screen


def fold(*chunks: str) -> list[str]:
    screen = Screen(itertools.count().__next__)
    for chunk in chunks:
        screen.feed(chunk)
    return [row.render() for row in screen.take(0.0, final=True)]


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb\n", ["a", "b"]),
        ("a\n\nb", ["a", "", "b"]),
        ("", []),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\r 10%\r 20%\r100%\n", ["100%"]),
        ("long line\rab\n", ["abng line"]),
        ("12345\b\b..\n", ["123.."]),
        ("working\r       \rdone\n", ["done"]),
        ("working\r\x1b[Kdone\n", ["done"]),
        ("working\x1b[2K\rdone\n", ["done"]),
        ("abcdef\x1b[3D\x1b[1Kx\n", ["   xef"]),
        ("one\ntwo\n\x1b[1A\x1b[2Kthree\n", ["one", "three"]),
        ("a\nb\nc\n\x1b[3A\x1b[JX\n", ["X", "", ""]),
        ("x\x1b[5Cy\n", ["x     y"]),
        ("abc\x1b[2Gx\n", ["axc"]),
        ("\x1b]0;title\x07text\n", ["text"]),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        ("\x1b[?25lhidden cursor\x1b[?25h\n", ["hidden cursor"]),
        ("\x1b(Bset\x1b7\x1b8\x00\x07\n", ["set"]),
        ("\x1b]0;never ended\nnext\n", ["", "next"]),
        ("a\tb\n", ["a\tb"]),
        ("trailing  \n", ["trailing  "]),
        ("\x1b[31mred\x1b[0m plain\n", ["\x1b[31mred\x1b[0m plain"]),
        ("\x1b[1;31mtwo\nlines\x1b[0m\n", ["\x1b[1;31mtwo\x1b[0m", "\x1b[1;31mlines\x1b[0m"]),
        ("\x1b[31mred\x1b[32mgreen\x1b[m\n", ["\x1b[31mred\x1b[0m\x1b[32mgreen\x1b[0m"]),
        ("\x1b[38;5;200mx\x1b[39my\n", ["\x1b[38;5;200mx\x1b[0my"]),
        ("\x1b[38;2;1;2;3;1mx\x1b[22;39my\n", ["\x1b[38;2;1;2;3;1mx\x1b[0my"]),
        ("\x1b[31mold\r\x1b[0mnew\n", ["new"]),
        ("\x1b[999999999A\x1b[999999999Dx\n", ["x"]),
        ("\x1b[999999999Cx\n", [" " * 1000 + "x"]),
    ],
)
def test_controls_fold(text, shown):
    """Cursor movement and erasing act, color stays, everything else goes."""
    assert fold(text) == shown
    assert fold(*text) == shown, "cut into single characters it must show the same"


def test_nested_progress_bars_are_one_line_each():
    """The second bar is drawn below and the cursor goes back up, as tqdm does it."""
    out = ""
    for step in range(5):
        out += f"\router {step}\n\rinner {step * 2}\x1b[A"
    assert fold(out + "\n\n") == ["outer 4", "inner 8"]


def test_a_long_line_is_cut_with_a_mark():
    """The mark says how much is missing."""
    (line,) = fold("x" * (MAX_LINE + 1234) + "\n")
    assert line == "x" * MAX_LINE + " ... [1,234 more characters]"
    (line,) = fold(*["y" * 1000] * 1000, "\n")
    assert line.endswith(" ... [990,000 more characters]")
    assert len(line) < MAX_LINE + 50


def test_only_recent_lines_can_be_redrawn():
    """Going up further than the window stops at its top; memory does not grow."""
    screen = Screen(itertools.count().__next__)
    screen.feed("".join(f"{n}\n" for n in range(1000)))
    screen.take(0.0)
    screen.feed("\x1b[500AX\n")
    (row,) = screen.take(10.0)
    assert row.number == 1000 - EDITABLE + 1
    assert row.render().startswith("X")


def test_an_unfinished_line_comes_once_a_second_with_its_number():
    """A progress bar that is drawn a thousand times is shown a few times, and its end is shown."""
    screen = Screen(itertools.count().__next__)
    shown = []
    for step in range(1000):
        screen.feed(f"\r{step}/1000")
        shown += [(row.number, row.render()) for row in screen.take(step / 100)]
    assert len(shown) == 10
    assert {number for number, _ in shown} == {0}
    screen.feed("\r1000/1000\n")
    assert [(r.number, r.render()) for r in screen.take(9.995)] == [(0, "1000/1000")]
    assert screen.take(100.0, final=True) == []


def test_a_finished_line_is_not_given_twice():
    """A row is shown again only when it has changed."""
    screen = Screen(itertools.count().__next__)
    screen.feed("a\nb\n")
    assert [r.render() for r in screen.take(0.0)] == ["a", "b"]
    assert screen.take(5.0) == []
    screen.feed("c")
    assert [(r.number, r.render()) for r in screen.take(6.0)] == [(2, "c")]


@given(st.text(alphabet="ab\n\r\b\t\x1b[]0123456789;ABCDEFGKJmHh?\x07\\", max_size=200), st.data())
def test_any_text_folds_alike_however_it_is_cut(text, data):
    """No sequence raises, and where a chunk ends does not matter."""
    cut = data.draw(st.integers(0, len(text)))
    assert fold(text) == fold(text[:cut], text[cut:])


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=30)))
def test_plain_lines_are_kept_as_they_are(lines):
    """Without controls nothing is folded."""
    text = "".join(f"{line}\n" for line in lines)
    assert fold(text) == text.split("\n")[:-1]
