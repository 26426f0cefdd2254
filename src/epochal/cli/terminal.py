"""What the commands print: tables that fit, JSON that parses, text that cannot move the cursor.

On a terminal a table has colors and drops its least important columns until it fits; anywhere else
it is plain aligned text with nothing cut off. Text of users is shown with its control characters
made visible.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from epochal.domain.values import to_json

STATE_STYLES = {
    "running": "cyan",
    "finished": "green",
    "failed": "red",
    "crashed": "bold red",
    "killed": "yellow",
}
MIN_WIDTH = 16
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_SGR_OR_TEXT = re.compile(r"\x1b\[[0-9;:]*m|\x1b|[^\x1b]+")


class _Console(Console):
    """Leaves a closed pipe to the guard of `epochal.cli.main`."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


class Col(msgspec.Struct, frozen=True):
    """A column of a table. The ones with the highest ``rank`` go first when there is no room.

    Attributes:
        title: its head.
        right: whether it is set to the right, as numbers are.
        rank: 0 is never left out.
        style: turns a cell into its rich style.
        most: widest it gets on a terminal, in characters; 0 for any.
        wrap: whether a long cell goes on in the next line instead of being cut.
    """

    title: str
    right: bool = False
    rank: int = 0
    style: Callable[[str], str] | None = None
    most: int = 0
    wrap: bool = False


def stdout() -> Console:
    """The console on standard output, made anew so that it sees the present stream and width."""
    return _Console(highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())


def stderr() -> Console:
    """The console for notes and progress, which are not part of the output."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: object, *, indent: int = 2) -> None:
    """Print any struct or value as JSON; NaN and infinities become strings, as on the wire."""
    data = msgspec.json.encode(to_json(msgspec.to_builtins(value)))
    text = msgspec.json.format(data, indent=indent) if indent else data
    sys.stdout.write(text.decode() + "\n")


def print_line(text: str = "", style: str = "") -> None:
    """Print one line of text that may come from users."""
    if sys.stdout.isatty():
        stdout().print(Text(visible(text), style=style))
    else:
        sys.stdout.write(visible(text) + "\n")


def note(text: str) -> None:
    """Tell something that is not part of the output, on standard error."""
    stderr().print(Text(visible(text), style="dim"), soft_wrap=True)


def print_table(columns: Sequence[Col], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; every row has one cell per column."""
    cells = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells)
    else:
        _print_plain(columns, cells)


def _print_plain(columns: Sequence[Col], rows: list[list[str]]) -> None:
    heads = [column.title.upper() for column in columns]
    widths = [max(map(_width, cells)) for cells in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        placed = [
            cell.rjust(width) if column.right else cell + " " * (width - _width(cell))
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(placed).rstrip() + "\n")


def _print_rich(columns: Sequence[Col], rows: list[list[str]]) -> None:
    console = stdout()
    shown = fitting(columns, rows, console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for index in shown:
        column = columns[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold" if column.wrap else "ellipsis",
            min_width=None if column.wrap else min(MIN_WIDTH, _widest(column, index, rows)),
            header_style="dim",
        )
    for row in rows:
        table.add_row(*(_cell(columns[index], row[index]) for index in shown))
    console.print(table)
    left_out = [
        column.title
        for index, column in enumerate(columns)
        if index not in shown and any(row[index] for row in rows)
    ]
    if left_out:
        note(f"no room for {', '.join(left_out)}; widen the terminal or use --json")


def _cell(column: Col, text: str) -> Text:
    if column.most and len(text) > column.most:
        text = text[: column.most - 1] + "…"
    return Text(text, style=column.style(text) if column.style else "")


def fitting(columns: Sequence[Col], rows: list[list[str]], width: int) -> list[int]:
    """The columns to show in ``width`` characters; those of the highest rank go first.

    A column of rank 1 or more that is empty in every row is not shown.
    """
    sizes = [_widest(column, index, rows) for index, column in enumerate(columns)]
    shown = [
        index
        for index, column in enumerate(columns)
        if column.rank == 0 or any(row[index] for row in rows)
    ]
    for victim in sorted(shown, key=lambda index: (-columns[index].rank, -index)):
        if sum(sizes[index] + 2 for index in shown) <= width or columns[victim].rank == 0:
            break
        shown.remove(victim)
    return shown


def _widest(column: Col, index: int, rows: list[list[str]]) -> int:
    size = max([_width(column.title), *(_width(row[index]) for row in rows)])
    return min(size, column.most) if column.most else size


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def visible(text: str) -> str:
    """Text in which control characters are shown instead of obeyed; a line end becomes ``⏎``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _picture(c) for c in text)


def _picture(character: str) -> str:
    code = ord(character)
    if character == "\n":
        return "⏎"
    if character == "\t":
        return " "
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def console_text(text: str) -> Text:
    """A console line of a run with its colors and without anything else that a terminal obeys."""
    parts = _SGR_OR_TEXT.findall(text)
    kept = "".join(part if _SGR.fullmatch(part) else visible(part) for part in parts)
    return Text.from_ansi(kept)


def plain_console_text(text: str) -> str:
    """A console line of a run without its colors."""
    return visible(_SGR.sub("", text))


def state_style(state: str) -> str:
    """The color of a run's state."""
    return STATE_STYLES.get(state, "")
