"""What a terminal would show of a stream of text, as lines that can still change.

Promise: carriage returns, backspaces, cursor movement and erasing fold as on a terminal of endless
width, so a progress bar is one line; colors (SGR) are kept, each line complete in itself; every
other control is dropped. Memory is bounded: a line keeps 10,000 characters, and only the last 100
lines can still be edited. Not promised: wrapping at the window's width, and the double width of
East Asian characters. A `Screen` belongs to one thread. It knows no clock; `take` is told the
time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from typing import Final

MAX_LINE: Final = 10_000
EDITABLE: Final = 100
REPEAT_SECONDS: Final = 1.0

# Controls apart from newline and tab. A sequence that the chunk cuts off is caught by _CUT_OFF.
_CONTROL: Final = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"  # CSI: parameters, final
    r"|(\x1b[\]PX^_])"  # a string follows, up to BEL or ST
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_CUT_OFF: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)\Z")
_STRING_END: Final = re.compile(r"\x07|\x1b\\|\x9c|(?=\n)")
_MAX_SEQUENCE: Final = 256
_MAX_MOVE: Final = 1_000

# ECMA-48 8.3.117 (SGR): code that switches off -> what it switches off.
_OFF: Final[dict[int, tuple[int, ...]]] = {
    22: (1, 2),
    23: (3,),
    24: (4,),
    25: (5, 6),
    27: (7,),
    28: (8,),
    29: (9,),
    39: (38,),
    49: (48,),
    54: (51, 52),
    55: (53,),
    59: (58,),
}


class Row:
    """One line: its characters, their styles, and what was already shown of it."""

    __slots__ = ("changed", "edited", "length", "number", "settled", "shown_at", "styles", "text")

    def __init__(self, text: str = "") -> None:
        self.length = len(text)
        self.text = text if self.length <= MAX_LINE else text[:MAX_LINE]
        self.styles: list[str] | None = None
        self.number = -1
        self.changed = True
        self.edited = False
        self.settled = False
        self.shown_at = float("-inf")

    def put(self, text: str, column: int, style: str) -> None:
        """Write over the row from ``column`` on."""
        end = column + len(text)
        self.edited = self.edited or column < self.length
        self.length = max(self.length, end)
        self.changed = True
        if column >= MAX_LINE:
            return
        if end > MAX_LINE:
            text, end = text[: MAX_LINE - column], MAX_LINE
        old = len(self.text)
        gap = " " * (column - old)
        self.text = self.text[:column] + gap + text + self.text[end:]
        if style and self.styles is None:
            self.styles = [""] * old
        if self.styles is not None:
            self.styles.extend([""] * len(gap))
            self.styles[column:end] = [style] * len(text)

    def erase(self, start: int, end: int | None) -> None:
        """Blank the columns from ``start`` up to ``end``, or to the row's end."""
        self.changed = self.edited = True
        if end is None:
            self.length = min(self.length, start)
            self.text = self.text[:start]
            if self.styles is not None:
                del self.styles[start:]
        else:
            end = min(end, self.length)
            if end > start:
                self.put(" " * (end - start), start, "")

    def render(self) -> str:
        """The row as text with complete SGR sequences."""
        if self.styles is None:
            text = self.text
        else:
            parts: list[str] = []
            for style, cells in groupby(
                zip(self.styles, self.text, strict=True), key=lambda c: c[0]
            ):
                run = "".join(character for _, character in cells)
                parts.append(f"{style}{run}\x1b[0m" if style else run)
            text = "".join(parts)
        if self.edited:
            text = text.rstrip(" ")
        over = self.length - MAX_LINE
        return f"{text} ... [{over:,} more characters]" if over > 0 else text


