"""Finding lines in the console of a run: which match, where errors are, which was printed when.

One pass over the whole console answers; nothing is kept. Chunks are looked at as bytes first, and
only those that may hold what is sought become lines: a million lines take a fraction of a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from epochal.domain.view import LogFind, LogStream
from epochal.store.lines import Line, read_chunks
from epochal.store.rows import find_run_id
from epochal.store.schema import run
from epochal.store.store import Store

MAX_NUMBERS: Final = 20_000
PARTS: Final = 240
ERROR: Final = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL)\b|^[^\S\n]*+(?:Traceback \(|[Ee]rror:)"
    r"|\b[A-Z]\w*(?:Error|Exception)\b",
    re.MULTILINE,
)
"""What a line that tells of an error looks like: levels of logging, and Python's exceptions."""
ERROR_PARTS: Final = ("ERROR", "FATAL", "CRITICAL", "Traceback (", "rror", "Exception")
"""A line that `ERROR` finds holds one of them; to look for these is far cheaper."""
COLOR: Final = re.compile(r"\x1b\[[0-9;:]*m")
FOLDED: Final = "ßİŉſǰẖẗẘẙẚẞ\u212aﬀﬁﬂﬃﬄﬅﬆ"
"""All that is not ASCII and becomes ASCII, at least in part, when case is folded."""
_COLOR_BYTES: Final = re.compile(COLOR.pattern.encode())
_ERROR_BYTES: Final = tuple(part.encode() for part in ERROR_PARTS)
_FOLDED_BYTES: Final = tuple(char.encode() for char in FOLDED)
_ASCII: Final = bytes(range(128))


def find_lines(
    store: Store,
    uid: str,
    *,
    search: str = "",
    stream: LogStream | None = None,
    errors: bool = False,
) -> LogFind:
    """The lines that match, and how errors spread over the console.

    Args:
        store: the home.
        uid: the run.
        search: text that a line must hold, whatever the case; without one, none is looked for.
        stream: only lines of this stream match.
        errors: also count lines that tell of an error, in 240 equal parts of the console.

    Raises:
        NotFound: no such run.
    """
    needle = search.casefold()
    numbers: list[int] = []
    count = 0
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        total = _total(connection, run_id)
        parts = [0] * (PARTS if errors and total else 0)
        may_hold = may_match(needle) if needle else lambda _: False
        may_matter = (lambda data: may_hold(data) or _may_err(data)) if parts else may_hold
        for first, _, lines in read_chunks(connection, run_id, 0, None, may_matter):
            if parts:
                for number, line in enumerate(lines, first):
                    if _tells_of_error(plain(line.text)):
                        parts[min(PARTS - 1, number * PARTS // total)] += 1
            if needle:
                found = [
                    number
                    for number, line in enumerate(lines, first)
                    if is_of(line, stream) and needle in plain(line.text).casefold()
                ]
                count += len(found)
                numbers += found[: MAX_NUMBERS - len(numbers)]
    return LogFind(total, count, numbers, parts)


def may_match(needle: str) -> Callable[[bytes], bool]:
    """Whether a chunk's bytes may hold a casefolded text: no chunk that holds it is refused."""
    if not needle.isascii():
        return lambda _: True
    sought = needle.encode()

    def look(data: bytes) -> bool:
        if sought in _plain_bytes(data).lower():
            return True
        others = data.translate(None, _ASCII)  # little is left to look through
        return any(odd in others for odd in _FOLDED_BYTES)

    return look


def _may_err(data: bytes) -> bool:
    text = _plain_bytes(data)
    return any(part in text for part in _ERROR_BYTES)


def _tells_of_error(text: str) -> bool:
    return any(part in text for part in ERROR_PARTS) and ERROR.search(text) is not None


def _plain_bytes(data: bytes) -> bytes:
    return _COLOR_BYTES.sub(b"", data) if b"\x1b" in data else data


def plain(text: str) -> str:
    """Text without colors: they neither hide a word nor part two."""
    return COLOR.sub("", text) if "\x1b" in text else text


def is_of(line: Line, stream: LogStream | None) -> bool:
    """Whether a line belongs to a stream; None is both."""
    return stream is None or (stream == "err") == bool(line.stream)


def line_at(store: Store, uid: str, t_us: int) -> int | None:
    """The number of the last line that was printed until a time; None when all came later.

    Several writers' lines may be a little out of order; then it is one of those close to the time.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        low, high = 0, _total(connection, run_id)
        while low < high:
            middle = (low + high) // 2
            if _time_of(connection, run_id, middle) <= t_us:
                low = middle + 1
            else:
                high = middle
    return low - 1 if low else None


def _time_of(connection: sa.Connection, run_id: int, number: int) -> int:
    for first, _, lines in read_chunks(connection, run_id, number, number + 1):
        return lines[number - first].wall_us
    return 0


def _total(connection: sa.Connection, run_id: int) -> int:
    found = connection.execute(sa.select(run.c.lines).where(run.c.id == run_id))
    return int(found.scalar_one())
