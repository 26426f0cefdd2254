"""Text tables and JSON lines, row by row, with the place of each row in its file.

A last line without its end is still being written: it waits. Rows that cannot be read are told
with their line and left out.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from epochal.errors import InvalidInput, NotFound
from epochal.imports.values import read_cell

LONGEST: Final = 16 * 1024 * 1024
_DELIMITERS: Final = (",", "\t", ";", "|")
_SHOWN: Final = 20


class Placed(NamedTuple):
    """A row, and where it begins and ends in the file, in bytes.

    ``line`` is that of its end, counted from where the reading began.
    """

    start: int
    end: int
    values: dict[str, Any]
    line: int


class Table:
    """A file of rows.

    Args:
        path: the file.

    Attributes:
        names: the columns of a text table; empty for JSON lines.
        heading: how many lines the names take.
        problems: what could not be read at the last full reading.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read, or has no columns.
    """

    names: list[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = []
        self.heading = 0
        self.problems: list[str] = []
        self._bad = 0

    def rows(self) -> Iterator[Placed]:
        """All rows."""
        with self.open() as file:
            yield from self.rows_of(file)

    def rows_of(self, file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Placed]:
        """Rows of the open file from one offset to another; both are ends of rows."""
        raise NotImplementedError

    def open(self) -> BinaryIO:
        """The file, for reading."""
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no file {self.path}") from None
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror}") from None

    def tell(self, problem: str) -> None:
        """Note a row that cannot be read; only the first ones are told one by one."""
        self._bad += 1
        if self._bad <= _SHOWN:
            self.problems.append(f"{self.path} {problem}")
        elif self._bad == _SHOWN + 1:
            self.problems.append(f"{self.path} has more rows that cannot be read")

    def _end_at(self, start: int, lines: _Lines) -> None:
        """Nothing is read behind a line that is too long."""
        if lines.is_too_long:
            self.tell(
                f"at byte {start}: a line of more than {LONGEST:,} bytes; reading ends there"
            )

    def forget(self) -> None:
        """Begin anew to note problems."""
        self.problems, self._bad = [], 0


class CsvTable(Table):
    """Comma, semicolon, tab or bar separated, with a line of names."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self.open() as file:
            first = file.readline(LONGEST)
            text = _decode(first)
            if "\0" in text:
                raise InvalidInput(f"{path} is no text; a table with a line of names was expected")
            self._delimiter = max(_DELIMITERS, key=text.count)
            lines = _Lines(file, first)
            try:
                self.names = [name.strip() for name in next(self._reader(lines), [])]
            except csv.Error as error:
                raise InvalidInput(f"{path} has no line of names: {error}") from None
            self._begin = lines.end
            self.heading = lines.count
        if not any(self.names):
            raise InvalidInput(f"{path} is empty; a line of names was expected")
        doubled = {name for name in self.names if name and self.names.count(name) > 1}
        if doubled:
            raise InvalidInput(f"{path} has two columns {min(doubled)!r}; rename one")

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter)

    def rows_of(self, file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Placed]:
        """See `Table.rows_of`."""
        start = max(start, self._begin)
        file.seek(start)
        lines = _Lines(file, offset=start, stop=end)
        reader = self._reader(lines)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.tell(f"at byte {start}: {error}")
                start = lines.end
                continue
            if lines.torn:
                self._end_at(start, lines)
                return
            if len(cells) > len(self.names):
                self.tell(
                    f"at byte {start}: a row of {len(cells)} cells, but there are "
                    f"{len(self.names)} columns"
                )
            elif cells:
                named = zip(self.names, map(read_cell, cells), strict=False)
                values = {name: cell for name, cell in named if name}
                yield Placed(start, lines.end, values, lines.count)
            start = lines.end


class JsonTable(Table):
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.open().close()

    def rows_of(self, file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Placed]:
        """See `Table.rows_of`."""
        file.seek(start)
        lines = _Lines(file, offset=start, stop=end)
        for text in lines:
            if lines.torn:
                self._end_at(start, lines)
                return
            begin, start = start, lines.end
            if not text.strip():
                continue
            try:
                values = json.loads(text)
            except (ValueError, RecursionError) as error:
                self.tell(f"at byte {begin} is no JSON: {error!s:.120}")
                continue
            if not isinstance(values, dict):
                self.tell(f"at byte {begin}: a JSON object was expected, got {text[:40]!r}")
                continue
            yield Placed(begin, lines.end, values, lines.count)


class _Lines:
    """Lines of a file as text, counted in bytes.

    ``count``: how many came. ``torn``: the last one has no end; ``is_too_long``: because it is
    longer than a line may be.
    """

    def __init__(
        self, file: BinaryIO, first: bytes = b"", offset: int = 0, stop: int | None = None
    ) -> None:
        self.end = offset
        self.count = 0
        self.torn = self.is_too_long = False
        self._file = file
        self._first = first
        self._stop = stop

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._stop is not None and self.end >= self._stop:
            raise StopIteration
        line = self._first or self._file.readline(LONGEST)
        self._first = b""
        if not line:
            raise StopIteration
        is_first = self.end == 0
        self.end += len(line)
        self.count += 1
        self.torn = not line.endswith(b"\n")
        self.is_too_long = self.torn and len(line) == LONGEST
        return _decode(line) if is_first else line.decode("utf-8", "replace")


def _decode(line: bytes) -> str:
    return line.decode("utf-8-sig", "replace")


KINDS: Final[dict[str, Callable[[Path], Table]]] = {"csv": CsvTable, "jsonl": JsonTable}
"""How to open a table, by the name of its format."""