class Screen:
    """Folds one stream.

    Args:
        number: gives the next free line number; several screens may share it.
    """

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._rows: list[Row] = [Row()]
        self._gone: list[Row] = []
        self._at = 0
        self._column = 0
        self._slots: dict[int, str] = {}
        self._style = ""
        self._carry = ""
        self._in_string = False
        self._live_at = float("-inf")

    # -------------------------------------------------------------------------------------- in
    def feed(self, text: str) -> None:
        """Take the next stretch of the stream; it may end inside of an escape sequence."""
        text = self._carry + text
        self._carry = ""
        cut = _CUT_OFF.search(text, max(0, len(text) - _MAX_SEQUENCE))
        if cut:
            self._carry = cut.group()
            text = text[: cut.start()]
        position = 0
        while position < len(text):
            if self._in_string:
                end = _STRING_END.search(text, position)
                if end is None:
                    break
                self._in_string = False
                position = end.end()
                continue
            found = _CONTROL.search(text, position)
            stop = found.start() if found else len(text)
            if stop > position:
                self._write(text[position:stop])
            if found is None:
                break
            self._control(found)
            position = found.end()
        self._trim()

    def notice(self, text: str) -> None:
        """Add a line of our own, after the line that is being written."""
        self._at = len(self._rows) - 1
        if self._rows[-1].length:
            self._line_feed()
        self._rows[-1].put(text, 0, "")
        self._line_feed()
        self._trim()

    def _write(self, text: str) -> None:
        first, *rest = text.split("\n")
        if first:
            self._put(first)
        if len(rest) > 2 and not self._style and self._at == len(self._rows) - 1:
            self._close_last()
            for line in rest[:-1]:
                row = Row(line)
                row.number = self._number()
                self._rows.append(row)
            self._rows.append(Row())
            self._at, self._column = len(self._rows) - 1, 0
            rest = rest[-1:]
            if rest[0]:
                self._put(rest[0])
            return
        for line in rest:
            self._line_feed()
            if line:
                self._put(line)

    def _put(self, text: str) -> None:
        self._rows[self._at].put(text, self._column, self._style)
        self._column += len(text)

    def _close_last(self) -> None:
        if self._rows[-1].number < 0:
            self._rows[-1].number = self._number()

    def _line_feed(self) -> None:
        self._column = 0
        self._at += 1
        if self._at == len(self._rows):
            self._close_last()
            self._rows.append(Row())

    def _trim(self) -> None:
        extra = len(self._rows) - EDITABLE
        if extra > 0:
            self._gone.extend(row for row in self._rows[:extra] if row.changed)
            del self._rows[:extra]
            self._at = max(0, self._at - extra)

    # -------------------------------------------------------------------------------- controls
    def _control(self, found: re.Match[str]) -> None:
        parameters, final, string = found.groups()
        if string:
            self._in_string = True
        elif final == "m":
            self._select(parameters)
        elif final:
            first = parameters.partition(";")[0]
            self._move(final, min(int(first), _MAX_MOVE) if first.isdecimal() else None)
        elif found.group() == "\r":
            self._column = 0
        elif found.group() == "\b":
            self._column = max(0, self._column - 1)

    def _move(self, final: str, given: int | None) -> None:
        count = max(1, given or 1)
        row = self._rows[self._at]
        if final in "AF":
            self._at = max(0, self._at - count)
        elif final in "BE":
            self._at = min(len(self._rows) - 1, self._at + count)
        elif final == "C":
            self._column = min(self._column + count, _MAX_MOVE)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final == "G":
            self._column = count - 1
        elif final == "K":
            self._erase_in_row(row, given or 0)
        elif final == "J" and not given:
            self._erase_in_row(row, 0)
            for below in self._rows[self._at + 1 :]:
                below.erase(0, None)
        if final in "EF":
            self._column = 0

    def _erase_in_row(self, row: Row, which: int) -> None:
        if which == 0:
            row.erase(self._column, None)
        elif which == 1:
            row.erase(0, self._column + 1)
        elif which == 2:
            row.erase(0, None)

    def _select(self, parameters: str) -> None:
        codes = parameters.split(";")[:32]
        index = 0
        while index < len(codes):
            head = codes[index].partition(":")[0]
            code = int(head) if head.isdecimal() else 0
            taken = 1
            if code in {38, 48, 58}:
                kind = codes[index + 1] if index + 1 < len(codes) else ""
                taken = {"5": 3, "2": 5}.get(kind, 1) if ":" not in codes[index] else 1
                self._slots[code] = ";".join(codes[index : index + taken])
            else:
                self._set_slot(code, codes[index])
            index += taken
        self._style = f"\x1b[{';'.join(self._slots.values())}m" if self._slots else ""

    def _set_slot(self, code: int, text: str) -> None:
        if code == 0:
            self._slots.clear()
        elif code in _OFF:
            for slot in _OFF[code]:
                self._slots.pop(slot, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self._slots[38] = text
        elif 40 <= code <= 47 or 100 <= code <= 107:
            self._slots[48] = text
        elif code <= 9 or 51 <= code <= 53:
            self._slots[code] = text

    # ------------------------------------------------------------------------------------- out
    def take(self, now: float, *, final: bool = False) -> list[Row]:
        """The rows to show now, in order, each with a number.

        A finished row comes at once. The row still being written, and one that changes after it
        was shown, come at most once a second, with the number they had.

        Args:
            now: seconds on any clock that does not go back.
            final: give everything that changed; the stream has ended.
        """
        rows, self._gone = self._gone, []
        last = len(self._rows) - 1
        for index, row in enumerate(self._rows):
            if row.changed and (final or self._is_due(row, now, finished=index < last)):
                if index == last:
                    if not row.length and row.number < 0:
                        continue
                    self._live_at = now
                    self._close_last()
                row.settled = row.settled or index < last
                rows.append(row)
        for row in rows:
            row.changed = False
            row.shown_at = now
        return rows

    def _is_due(self, row: Row, now: float, *, finished: bool) -> bool:
        if finished and not row.settled:
            return True
        since = row.shown_at if finished else max(row.shown_at, self._live_at)
        return now - since >= REPEAT_SECONDS

    @property
    def waiting(self) -> bool:
        """Whether a row has changed that `take` held back."""
        return any(row.changed and (row.length or row.number >= 0) for row in self._rows)
